"""Other names of `tiny`'s pictures, until every test asks there."""

import functools

import tiny
from tiny import Flat, Maker, Normalised, TinyImages, fit, image_gan

image_model = image_gan
adam = functools.partial(tiny.SLOW_ADAM)


def quadrants(n, channels=1):
    return tiny.quadrants(n, channels)[0]


__all__ = ["Flat", "Maker", "Normalised", "TinyImages", "adam", "fit", "image_model", "quadrants"]

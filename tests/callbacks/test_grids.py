import numpy as np
import pytest
import torch
from tiny import Flat, Maker, TinyImages, image_cgan, image_gan, image_vae

from kantor.callbacks.grids import Grids
from kantor.callbacks.pictures import CLASSES
from kantor.data import pixels
from kantor.samples import sheets

CELL = 8 * 11 + sheets.GAP


class Colours(torch.nn.Module):
    """A conditional network whose images have the brightness of their class."""

    def __init__(self, classes):
        super().__init__()
        self.brightness = torch.nn.Parameter(torch.linspace(-1, 1, classes))

    def forward(self, z, labels):
        return self.brightness[labels].reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8) + 0 * z.sum()


def cells(picture, rows, columns):
    """The pixel in the middle of each image of a grid, (rows, columns, …)."""
    seen = np.asarray(picture)[-(rows * CELL - sheets.GAP + sheets.MARGIN) :, sheets.MARGIN :]
    return seen[CELL // 2 :: CELL, CELL // 2 :: CELL][:rows, :columns]


@pytest.mark.parametrize("make", [image_gan, image_vae])
def test_a_grid_is_a_square_of_samples_row_by_row(scene, make):
    model, here = make(), scene(TinyImages())
    picture = Grids(here, every=1, side=3).draw(model)
    side = 3 * CELL - sheets.GAP + 2 * sheets.MARGIN
    assert picture.mode == "L" and picture.size == (side, side + 3 * sheets.TEXT // 2)
    samples = pixels.to_uint8(here.samples(model, 9)).reshape(3, 3, 8, 8)
    assert np.array_equal(cells(picture, 3, 3), samples[:, :, 4, 4])


@pytest.mark.parametrize("classes", [4, CLASSES + 5])
def test_a_conditional_model_shows_one_class_a_column(scene, classes):
    model = image_cgan(generator=lambda: Colours(classes), classes=classes)
    picture = Grids(scene(TinyImages(labelled=True)), every=1, side=3).draw(model)
    shown = min(classes, CLASSES)
    expected = pixels.to_uint8(torch.linspace(-1, 1, classes)[:shown])
    assert np.array_equal(cells(picture, 3, shown), np.tile(expected, (3, 1)))


def test_pictures_of_colours_are_in_colour(scene):
    model = image_gan(generator=lambda: Maker(3), critic=lambda: Flat(3))
    assert Grids(scene(TinyImages(channels=3)), every=1, side=2).draw(model).mode == "RGB"

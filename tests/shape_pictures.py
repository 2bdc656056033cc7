"""Rendered pictures of shapes, and what is detected in them: what the tests of detection and of its scores share."""

from functools import cache

import numpy as np
import torch

from kantor import keyed
from kantor.data import shapes
from kantor.evaluation.extractors.classifiers import shapes_cnn
from kantor.evaluation.shape_detection import WithDetections

N = 250


@cache
def scenes(name, n=N):
    return shapes.scenes([keyed.seed(0, f"test of shape_truth {name}", index) for index in range(n)])


@cache
def rendered(name, n=N):
    return shapes.paint(scenes(name, n))


def detected(images):
    """Packed detections in uint8 (n, 3, 64, 64)."""
    return WithDetections(shapes_cnn(), shapes_cnn())(torch.from_numpy(images)).detections


@cache
def seen(name):
    return detected(rendered(name))


def visible(truth):
    """Pixels that each shape of a scene shows, (n, 5): painted once more, each in a colour of its own."""
    numbered = truth.copy()
    numbered["shapes"]["colour"] = 1 + np.arange(shapes.MOST)[:, None]
    layers = shapes.paint(numbered)[:, 0]
    return np.stack([(layers == 1 + layer).sum((1, 2)) for layer in range(shapes.MOST)], 1)

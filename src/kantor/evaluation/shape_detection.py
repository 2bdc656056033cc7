"""Detection of what pictures of shapes show: how many shapes, of which kinds, of what colours and sizes.

A *region* is a patch of one colour on black. It is found without any network: a 3×3 median closes the holes that
rotated shapes have; pixels whose brightest channel has at least `BRIGHT` levels are foreground; neighbours among them,
across or down, belong together where no channel differs by more than `STEP`; and what has fewer than `LEAST` pixels is
no region. A shape that is partly hidden is a smaller region, or two; two shapes of one colour that touch are one. How
many shapes there are, and of each kind, says the shipped `shapes_cnn`.

Real pictures go through the same detectors, so that their mistakes are on both sides and equal laws score near 0. How
well they see is known from rendered pictures, whose truth is known. In the 10,000 of the test split the regions are as
many as the shapes with at least `LEAST` visible pixels in 91% of the pictures, and 94% of those shapes are a region of
their colour, to 8 levels, and visible area, to a fifth. Detections against the exact truth of the same pictures score
0.013 (shape_count_tv), 0.014 (shape_kind_tv), 0.2 levels (shape_colour_w1) and 12 pixels of 250 (shape_area_w1; closed
holes are part of it). Two halves of 5,000 against each other score 0.018, 0.010, 1.6 levels and 1.2 pixels. In noise
such as that of a collapsed generator `shapes_cnn` finds no shapes.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kantor.data import shapes
from kantor.data.module import BlockData
from kantor.data.shapes5 import PurdueShapes5
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.classifiers import WEIGHTS, ShippedClassifier, numbers_of_shapes, shapes_cnn

DETECTOR = 1
"""Its version, to be raised when it sees something else in a picture."""

BRIGHT = 64
"""Levels; half of what the brightest channel of a shape has at least."""

STEP = 16
"""Levels between neighbours in one region, at most."""

LEAST = 24
"""Pixels of a region, at least."""

REGIONS = 12
"""Of one picture, the largest; real pictures have up to 8."""

BATCH = 64  # pictures whose regions are looked for at a time


class Detections(NamedTuple):
    """What is detected in n pictures.

    Attributes:
        numbers: of shapes in all and of each of `shapes.KINDS`, 0 … 5, int64 (n, 6).
        areas: of the regions in pixels, the largest first, int64 (n, REGIONS); 0 where there are no more.
        colours: mean levels of their channels, float64 (n, REGIONS, 3).
    """

    numbers: np.ndarray
    areas: np.ndarray
    colours: np.ndarray

    def packed(self) -> Tensor:
        """All in one row for each picture, float64 (n, 6 + 4·REGIONS): to be kept and cut like features."""
        colours = self.colours.reshape(len(self.colours), -1)
        return torch.from_numpy(np.concatenate([self.numbers, self.areas, colours], 1))

    @classmethod
    def unpacked(cls, rows: Tensor) -> "Detections":
        """Of `packed` rows."""
        numbers, areas, colours = np.split(rows.numpy(), [1 + len(shapes.KINDS), 1 + len(shapes.KINDS) + REGIONS], 1)
        return cls(numbers.astype(np.int64), areas.astype(np.int64), colours.reshape(-1, REGIONS, 3))


def are_rendered_shapes(data: BlockData) -> bool:
    """Whether the truth of a data set's pictures is known: rendered shapes, not those of an archive."""
    return isinstance(data, PurdueShapes5) and data.archive is None


@dataclass(frozen=True)
class WithDetections:
    """An extractor whose features come with what is detected in the same pictures, uint8 (n, 3, 64, 64).

    Attributes:
        extractor: makes the features.
        counter: `shapes_cnn`, by whose logits shapes are counted; where it makes the features too, it runs once.
    """

    extractor: Extractor
    counter: ShippedClassifier

    @property
    def classes(self) -> int | None:
        """The extractor's."""
        return self.extractor.classes

    def __call__(self, images: Tensor) -> Features:
        """Features, logits and detections.

        Raises:
            UserError: the images are no such pictures.
        """
        seen = self.extractor(images)
        logits = seen.logits if self.extractor == self.counter else self.counter(images).logits
        assert logits is not None
        areas, colours = regions(images.cpu().numpy())
        detections = Detections(numbers_of_shapes(logits).cpu().numpy(), areas, colours)
        return seen._replace(detections=detections.packed())

    def identity(self) -> dict[str, Any]:
        """The extractor's, and which detectors look at the pictures."""
        detectors = {"regions": DETECTOR, "shapes": {"name": "shapes_cnn", "weights": WEIGHTS["shapes_cnn"]}}
        return {**self.extractor.identity(), "detectors": detectors}

    def prepare(self) -> None:
        """Load the weights of both.

        Raises:
            UserError: weights are missing or wrong.
        """
        self.extractor.prepare()
        self.counter.prepare()


@cache
def _counter() -> ShippedClassifier:
    return shapes_cnn()


def with_detections(extractor: Extractor, data: BlockData) -> Extractor:
    """The extractor, with detections where the truth of a data set's pictures is known."""
    return WithDetections(extractor, _counter()) if are_rendered_shapes(data) else extractor


def regions(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The regions of pictures, uint8 (n, 3, H, W): areas (n, REGIONS) and colours (n, REGIONS, 3), see `Detections`."""
    parts = [_regions_of_batch(median3x3(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
    return np.concatenate([areas for areas, _ in parts]), np.concatenate([colours for _, colours in parts])


def _regions_of_batch(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    foreground = images.max(1) >= BRIGHT
    picture, owner = foreground.nonzero()[0], _connected(images, foreground)
    area = np.bincount(owner)
    levels = np.moveaxis(images, 1, -1)[foreground]  # (P, 3)
    colour = np.stack([np.bincount(owner, channel, len(area)) for channel in levels.T], 1) / area[:, None]
    picture_of = np.zeros(len(area), dtype=np.int64)
    picture_of[owner] = picture
    order = np.lexsort((-area, picture_of))
    order = order[area[order] >= LEAST]
    sorted_pictures = picture_of[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_pictures, sorted_pictures)
    order, place = order[rank < REGIONS], (sorted_pictures[rank < REGIONS], rank[rank < REGIONS])
    areas, colours = np.zeros((len(images), REGIONS), dtype=np.int64), np.zeros((len(images), REGIONS, 3))
    areas[place], colours[place] = area[order], colour[order]
    return areas, colours


def _connected(images: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """The number of the region of each foreground pixel, (P,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pixels = int(foreground.sum())
    number = np.full(foreground.shape, -1)
    number[foreground] = np.arange(pixels)
    levels = images.astype(np.int16)
    ends = []
    for axis, before, after in (
        (1, number[:, :-1], number[:, 1:]),
        (2, number[:, :, :-1], number[:, :, 1:]),
    ):
        joined = (np.abs(np.diff(levels, axis=axis + 1)) <= STEP).all(1) & (before >= 0) & (after >= 0)
        ends.append((before[joined], after[joined]))
    one, other = np.concatenate(ends, 1)
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(pixels, pixels))
    return np.asarray(connected_components(links, directed=False)[1])


def median3x3(images: np.ndarray) -> np.ndarray:
    """Each pixel's median over its 3×3 neighbourhood, channel by channel, black beyond the border; (…, H, W).

    That of nine is the middle one of: the largest of the three rows' least, the middle one of their middle ones, the
    least of their largest (Smith 1996, *Implementing median filters in XC4000E FPGAs*).
    """
    height, width = images.shape[-2:]
    padded = np.pad(images, [(0, 0)] * (images.ndim - 2) + [(1, 1), (1, 1)])
    a, b, c = (padded[..., shift : shift + width] for shift in range(3))
    least, middle, largest = _sorted(a, b, c)
    rows = [[part[..., shift : shift + height, :] for shift in range(3)] for part in (least, middle, largest)]
    return _sorted(_sorted(*rows[0])[2], _sorted(*rows[1])[1], _sorted(*rows[2])[0])[1]


def _sorted(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(low, c), np.maximum(low, np.minimum(high, c)), np.maximum(high, c)

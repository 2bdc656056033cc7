"""What pictures of shapes show, against real ones: how many shapes, of which kinds, of what colours and sizes.

A *region* is a patch of one colour on black. It is found without any network: a 3×3 median closes the holes that
rotated shapes have; pixels whose brightest channel has at least `BRIGHT` levels are foreground; neighbours among them,
across or down, belong together where no channel differs by more than `STEP`; and what has fewer than `LEAST` pixels is
no region. A shape that is partly hidden is a smaller region, or two; two shapes of one colour that touch are one. How
many shapes there are, and of each kind, says the shipped `shapes_cnn`.

Real pictures go through the same detectors, so that their mistakes are on both sides and equal laws score near 0. How
well they see is known from rendered pictures, whose truth is known. In the 10,000 of the test split the regions are as
many as the shapes with at least `LEAST` visible pixels in 91% of the pictures, and 94% of those shapes are a region of
their colour, to 8 levels, and visible area, to a fifth. Sights against the exact truth of the same pictures score 0.013
(shape_count_tv), 0.014 (shape_kind_tv), 0.2 levels (shape_colour_w1) and 12 pixels of 250 (shape_area_w1; closed holes
are part of it). Two halves of 5,000 against each other score 0.018, 0.010, 1.6 levels and 1.2 pixels. In noise such as
that of a collapsed generator `shapes_cnn` finds no shapes.
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
from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.extractors.classifiers import WEIGHTS, ShippedClassifier, numbers_of_shapes, shapes_cnn
from kantor.evaluation.spreads import Spreads, of_left_out, without_each_group
from kantor.metrics.divergences import total_variation
from kantor.metrics.intervals import GROUPS
from kantor.metrics.sliced import DIRECTIONS, sliced_w1_in_space, w1_on_lines

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

KINDS = {name: Kind("lower") for name in ("shape_count_tv", "shape_kind_tv", "shape_colour_w1", "shape_area_w1")}


class Sights(NamedTuple):
    """What is seen in n pictures.

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
    def unpacked(cls, rows: Tensor) -> "Sights":
        """Of `packed` rows."""
        numbers, areas, colours = np.split(rows.numpy(), [1 + len(shapes.KINDS), 1 + len(shapes.KINDS) + REGIONS], 1)
        return cls(numbers.astype(np.int64), areas.astype(np.int64), colours.reshape(-1, REGIONS, 3))


def knows(data: BlockData) -> bool:
    """Whether the truth of a data set's pictures is known: rendered shapes, not those of an archive."""
    return isinstance(data, PurdueShapes5) and data.archive is None


@dataclass(frozen=True)
class Seeing:
    """An extractor whose features come with what is seen in the same pictures, uint8 (n, 3, 64, 64).

    Attributes:
        extractor: makes the features; where it is `shapes_cnn`, shapes are counted by its logits.
    """

    extractor: Extractor

    @property
    def has_classes(self) -> bool:
        """The extractor's."""
        return self.extractor.has_classes

    def __call__(self, images: Tensor) -> Features:
        """Features, logits and sights.

        Raises:
            UserError: the images are no such pictures.
        """
        found, counter = self.extractor(images), _counter()
        logits = found.logits if self.extractor == counter else counter(images).logits
        assert logits is not None
        areas, colours = regions(images.cpu().numpy())
        return found._replace(sights=Sights(numbers_of_shapes(logits).cpu().numpy(), areas, colours).packed())

    def identity(self) -> dict[str, Any]:
        """The extractor's, and which detectors look at the pictures."""
        sights = {"regions": DETECTOR, "shapes": {"name": "shapes_cnn", "weights": WEIGHTS["shapes_cnn"]}}
        return {**self.extractor.identity(), "sights": sights}

    def prepare(self) -> None:
        """Load the weights of both.

        Raises:
            UserError: weights are missing or wrong.
        """
        self.extractor.prepare()
        _counter().prepare()


@cache
def _counter() -> ShippedClassifier:
    return shapes_cnn()


def seeing(extractor: Extractor, data: BlockData) -> Extractor:
    """The extractor, with sights where the truth of a data set's pictures is known."""
    return Seeing(extractor) if knows(data) else extractor


def estimators() -> dict[str, Any]:
    """How each score is computed, by its name, for the protocol."""
    both = {"of": "real and generated pictures through one detector"}
    counts = {**both, "detector": "shapes_cnn", "weights": WEIGHTS["shapes_cnn"], "answer": "most probable"}
    patches = {
        **both,
        "detector": "regions of one colour",
        "version": DETECTOR,
        "median": "3x3",
        "bright": BRIGHT,
        "step": STEP,
        "least": LEAST,
        "regions": REGIONS,
        "none": "one black region of no area",
    }
    return {
        "shape_count_tv": {**counts, "histogram": "pictures by their number of shapes"},
        "shape_kind_tv": {**counts, "histogram": "shapes by their kind, and pictures without any"},
        "shape_colour_w1": {**patches, "distance": "2 x sliced W1 in RGB, levels", "directions": DIRECTIONS},
        "shape_area_w1": {**patches, "distance": "W1, pixels"},
    }


def scores(real: Tensor, generated: Tensor) -> dict[str, float]:
    """All scores of packed sights (N, ·) and (M, ·), by name; 0 for equal ones, and smaller is better.

    `shape_count_tv`: total variation between the shares of pictures with 0 … 5 shapes. `shape_kind_tv`: between the
    shares of kinds among all shapes; a picture without any counts as one of a sixth kind. `shape_colour_w1`: twice the
    sliced W1 between the regions' colours in RGB, in levels; colours that are all shifted by v score ‖v‖.
    `shape_area_w1`: W1 between the regions' areas, in pixels. A picture without regions counts as one black region of
    no area, so that every score of every picture is a number.
    """
    p, q = Sights.unpacked(real), Sights.unpacked(generated)
    (areas_p, colours_p), (areas_q, colours_q) = _regions_of_all(p), _regions_of_all(q)
    return {
        "shape_count_tv": total_variation(_shares_of_counts(p.numbers), _shares_of_counts(q.numbers)),
        "shape_kind_tv": total_variation(_shares_of_kinds(p.numbers), _shares_of_kinds(q.numbers)),
        "shape_colour_w1": sliced_w1_in_space(colours_p, colours_q),
        "shape_area_w1": float(w1_on_lines(areas_p[:, None], areas_q[:, None])[0]),
    }


def spreads(real: Tensor, generated: Tensor) -> Spreads:
    """How sure one draw is of each score: the jackknife over 20 groups of pictures; a reason where there are too few.

    Where laws are equal every score has a kink, and the intervals are too long, by up to a half; where they clearly
    differ they are right (simulated at n = 500).
    """
    if len(generated) < 2 * GROUPS:
        return dict.fromkeys(KINDS, f"no interval from fewer than {2 * GROUPS} generated samples")
    found, left_out = scores(real, generated), [scores(real, part) for part in without_each_group(generated)]
    return {name: of_left_out(found[name], [each[name] for each in left_out]) for name in KINDS}


def _shares_of_counts(numbers: np.ndarray) -> np.ndarray:
    return np.bincount(numbers[:, 0], minlength=shapes.MOST + 1) / len(numbers)


def _shares_of_kinds(numbers: np.ndarray) -> np.ndarray:
    of_kind = numbers[:, 1:]
    found = np.append(of_kind.sum(0), (of_kind.sum(1) == 0).sum())
    return found / found.sum()


def _regions_of_all(sights: Sights) -> tuple[np.ndarray, np.ndarray]:
    """Areas (R,) and colours (R, 3)."""
    there = sights.areas > 0
    there[:, 0] = True  # where nothing is seen, the black one of no area
    return sights.areas[there], sights.colours[there]


def regions(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The regions of pictures, uint8 (n, 3, H, W): areas (n, REGIONS) and colours (n, REGIONS, 3), see `Sights`."""
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

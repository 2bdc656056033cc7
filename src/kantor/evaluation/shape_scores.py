"""What pictures of shapes show, against what real ones show, as one detector sees both (`shape_detection`).

A picture without regions counts as one black region of no area, so that every score of every picture is a number. Where
laws are equal every score has a kink, and the jackknife's intervals are too long, by up to a half; where they clearly
differ they are right (simulated at n = 500).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from kantor.data import shapes
from kantor.evaluation import spreads
from kantor.evaluation.extractors.classifiers import WEIGHTS
from kantor.evaluation.picture_comparison import PictureComparison, PictureScore
from kantor.evaluation.score_definition import Kind
from kantor.evaluation.shape_detection import BRIGHT, DETECTOR, LEAST, REGIONS, STEP, Detections
from kantor.evaluation.spreads import Spread
from kantor.metrics.divergences import total_variation
from kantor.metrics.sliced import DIRECTIONS, sliced_w1_in_space, w1_on_lines

BOTH = {"of": "real and generated pictures through one detector"}
COUNTS = {**BOTH, "detector": "shapes_cnn", "weights": WEIGHTS["shapes_cnn"], "answer": "most probable"}
PATCHES = {
    **BOTH,
    "detector": "regions of one colour",
    "version": DETECTOR,
    "median": "3x3",
    "bright": BRIGHT,
    "step": STEP,
    "least": LEAST,
    "regions": REGIONS,
    "none": "one black region of no area",
}


def of_shapes(
    name: str, meaning: str, estimator: dict[str, Any], distance: Callable[[Detections, Detections], float]
) -> PictureScore:
    """A distance between what is detected in real and in generated pictures; 0 for equal ones."""

    def score(real: Tensor, generated: Tensor) -> float:
        return distance(Detections.unpacked(real), Detections.unpacked(generated))

    def spread(comparison: PictureComparison) -> Spread | str:
        real, generated = comparison.detections
        return spreads.of_groups(partial(score, real), generated)

    return PictureScore(
        name=name,
        kind=Kind("lower"),
        meaning=meaning,
        estimator=lambda setting: estimator,
        compute=lambda comparison: score(*comparison.detections),
        spread=spread,
        applies=lambda setting: setting.has_detections,
    )


def shares_of_counts(seen: Detections) -> np.ndarray:
    """Of pictures with 0 … 5 shapes, (6,)."""
    return np.bincount(seen.numbers[:, 0], minlength=shapes.MOST + 1) / len(seen.numbers)


def shares_of_kinds(seen: Detections) -> np.ndarray:
    """Of kinds among all shapes, (6,); a picture without any shape counts as one of a sixth kind."""
    of_kind = seen.numbers[:, 1:]
    counted = np.append(of_kind.sum(0), (of_kind.sum(1) == 0).sum())
    return counted / counted.sum()


def colours_of_regions(seen: Detections) -> np.ndarray:
    """Of all pictures' regions, (R, 3)."""
    return seen.colours[regions_there(seen)]


def areas_of_regions(seen: Detections) -> np.ndarray:
    """Of all pictures' regions, (R, 1)."""
    return seen.areas[regions_there(seen)][:, None]


def regions_there(seen: Detections) -> np.ndarray:
    """Which regions there are, bool (n, REGIONS); where nothing is detected, the black one of no area."""
    there = seen.areas > 0
    there[:, 0] = True
    return there


SHAPE_SCORES = (
    of_shapes(
        "shape_count_tv",
        "total variation, number of shapes",
        {**COUNTS, "histogram": "pictures by their number of shapes"},
        lambda real, generated: total_variation(shares_of_counts(real), shares_of_counts(generated)),
    ),
    of_shapes(
        "shape_kind_tv",
        "total variation, kinds of shapes",
        {**COUNTS, "histogram": "shapes by their kind, and pictures without any"},
        lambda real, generated: total_variation(shares_of_kinds(real), shares_of_kinds(generated)),
    ),
    of_shapes(  # colours that are all shifted by v score ‖v‖
        "shape_colour_w1",
        "Wasserstein-1 of shapes' colours, levels",
        {**PATCHES, "distance": "2 x sliced W1 in RGB, levels", "directions": DIRECTIONS},
        lambda real, generated: sliced_w1_in_space(colours_of_regions(real), colours_of_regions(generated)),
    ),
    of_shapes(
        "shape_area_w1",
        "Wasserstein-1 of shapes' areas, pixels",
        {**PATCHES, "distance": "W1, pixels"},
        lambda real, generated: float(w1_on_lines(areas_of_regions(real), areas_of_regions(generated))[0]),
    ),
)

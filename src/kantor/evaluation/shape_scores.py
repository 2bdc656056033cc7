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
from kantor.evaluation.score import NOT_NEGATIVE, SHARE, Kind, Words
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
    name: str,
    words: Words,
    estimator: dict[str, Any],
    distance: Callable[[Detections, Detections], float],
    *,
    bounds: tuple[float, float],
    function: Callable[..., Any],
    source: str,
) -> PictureScore:
    """A distance between what is detected in real and in generated pictures; 0 for equal ones."""

    def score(real: Tensor, generated: Tensor) -> float:
        return distance(Detections.unpacked(real), Detections.unpacked(generated))

    def spread(comparison: PictureComparison) -> Spread | str:
        real, generated = comparison.detections
        return spreads.of_groups(partial(score, real), generated)

    return PictureScore(
        name=name,
        kind=Kind("lower", bounds=bounds),
        words=words,
        function=function,
        source=source,
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
        Words(
            meaning="total variation, number of shapes",
            good="as low as what real data score: pictures have as many shapes as they should",
            suspicious="near 1: every picture has another number of shapes than real ones, or none is detected",
        ),
        {**COUNTS, "histogram": "pictures by their number of shapes"},
        lambda real, generated: total_variation(shares_of_counts(real), shares_of_counts(generated)),
        bounds=SHARE,
        function=total_variation,
        source="half the sum of absolute differences of two histograms",
    ),
    of_shapes(
        "shape_kind_tv",
        Words(
            meaning="total variation, kinds of shapes",
            good="as low as what real data score",
            suspicious="near 1: one kind is drawn only, or none is recognised",
        ),
        {**COUNTS, "histogram": "shapes by their kind, and pictures without any"},
        lambda real, generated: total_variation(shares_of_kinds(real), shares_of_kinds(generated)),
        bounds=SHARE,
        function=total_variation,
        source="half the sum of absolute differences of two histograms",
    ),
    of_shapes(  # colours that are all shifted by v score ‖v‖
        "shape_colour_w1",
        Words(
            meaning="Wasserstein-1 of shapes' colours, levels",
            good="as low as what real data score; colours that are all shifted by v score the length of v",
            suspicious="tens of levels: colours are washed out, or pictures are black",
        ),
        {**PATCHES, "distance": "2 x sliced W1 in RGB, levels", "directions": DIRECTIONS},
        lambda real, generated: sliced_w1_in_space(colours_of_regions(real), colours_of_regions(generated)),
        bounds=NOT_NEGATIVE,
        function=sliced_w1_in_space,
        source="Bonneel et al. 2015, sliced over fixed directions",
    ),
    of_shapes(
        "shape_area_w1",
        Words(
            meaning="Wasserstein-1 of shapes' areas, pixels",
            good="as low as what real data score",
            suspicious="far above it: shapes melt together, or crumble",
        ),
        {**PATCHES, "distance": "W1, pixels"},
        lambda real, generated: float(w1_on_lines(areas_of_regions(real), areas_of_regions(generated))[0]),
        bounds=NOT_NEGATIVE,
        function=w1_on_lines,
        source="Villani 2009: on a line, the area between the distribution functions",
    ),
)

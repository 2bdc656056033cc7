"""All scores of generated pictures against real ones. A new one is one more object here, or in a module beside this."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from kantor.evaluation import spreads
from kantor.evaluation.class_scores import CONDITIONAL_SCORES
from kantor.evaluation.picture_comparison import BANDWIDTHS, PictureComparison, PictureScore, PictureSetting
from kantor.evaluation.score_definition import Kind
from kantor.evaluation.shape_scores import SHAPE_SCORES
from kantor.evaluation.spreads import Spread, only_over_draws
from kantor.metrics import logits, neighbours
from kantor.metrics.divergences import jensen_shannon, total_variation
from kantor.metrics.frechet import frechet_distance_of_features, frechet_infinity
from kantor.metrics.transport import wasserstein

UNBIASED = {"statistic": "unbiased, all pairs", "arithmetic": "float64"}
OTHERS_CHANGE = only_over_draws("a left-out sample changes others' neighbours")


def ball(setting: PictureSetting) -> dict[str, Any]:
    """Of scores of closed balls."""
    return {"k": setting.k, "distance": "euclidean", "arithmetic": "float64", "balls": "closed"}


def nearest(setting: PictureSetting) -> dict[str, Any]:
    """Of scores of the nearest neighbour."""
    return {
        "sets": "of equal size, the first of the larger one",
        "distance": "euclidean",
        "left_out": "one",
        "ties": "half",
        "arithmetic": "float64",
    }


def coverage_estimator(setting: PictureSetting) -> dict[str, Any]:
    """Of coverage, which depends on how many there are."""
    null = neighbours.expected_coverage(setting.n_real, setting.n_generated, k=setting.k)
    return {**ball(setting), "of equal distributions": null}


def inside(comparison: PictureComparison) -> Tensor:
    """Which generated features lie in some closed ball, float64 (m,)."""
    return (comparison.neighbourhood.balls(comparison.setting.k, closed=True) > 0).double()


def balls_around(comparison: PictureComparison) -> Tensor:
    """How many open balls hold each generated feature, over k, float64 (m,)."""
    return comparison.neighbourhood.balls(comparison.setting.k, closed=False).double() / comparison.setting.k


FEATURE_SCORES = (
    PictureScore(
        name="kid",
        kind=Kind("lower"),
        meaning="kernel distance of features",
        estimator=lambda setting: {"kernel": "(x·y/d + 1)^3", **UNBIASED},
        compute=lambda comparison: comparison.cubic.mmd2,
        spread=lambda comparison: spreads.of_discrepancy(comparison.cubic),
    ),
    PictureScore(
        name="frechet_distance",
        kind=Kind("lower"),
        meaning="Fréchet distance of features",
        estimator=lambda setting: {"covariance": "divisor n - 1", "squared": True, "arithmetic": "float64"},
        compute=lambda comparison: frechet_distance_of_features(*comparison.features),
        spread=lambda comparison: spreads.of_frechet_distance(*comparison.features),
        smallest_set=lambda n: n,
    ),
    PictureScore(
        name="mmd",
        kind=Kind("lower"),
        meaning="maximum mean discrepancy",
        estimator=lambda setting: {
            "kernel": "mean of exp(-‖x - y‖²/2σ²)",
            "sigma": {"median distances between reference features": list(BANDWIDTHS)},
            "squared": True,
            **UNBIASED,
        },
        compute=lambda comparison: comparison.gaussian.mmd2,
        spread=lambda comparison: spreads.of_discrepancy(comparison.gaussian),
    ),
    PictureScore(
        name="precision",
        kind=Kind("higher"),
        meaning="share of samples inside the real manifold",
        estimator=ball,
        compute=lambda comparison: neighbours.precision(comparison.neighbourhood, k=comparison.setting.k),
        spread=lambda comparison: spreads.of_balls(inside(comparison), share=True),
    ),
    PictureScore(
        name="recall",
        kind=Kind("higher"),
        meaning="share of real data inside the generated manifold",
        estimator=ball,
        compute=lambda comparison: neighbours.recall(comparison.neighbourhood, k=comparison.setting.k),
        spread=only_over_draws("a left-out sample changes its neighbours' balls"),
    ),
    PictureScore(
        name="density",
        kind=Kind("target", 1.0),
        meaning="real neighbourhoods around a sample",
        estimator=lambda setting: {**ball(setting), "balls": "open"},
        compute=lambda comparison: neighbours.density(comparison.neighbourhood, k=comparison.setting.k),
        spread=lambda comparison: spreads.of_balls(balls_around(comparison), share=False),
    ),
    PictureScore(
        name="coverage",
        kind=Kind("higher"),
        meaning="share of real neighbourhoods that are hit",
        estimator=coverage_estimator,
        compute=lambda comparison: neighbours.coverage(comparison.neighbourhood, k=comparison.setting.k),
        spread=only_over_draws("a left-out sample uncovers balls, and biases it"),
    ),
    PictureScore(
        name="one_nn_accuracy",
        kind=Kind("target", 0.5),
        meaning="1-nearest-neighbour two-sample accuracy",
        estimator=nearest,
        compute=lambda comparison: neighbours.one_nn_accuracy(comparison.even_neighbourhood),
        spread=OTHERS_CHANGE,
    ),
    PictureScore(
        name="one_nn_real",
        kind=Kind("target", 0.5),
        meaning="the same, of real pictures alone",
        estimator=lambda setting: {**nearest(setting), "of": "real features"},
        compute=lambda comparison: comparison.one_nn_halves[0],
        spread=OTHERS_CHANGE,
    ),
    PictureScore(
        name="one_nn_generated",
        kind=Kind("target", 0.5),
        meaning="the same, of generated pictures alone",
        estimator=lambda setting: {**nearest(setting), "of": "generated features"},
        compute=lambda comparison: comparison.one_nn_halves[1],
        spread=OTHERS_CHANGE,
    ),
)


def least_of_infinity(n: int) -> int:
    """The smallest part of n generated features that is extrapolated from."""
    return max(n // 10, 2)


def extrapolated(comparison: PictureComparison) -> float:
    """The Fréchet distance from the first tenth of the generated features to all of them, and beyond."""
    real, generated = comparison.features
    assert comparison.setting.infinity is not None
    n = len(generated)
    sizes = np.unique(np.linspace(least_of_infinity(n), n, comparison.setting.infinity).astype(int)).tolist()
    return frechet_infinity(sizes, [frechet_distance_of_features(real, generated[:size]) for size in sizes])


FRECHET_INFINITY = PictureScore(
    name="frechet_infinity",
    kind=Kind("lower"),
    meaning="Fréchet distance extrapolated to infinitely many samples",
    estimator=lambda setting: {"sizes": setting.infinity, "line": "least squares over 1/n"},
    compute=extrapolated,
    spread=only_over_draws("a line through scores of nested parts has no error of its own"),
    applies=lambda setting: setting.infinity is not None,
    smallest_set=least_of_infinity,
)


def transport(name: str, order: int, meaning: str) -> PictureScore:
    """An exact Wasserstein distance between the sets of features."""

    def compute(comparison: PictureComparison) -> float:
        real, generated = comparison.features
        return wasserstein(real.cpu().numpy(), generated.cpu().numpy(), order=order)

    return PictureScore(
        name=name,
        kind=Kind("lower"),
        meaning=meaning,
        estimator=lambda setting: {"cost": "euclidean", "solver": "exact", "arithmetic": "float64"},
        compute=compute,
        spread=only_over_draws("a left-out sample biases an optimal transport"),
        applies=lambda setting: setting.transport,
    )


TRANSPORT_SCORES = (
    transport("w1", 1, "exact Wasserstein-1 distance"),
    transport("w2", 2, "exact Wasserstein-2 distance"),
)

PROBABILITIES = {
    "probabilities": "softmax of the logits", "splits": 1, "unit": "exp of nats", "arithmetic": "float64"
}  # fmt: skip
SHARES = {"histogram": "pictures by their most probable class"}


def of_classes(
    name: str, kind: Kind, meaning: str, estimator: dict[str, Any], score: Callable[[Tensor, Tensor], float]
) -> PictureScore:
    """A score of real and generated pictures' logits, (N, K) and (M, K), where the extractor is a classifier."""

    def spread(comparison: PictureComparison) -> Spread | str:
        real, generated = comparison.logits
        return spreads.of_groups(partial(score, real), generated)

    return PictureScore(
        name=name,
        kind=kind,
        meaning=meaning,
        estimator=lambda setting: estimator,
        compute=lambda comparison: score(*comparison.logits),
        spread=spread,
        applies=lambda setting: setting.classes is not None,
    )


CLASS_SCORES = (
    of_classes(
        "inception_score", Kind("higher"), "Inception score", PROBABILITIES,
        lambda real, generated: logits.inception_score(generated),
    ),
    of_classes(
        "mode_score", Kind("higher"), "mode score",
        {**PROBABILITIES, "against": "mean probabilities of the reference"}, logits.mode_score,
    ),
    of_classes(
        "tv", Kind("lower"), "total variation", SHARES,
        lambda real, generated: total_variation(logits.class_shares(real), logits.class_shares(generated)),
    ),
    of_classes(
        "js", Kind("lower"), "Jensen-Shannon divergence, nats", {**SHARES, "unit": "nats"},
        lambda real, generated: jensen_shannon(logits.class_shares(real), logits.class_shares(generated)),
    ),
)  # fmt: skip

PICTURE_SCORES = (
    *FEATURE_SCORES,
    FRECHET_INFINITY,
    *TRANSPORT_SCORES,
    *CLASS_SCORES,
    *CONDITIONAL_SCORES,
    *SHAPE_SCORES,
)
"""In the order of tables."""

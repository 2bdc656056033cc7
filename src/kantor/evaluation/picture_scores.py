"""All scores of generated pictures against real ones. A new one is one more object here, or in a module beside this."""

from typing import Any

import numpy as np
from torch import Tensor

from kantor.evaluation import spreads
from kantor.evaluation.class_scores import CONDITIONAL_SCORES
from kantor.evaluation.logit_scores import LOGIT_SCORES
from kantor.evaluation.picture_comparison import BANDWIDTHS, PictureComparison, PictureScore, PictureSetting
from kantor.evaluation.score import NOT_NEGATIVE, SHARE, Kind, Words
from kantor.evaluation.shape_scores import SHAPE_SCORES
from kantor.evaluation.spreads import only_over_draws
from kantor.metrics import kernel, neighbours
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
        kind=Kind("lower", depends_on_n=False),
        words=Words(
            meaning="kernel distance of features",
            good="as low as what real data score, which is near 0 and may be negative: the estimate has no bias",
            suspicious="clearly below what real data score: copies of training pictures",
        ),
        function=kernel.Discrepancy,
        source="Bińkowski et al. 2018, arXiv:1801.01401, equation 4",
        estimator=lambda setting: {"kernel": "(x·y/d + 1)^3", **UNBIASED},
        compute=lambda comparison: comparison.cubic.mmd2,
        spread=lambda comparison: spreads.of_discrepancy(comparison.cubic),
    ),
    PictureScore(
        name="frechet_distance",
        kind=Kind("lower", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="Fréchet distance of features",
            good="as low as what real data score at the same n: it has a bias that shrinks with n",
            suspicious="below what real data score: copies of training pictures",
        ),
        function=frechet_distance_of_features,
        source="Heusel et al. 2017, arXiv:1706.08500, equation 6",
        estimator=lambda setting: {"covariance": "divisor n - 1", "squared": True, "arithmetic": "float64"},
        compute=lambda comparison: frechet_distance_of_features(*comparison.features),
        spread=lambda comparison: spreads.of_frechet_distance(*comparison.features),
        smallest_set=lambda n: n,
    ),
    PictureScore(
        name="mmd",
        kind=Kind("lower", depends_on_n=False),
        words=Words(
            meaning="maximum mean discrepancy",
            good="as low as what real data score, which is near 0 and may be negative: the estimate has no bias",
            suspicious="clearly below what real data score: copies of training pictures",
        ),
        function=kernel.Discrepancy,
        source="Gretton et al. 2012, equation 3",
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
        kind=Kind("higher", aspect="fidelity", depends_on_n=False, bounds=SHARE),
        words=Words(
            meaning="share of samples inside the real manifold",
            good="as high as what real data score",
            suspicious="above it with recall below: safe samples and little variety; one picture over and over has 1",
        ),
        function=neighbours.precision,
        source="Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2",
        estimator=ball,
        compute=lambda comparison: neighbours.precision(comparison.neighbourhood, k=comparison.setting.k),
        spread=lambda comparison: spreads.of_balls(inside(comparison), share=True),
    ),
    PictureScore(
        name="recall",
        kind=Kind("higher", aspect="variety", bounds=SHARE),
        words=Words(
            meaning="share of real data inside the generated manifold",
            good="as high as what real data score",
            suspicious="high with low precision: samples spread so wide that their balls hold everything",
        ),
        function=neighbours.recall,
        source="Kynkäänniemi et al. 2019, arXiv:1904.06991, equation 2",
        estimator=ball,
        compute=lambda comparison: neighbours.recall(comparison.neighbourhood, k=comparison.setting.k),
        spread=only_over_draws("a left-out sample changes its neighbours' balls"),
    ),
    PictureScore(
        name="density",
        kind=Kind("target", 1.0, aspect="fidelity", depends_on_n=False, bounds=NOT_NEGATIVE),
        words=Words(
            meaning="real neighbourhoods around a sample",
            good="near 1, as real data have",
            suspicious="far above 1: samples crowd where real data are dense; below 1: many lie outside",
        ),
        function=neighbours.density,
        source="Naeem et al. 2020, arXiv:2002.09797",
        estimator=lambda setting: {**ball(setting), "balls": "open"},
        compute=lambda comparison: neighbours.density(comparison.neighbourhood, k=comparison.setting.k),
        spread=lambda comparison: spreads.of_balls(balls_around(comparison), share=False),
    ),
    PictureScore(
        name="coverage",
        kind=Kind("higher", aspect="variety", bounds=SHARE),
        words=Words(
            meaning="share of real neighbourhoods that are hit",
            good="as high as what real data score",
            suspicious="above it: copies of the reference; far below it: variety is missing",
        ),
        function=neighbours.coverage,
        source="Naeem et al. 2020, arXiv:2002.09797",
        estimator=coverage_estimator,
        compute=lambda comparison: neighbours.coverage(comparison.neighbourhood, k=comparison.setting.k),
        spread=only_over_draws("a left-out sample uncovers balls, and biases it"),
    ),
    PictureScore(
        name="one_nn_accuracy",
        kind=Kind("target", 0.5, aspect="nearness", bounds=SHARE),
        words=Words(
            meaning="1-nearest-neighbour two-sample accuracy",
            good="0.5: samples and real pictures cannot be told apart",
            suspicious="above 0.5: they can; below 0.5: samples lie on real pictures, as copies do",
        ),
        function=neighbours.one_nn_accuracy,
        source="Lopez-Paz and Oquab 2017, arXiv:1610.06545; Xu et al. 2018, arXiv:1806.07755",
        estimator=nearest,
        compute=lambda comparison: neighbours.one_nn_accuracy(comparison.even_neighbourhood),
        spread=OTHERS_CHANGE,
    ),
    PictureScore(
        name="one_nn_real",
        kind=Kind("target", 0.5, aspect="nearness", bounds=SHARE),
        words=Words(
            meaning="the same, of real pictures alone",
            good="0.5",
            suspicious="far from one_nn_generated: one of the two sets is denser than the other",
        ),
        function=neighbours.one_nn_halves,
        source="Xu et al. 2018, arXiv:1806.07755",
        estimator=lambda setting: {**nearest(setting), "of": "real features"},
        compute=lambda comparison: comparison.one_nn_halves[0],
        spread=OTHERS_CHANGE,
    ),
    PictureScore(
        name="one_nn_generated",
        kind=Kind("target", 0.5, aspect="nearness", bounds=SHARE),
        words=Words(
            meaning="the same, of generated pictures alone",
            good="0.5",
            suspicious="near 1 with one_nn_real near 0: samples crowd around a few pictures",
        ),
        function=neighbours.one_nn_halves,
        source="Xu et al. 2018, arXiv:1806.07755",
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
    words=Words(
        meaning="Fréchet distance extrapolated to infinitely many samples",
        good="as low as what real data score",
        suspicious="negative by more than its interval: the line over 1/n does not fit",
    ),
    function=frechet_infinity,
    source="Chong and Forsyth 2020, arXiv:1911.07023",
    estimator=lambda setting: {"sizes": setting.infinity, "line": "least squares over 1/n"},
    compute=extrapolated,
    spread=only_over_draws("a line through scores of nested parts has no error of its own"),
    applies=lambda setting: setting.infinity is not None,
    smallest_set=least_of_infinity,
)


def transport(name: str, order: int, words: Words) -> PictureScore:
    """An exact Wasserstein distance between the sets of features."""

    def compute(comparison: PictureComparison) -> float:
        real, generated = comparison.features
        return wasserstein(real.cpu().numpy(), generated.cpu().numpy(), order=order)

    return PictureScore(
        name=name,
        kind=Kind("lower", bounds=NOT_NEGATIVE),
        words=words,
        function=wasserstein,
        source=f"Kantorovich 1942, order {order}; solved exactly by the network simplex of Bonneel et al. 2011",
        estimator=lambda setting: {"cost": "euclidean", "solver": "exact", "arithmetic": "float64"},
        compute=compute,
        spread=only_over_draws("a left-out sample biases an optimal transport"),
        applies=lambda setting: setting.transport,
    )


OF_DISTANCES = {
    "good": "as low as what real data score at the same n; 0 is not to be had from random draws",
    "suspicious": "clearly below what real data score: copies of training pictures",
}
TRANSPORT_SCORES = (
    transport("w1", 1, Words(meaning="exact Wasserstein-1 distance", **OF_DISTANCES)),
    transport("w2", 2, Words(meaning="exact Wasserstein-2 distance", **OF_DISTANCES)),
)

PICTURE_SCORES = (
    *FEATURE_SCORES,
    FRECHET_INFINITY,
    *TRANSPORT_SCORES,
    *LOGIT_SCORES,
    *CONDITIONAL_SCORES,
    *SHAPE_SCORES,
)
"""In the order of tables."""

"""Scores of the classes that an extractor sees in pictures, where it is a classifier."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from kantor.evaluation import spreads
from kantor.evaluation.picture_comparison import PictureComparison, PictureScore
from kantor.evaluation.score import NOT_NEGATIVE, SHARE, Kind, Words
from kantor.evaluation.spreads import Spread
from kantor.metrics import logits
from kantor.metrics.divergences import jensen_shannon, total_variation

PROBABILITIES = {
    "probabilities": "softmax of the logits", "splits": 1, "unit": "exp of nats", "arithmetic": "float64"
}  # fmt: skip
SHARES = {"histogram": "pictures by their most probable class"}


def of_classes(
    name: str,
    kind: Kind,
    words: Words,
    estimator: dict[str, Any],
    score: Callable[[Tensor, Tensor], float],
    *,
    function: Callable[..., float],
    source: str,
) -> PictureScore:
    """A score of real and generated pictures' logits, (N, K) and (M, K), where the extractor is a classifier."""

    def spread(comparison: PictureComparison) -> Spread | str:
        real, generated = comparison.logits
        return spreads.of_groups(partial(score, real), generated)

    return PictureScore(
        name=name,
        kind=kind,
        words=words,
        function=function,
        source=source,
        estimator=lambda setting: estimator,
        compute=lambda comparison: score(*comparison.logits),
        spread=spread,
        applies=lambda setting: setting.classes is not None,
    )


LOGIT_SCORES = (
    of_classes(
        "inception_score",
        Kind("higher", bounds=(1.0, math.inf)),
        Words(
            meaning="Inception score",
            good="as high as what real data score",
            suspicious="it sees no real picture: one perfect picture of each class has the highest",
        ),
        PROBABILITIES,
        lambda real, generated: logits.inception_score(generated),
        function=logits.inception_score,
        source="Salimans et al. 2016, arXiv:1606.03498, section 4",
    ),
    of_classes(
        "mode_score",
        Kind("higher", bounds=NOT_NEGATIVE),
        Words(
            meaning="mode score",
            good="as high as what real data score",
            suspicious="one perfect picture of each class has the highest",
        ),
        {**PROBABILITIES, "against": "mean probabilities of the reference"},
        logits.mode_score,
        function=logits.mode_score,
        source="Che et al. 2017, arXiv:1612.02136, in the form of Xu et al. 2018, arXiv:1806.07755",
    ),
    of_classes(
        "tv",
        Kind("lower", bounds=SHARE),
        Words(
            meaning="total variation of class shares",
            good="as low as what real data score",
            suspicious="low with a bad Fréchet distance: the shares of classes are right, the pictures need not be",
        ),
        SHARES,
        lambda real, generated: total_variation(logits.class_shares(real), logits.class_shares(generated)),
        function=total_variation,
        source="half the sum of absolute differences of two histograms",
    ),
    of_classes(
        "js",
        Kind("lower", bounds=(0.0, math.log(2))),
        Words(
            meaning="Jensen-Shannon divergence of class shares, nats",
            good="as low as what real data score",
            suspicious="near ln 2 = 0.693: samples and real pictures share no class",
        ),
        {**SHARES, "unit": "nats"},
        lambda real, generated: jensen_shannon(logits.class_shares(real), logits.class_shares(generated)),
        function=jensen_shannon,
        source="Lin 1991, with equal weights",
    ),
)

"""Scores of pictures that were asked for by class: whether they show it, and how each class is met by itself."""

import math

from torch import Tensor

from kantor.evaluation import spreads
from kantor.evaluation.picture_comparison import PictureComparison, PictureScore
from kantor.evaluation.score import NOT_NEGATIVE, SHARE, Kind, Words
from kantor.evaluation.spreads import Spread, only_over_draws
from kantor.metrics.frechet import frechet_distance_of_features


def shows_its_class(comparison: PictureComparison) -> Tensor:
    """Whether a picture's most probable class is the one that was asked for, float64 (m,)."""
    _, logits = comparison.logits
    _, labels = comparison.labels
    return (logits.argmax(1) == labels).double()


def spread_of_accuracy(comparison: PictureComparison) -> Spread | str:
    """Of a share of one draw; the reason why there is none where it is too near 0 or 1."""
    right = shows_its_class(comparison)
    fewer = int(min(right.sum(), len(right) - right.sum()))
    if fewer < spreads.LEAST:
        return f"no interval from one draw where only {fewer} of {len(right)} samples differ from the others in this"
    return spreads.of_mean(right)


def within_classes(comparison: PictureComparison) -> float | str:
    """The mean over classes of the Fréchet distance between real and generated pictures of one class.

    Returns:
        The mean, or why there is none: a covariance of fewer pictures than dimensions is singular.
    """
    (real, generated), (real_labels, labels) = comparison.features, comparison.labels
    distances = []
    for label in range(comparison.setting.conditional or 0):
        of_real, of_generated = real[real_labels == label], generated[labels == label]
        least, dimensions = min(len(of_real), len(of_generated)), real.shape[1]
        if least <= dimensions:
            return f"class {label} has {least} pictures in a draw, not more than the {dimensions} dimensions"
        distances.append(frechet_distance_of_features(of_real, of_generated))
    return math.fsum(distances) / len(distances)


CONDITIONAL_SCORES = (
    PictureScore(
        name="class_accuracy",
        kind=Kind("higher", aspect="fidelity", depends_on_n=False, bounds=SHARE),
        words=Words(
            meaning="share of samples that show the class asked for",
            good="as high as what real data score",
            suspicious="above real data with coverage below: only the plainest pictures of each class",
        ),
        function=shows_its_class,
        source="classification accuracy of the extractor on samples, Ravuri and Vinyals 2019, arXiv:1905.10887",
        estimator=lambda setting: {
            "class": "the most probable of the logits",
            "asked": "as the training data have them",
        },
        compute=lambda comparison: float(shows_its_class(comparison).mean()),
        spread=spread_of_accuracy,
        applies=lambda setting: setting.conditional is not None and setting.conditional == setting.classes,
    ),
    PictureScore(
        name="frechet_within_classes",
        kind=Kind("lower", bounds=NOT_NEGATIVE),
        words=Words(
            meaning="mean Fréchet distance within a class",
            good="as low as what real data score",
            suspicious="far above frechet_distance: classes are mixed up, or each lacks variety",
        ),
        function=within_classes,
        source="Heusel et al. 2017, arXiv:1706.08500, equation 6, of each class by itself",
        estimator=lambda setting: {
            "covariance": "divisor n - 1",
            "squared": True,
            "arithmetic": "float64",
            "over classes": "mean",
        },
        compute=within_classes,
        spread=only_over_draws("classes have few pictures in one draw"),
        applies=lambda setting: setting.conditional is not None,
    ),
)

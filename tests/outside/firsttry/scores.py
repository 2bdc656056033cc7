"""How far apart the means of features are."""

from kantor.evaluation.images import ImageEvaluation
from kantor.evaluation.picture_comparison import PictureScore
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.score import NOT_NEGATIVE, Kind, Words


def distance_of_means(real, generated):
    return float((real.mean(0) - generated.mean(0)).norm())


MEAN_SHIFT = PictureScore(
    name="mean_shift",
    kind=Kind("lower", bounds=NOT_NEGATIVE),
    words=Words(meaning="distance of mean features", good="as low as real data", suspicious="much lower"),
    function=distance_of_means,
    source="first semester",
    estimator=lambda setting: {"norm": "euclidean"},
    compute=lambda comparison: distance_of_means(*comparison.features),
    spread="one draw says nothing of it",
)


class Evaluation(ImageEvaluation):
    offered = (*PICTURE_SCORES, MEAN_SHIFT)

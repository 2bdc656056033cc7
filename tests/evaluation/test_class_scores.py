"""Scores of pictures asked for by class: against counts by hand, and on pictures whose classes are known."""

from dataclasses import replace

import pytest
import torch

from kantor.evaluation.class_scores import CONDITIONAL_SCORES
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.picture_comparison import PictureSetting, Reference
from kantor.evaluation.score_definition import applying
from kantor.metrics.frechet import frechet_distance_of_features

CLASSES, PER_CLASS, DIMENSIONS = 3, 40, 4
SETTING = PictureSetting(
    n_real=120, n_generated=120, k=5, classes=CLASSES, conditional=CLASSES, has_detections=False, transport=False,
    infinity=None, memory=None,
)  # fmt: skip
ACCURACY, WITHIN = CONDITIONAL_SCORES


def pictures(seed, *, shift=0.0, shown=None):
    """Features around a centre for each class, and logits that see the class that is shown."""
    torch.manual_seed(seed)
    labels = torch.arange(CLASSES).repeat(PER_CLASS)
    shown = labels if shown is None else shown
    centres = 10 * torch.eye(CLASSES, DIMENSIONS).double()
    features = centres[shown] + torch.randn(len(labels), DIMENSIONS).double() + shift
    return Features(features, 5 * torch.nn.functional.one_hot(shown, CLASSES).double(), None, labels)


def compared(generated, setting=SETTING):
    return Reference(pictures(0), setting).compare(generated)


def test_the_share_of_right_classes_is_a_count():
    labels = pictures(1).labels
    wrong = torch.where(torch.arange(len(labels)) < 30, (labels + 1) % CLASSES, labels)
    assert ACCURACY.compute(compared(pictures(1))) == 1
    assert ACCURACY.compute(compared(pictures(1, shown=wrong))) == pytest.approx(90 / 120)


def test_the_distance_within_classes_is_the_mean_of_their_distances():
    generated, real = pictures(1, shift=0.5), pictures(0)
    by_hand = [
        frechet_distance_of_features(real.features[real.labels == k], generated.features[generated.labels == k])
        for k in range(CLASSES)
    ]
    assert WITHIN.compute(compared(generated)) == pytest.approx(sum(by_hand) / CLASSES, rel=1e-12)


def test_classes_that_are_mixed_up_are_seen_within_and_not_over_all():
    """The same pictures under other labels: nothing changes over all, everything within."""
    right, mixed = pictures(1), pictures(1)
    mixed = mixed._replace(labels=(mixed.labels + 1) % CLASSES)
    (real, same), (_, other) = compared(right).features, compared(mixed).features
    assert frechet_distance_of_features(real, same) == frechet_distance_of_features(real, other)
    assert WITHIN.compute(compared(mixed)) > 100 * WITHIN.compute(compared(right))
    assert ACCURACY.compute(compared(mixed)) == 0


def test_a_class_of_too_few_pictures_has_a_reason_and_no_number():
    few = pictures(1)
    few = few._replace(labels=torch.where(few.labels == 2, 1, few.labels))
    assert "class 2 has 0 pictures" in WITHIN.compute(compared(few))


def test_one_draw_says_how_sure_it_is_where_it_can():
    labels = pictures(1).labels
    wrong = torch.where(torch.arange(len(labels)) < 30, (labels + 1) % CLASSES, labels)
    p, n = 90 / 120, 120
    spread = ACCURACY.spread_of(compared(pictures(1, shown=wrong)))
    assert spread.variance == pytest.approx(p * (1 - p) / (n - 1))
    assert "only 0 of 120" in ACCURACY.spread_of(compared(pictures(1)))


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, ["class_accuracy", "frechet_within_classes"]),
        ({"classes": 10}, ["frechet_within_classes"]),  # a classifier of other classes
        ({"classes": None}, ["frechet_within_classes"]),
        ({"conditional": None}, []),
    ],
)
def test_they_are_there_for_conditional_models(changed, names):
    assert [score.name for score in applying(CONDITIONAL_SCORES, replace(SETTING, **changed))] == names

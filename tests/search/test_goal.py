"""What a search is after."""

import json

import pytest

from kantor.errors import UserError
from kantor.search.goal import Goal, best
from kantor.search.terms import SHAPE, Terms

LOWER, HIGHER, ONE = Goal("w1", "lower"), Goal("recall", "higher"), Goal("density", "target", 1.0)


@pytest.mark.parametrize(
    ("goal", "value", "loss"),
    [(LOWER, 2.0, 2.0), (ONE, 0.75, 0.25), (ONE, 1.25, 0.25), (LOWER, float("nan"), None), (LOWER, None, None)],
)
def test_the_loss_of_a_score(goal, value, loss):
    assert goal.loss({goal.score: value}) == loss


def test_a_missing_score_has_no_loss():
    assert LOWER.loss({}) is None


@pytest.mark.parametrize(("goal", "trial"), [(LOWER, 2), (ONE, 2), (HIGHER, 0)])
def test_the_best_is_by_direction(goal, trial):
    assert best([goal], {0: [3.0], 1: [2.0], 2: [1.0], 3: [1.0]}) == [trial]


def test_the_best_of_several_scores_is_a_front():
    assert best([LOWER, HIGHER], {0: [1.0, 0.5], 1: [2.0, 0.9], 2: [2.0, 0.4], 5: [1.0, 0.5]}) == [0, 1, 5]


def test_nothing_is_best_of_nothing():
    assert best([LOWER], {}) == []


def test_what_is_no_better_either_way_is_refused():
    with pytest.raises(UserError, match="critic_w1"):
        Goal("critic_w1", "none")


def test_terms_come_back():
    terms = Terms(12, (LOWER, ONE), {"_target_": "optuna.pruners.NopPruner"})
    plain = json.loads(json.dumps(terms.plain()))
    SHAPE(plain, "")
    assert Terms.of(plain) == terms

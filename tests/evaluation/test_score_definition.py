"""A score is one object: everything that is said of it comes from there."""

import pytest
from albums import EVALUATION, SMALL, Album, fresh_draws, score

from kantor.evaluation import contest, images
from kantor.evaluation.picture_comparison import PictureScore
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS
from kantor.evaluation.point_scores import POINT_SCORES
from kantor.evaluation.score_definition import DrawScores, Kind, ScoreDefinition, numbers
from kantor.evaluation.spreads import Spread, only_over_draws

LEVEL = PictureScore(
    name="level",
    kind=Kind("target", 0.5),
    meaning="mean feature",
    estimator=lambda setting: {"of": setting.n_generated},
    compute=lambda comparison: float(comparison.generated.features.mean()),
    spread=only_over_draws("nobody has worked it out"),
)


@pytest.fixture
def more_scores(monkeypatch):
    for module in (contest, images):
        monkeypatch.setattr(module, "PICTURE_SCORES", (*PICTURE_SCORES, LEVEL))


def test_one_more_object_is_one_more_score_everywhere(more_scores, tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path))
    assert SMALL.kinds(Album())["level"] == LEVEL.kind
    assert SMALL.protocol(Album()).estimators["level"] == {"of": 30}
    draws = fresh_draws(5, 30)
    plain = score(draws, SMALL)["level"].plain()
    assert plain["value"] == pytest.approx(sum(draw.mean() for draw in draws) / 5 / 256)
    assert plain["reason"] == "no interval from fewer than 10 draws: nobody has worked it out"
    assert (plain["meaning"], plain["better"], plain["target"], plain["floor"]["n"]) == (
        "mean feature",
        "target",
        0.5,
        30,
    )


def test_the_others_are_what_they_are_without_it(more_scores, monkeypatch):
    """A score adds its own entry to the protocol and changes none."""
    more = EVALUATION.protocol(Album()).estimators
    monkeypatch.undo()
    assert more.pop("level") and more == EVALUATION.protocol(Album()).estimators


@pytest.mark.parametrize("scores", [(*PICTURE_SCORES, *PICTURE_TESTS), POINT_SCORES], ids=["pictures", "points"])
def test_names_are_their_own_and_each_has_a_meaning(scores):
    assert len({one.name for one in scores}) == len(scores)
    assert all(one.meaning for one in scores)


def defined(compute, spread):
    return ScoreDefinition(
        name="it", kind=Kind("lower"), meaning="it", estimator=lambda setting: {}, compute=compute, spread=spread
    )


def test_what_one_draw_does_not_have_the_score_does_not_have():
    it = defined(lambda x: x if x > 0 else "not above 0", lambda x: Spread(1.0, 5))
    good, bad = (DrawScores.of([it], x, with_spreads=True) for x in (2.0, -1.0))
    whole = it.over_draws([good, good], [good], floor_n=7).plain()
    assert whole["value"] == 2.0 and whole["low"] is not None
    broken = it.over_draws([good, bad], [bad], floor_n=7).plain()
    assert (broken["value"], broken["low"], broken["reason"]) == (None, None, "not above 0")
    assert (broken["floor"]["value"], broken["floor"]["reason"]) == (None, "not above 0")
    assert numbers([it], 3.0) == {"it": 3.0} and numbers([it], -3.0) == {}


def test_a_reason_takes_the_interval_and_leaves_the_value():
    it = defined(float, "a draw cannot say")
    one = DrawScores.of([it], 2.0, with_spreads=True)
    assert it.over_draws([one], [], floor_n=0).plain()["reason"] == "a draw cannot say"
    barred = it.over_draws([one], [one], floor_n=3, barred="singular", floor_barred="singular too").plain()
    assert (barred["value"], barred["low"], barred["reason"]) == (2.0, None, "singular")
    assert barred["floor"]["reason"] == "singular too"

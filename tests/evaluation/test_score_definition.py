"""A score is one object: everything that is said of it comes from there."""

import inspect
from dataclasses import asdict, replace

import pytest
from albums import EVALUATION, SMALL, Album, fresh_draws, score

from kantor.errors import UserError
from kantor.evaluation import images
from kantor.evaluation.class_scores import CONDITIONAL_SCORES
from kantor.evaluation.likelihood_scores import PICTURE_LIKELIHOODS, POINT_LIKELIHOODS
from kantor.evaluation.picture_comparison import PictureScore
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS
from kantor.evaluation.point_scores import POINT_SCORES
from kantor.evaluation.score import Kind, Words
from kantor.evaluation.score_definition import DrawScores, ScoreDefinition, numbers
from kantor.evaluation.spreads import Spread, only_over_draws

WORDS = Words(meaning="mean feature", good="one half", suspicious="0 or 1")
LEVEL = PictureScore(
    name="level",
    kind=Kind("target", 0.5),
    words=WORDS,
    function=float,
    source="nobody's",
    estimator=lambda setting: {"of": setting.n_generated},
    compute=lambda comparison: float(comparison.generated.features.mean()),
    spread=only_over_draws("nobody has worked it out"),
)


@pytest.fixture
def more_scores(monkeypatch):
    monkeypatch.setattr(images.ImageEvaluation, "offered", (*PICTURE_SCORES, LEVEL))


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
    """A score adds its own entry to the protocol; neither what all share nor another score's hash changes."""
    more = EVALUATION.protocol(Album())
    monkeypatch.undo()
    before = EVALUATION.protocol(Album())
    assert more.estimators == {**before.estimators, "level": {"of": 100}}
    assert more.hash == before.hash
    assert all(more.hash_of(name) == before.hash_of(name) for name in before.estimators)


def test_only_the_scores_asked_for_are_made(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path))
    few = replace(SMALL, scores=["precision", "kid"])
    draws = fresh_draws(2, 30)
    found, every = score(draws, few), score(draws, SMALL)
    assert list(found) == ["kid", "precision"] == list(few.kinds(Album())) == list(few.protocol(Album()).estimators)
    assert found == {name: every[name] for name in found}
    assert few.protocol(Album()).hash == SMALL.protocol(Album()).hash


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            ["kdi"],
            "evaluation.scores: evaluation=quick makes no kdi of data=album \\(nearest: kid\\): expected some of kid",
        ),
        ("kid", r"evaluation.scores=kid: expected a list, as in evaluation.scores=\[kid\]"),
        ([], r"evaluation.scores=\[\]: expected a list"),
    ],
)
def test_a_score_that_is_not_made_is_refused(scores, said):
    with pytest.raises(UserError, match=said):
        replace(SMALL, scores=scores).kinds(Album())


@pytest.mark.parametrize(
    "scores",
    [(*PICTURE_SCORES, *PICTURE_TESTS, *PICTURE_LIKELIHOODS), (*POINT_SCORES, *POINT_LIKELIHOODS)],
    ids=["pictures", "points"],
)
def test_names_are_their_own_and_each_says_what_it_is(scores):
    assert len({one.name for one in scores}) == len(scores)
    for one in scores:
        clauses = asdict(one.words).values()
        assert all(clause and not clause.endswith(".") for clause in clauses), one.name
        assert one.source, one.name
        assert "kantor/metrics" in inspect.getsourcefile(one.function) or one in CONDITIONAL_SCORES, one.name


def defined(compute, spread):
    return ScoreDefinition(
        name="it",
        kind=Kind("lower"),
        words=WORDS,
        function=compute,
        source="nobody's",
        estimator=lambda setting: {},
        compute=compute,
        spread=spread,
    )


def test_what_one_draw_does_not_have_the_score_does_not_have():
    it = defined(lambda x: x if x > 0 else "not above 0", lambda x: Spread(1.0, 5))
    good, bad = (DrawScores.of([it], x, with_spreads=True) for x in (2.0, -1.0))
    whole = it.over_draws([good, good], [good], floor_n=7, floor_kind="held out").plain()
    assert whole["value"] == 2.0 and whole["low"] is not None
    broken = it.over_draws([good, bad], [bad], floor_n=7, floor_kind="held out").plain()
    assert (broken["value"], broken["low"], broken["reason"]) == (None, None, "not above 0")
    assert (broken["floor"]["value"], broken["floor"]["reason"]) == (None, "not above 0")
    assert numbers([it], 3.0) == {"it": 3.0} and numbers([it], -3.0) == {}


def test_a_reason_takes_the_interval_and_leaves_the_value():
    it = defined(float, "a draw cannot say")
    one = DrawScores.of([it], 2.0, with_spreads=True)
    assert it.over_draws([one], [], floor_n=0, floor_kind="").plain()["reason"] == "a draw cannot say"
    barred = it.over_draws(
        [one], [one], floor_n=3, floor_kind="held out", barred="singular", floor_barred="singular too"
    ).plain()
    assert (barred["value"], barred["low"], barred["reason"]) == (2.0, None, "singular")
    assert barred["floor"]["reason"] == "singular too"

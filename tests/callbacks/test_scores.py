from dataclasses import replace

import pytest
from tiny import fit, gan, points, same, state, vae

from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.clock import Clock
from kantor.callbacks.progress import TrainingProgress
from kantor.callbacks.record import Record
from kantor.callbacks.scores import Scores
from kantor.evaluation.base import Kind
from kantor.evaluation.points import PointEvaluation
from kantor.models.sampling import Sampling
from kantor.processes import Processes
from kantor.runs import checkpoints
from kantor.samplers.direct import Direct

EVALUATION = PointEvaluation(
    name="toy",
    n=16,
    draws=2,
    chunk=8,
    seed=0,
    scores=None,
    weights="ema",
    checkpoint="last",
    bins=8,
    every=2,
    threads=1,
    sampler=Direct(),
    classes=None,
    likelihood=None,
    nfe=None,
    extractor=None,
)


class Scripted:
    """An evaluation whose scores are given; None where a draw has none."""

    every = 1

    def __init__(self, values, better="lower", weights="ema", score="w1"):
        self.values, self.better, self.score = values, better, score
        self.sampling = Sampling(weights, Direct())

    def size(self, data):
        return 16

    def protocol(self, data):
        return replace(EVALUATION.protocol(data), estimators={self.score: {}})

    def kinds(self, data):
        return {self.score: Kind(self.better, 1.5 if self.better == "target" else None)}

    def at_the_end(self, data):
        return frozenset({"nll"})

    def score_while_training(self, model, data, processes):
        value = self.values[model.steps - 1]
        return {} if value is None else {self.score: value}


def callbacks(directory, evaluation, primary="w1"):
    clock = Clock()
    record = Record(directory, clock, every=100)
    scores = Scores(
        evaluation=evaluation,
        data=points(),
        directory=directory,
        record=record,
        clock=clock,
        primary=primary,
    )
    return scores, record


@pytest.mark.parametrize(
    ("better", "values", "best_step"),
    [
        ("lower", [3.0, 1.0, 2.0, 1.5], 2),
        ("higher", [3.0, 1.0, 5.0, 4.0], 3),
        ("target", [3.0, 1.0, 1.6, 2.0], 3),
        ("lower", [1.0, 2.0, 3.0, 4.0], 1),
        ("lower", [2.0, 1.0, 1.0, 1.0], 2),  # the first of equals
        ("lower", [0.0, 0.5, 0.5, 0.5], 1),  # a best of zero is a best
        ("higher", [0.0, -1.0, -2.0, -3.0], 1),
    ],
)
def test_the_best_checkpoint_is_that_of_the_best_score(directory, better, values, best_step):
    scores, record = callbacks(directory, Scripted(values, better))
    fit(gan(), points(), 4, scores, record)
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == best_step
    assert scores.latest == {"w1": values[-1]}
    assert directory.metrics()["val/w1"] == values


def test_a_draw_without_the_primary_score_chooses_nothing_and_that_is_said_once(directory, capsys):
    """Without it a run would end where a class has too few pictures for `frechet_within_classes`."""
    scores, record = callbacks(directory, Scripted([None, 2.0, None, 1.0, None]))
    fit(gan(), points(), 5, scores, record)
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == 4
    assert scores.best == 1.0 and scores.headline == ""
    said = capsys.readouterr()
    assert (said.out + said.err).count("16 samples have no w1") == 1


def test_a_score_that_is_made_at_the_end_chooses_nothing_and_asks_for_no_more_samples(directory, capsys):
    scores, record = callbacks(directory, Scripted([None, None], score="nll"), primary="nll")
    fit(gan(), points(), 2, scores, record)
    assert not (directory.checkpoints / "best.ckpt").exists() and scores.best is None
    said = capsys.readouterr()
    assert (said.out + said.err).count("primary_score=nll is measured at the end only: no best checkpoint") == 1
    assert "have no nll" not in said.out + said.err


def test_a_resumed_run_remembers_the_best(directory):
    script = Scripted([3.0, 1.0, 2.0, 0.5])
    scores, record = callbacks(directory, script)
    fit(gan(), points(), 2, scores, record, Checkpointing(directory, every=1))
    scores, record = callbacks(directory, script)
    fit(gan(), points(), 3, scores, record, checkpoint=directory.checkpoints / "last.ckpt")
    assert scores.best == 1.0
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == 2


def test_a_best_of_samples_drawn_in_another_way_is_no_bar(directory, capsys):
    scores, record = callbacks(directory, Scripted([0.5, 1.0]))
    fit(gan(), points(), 2, scores, record, Checkpointing(directory, every=1))
    scores, record = callbacks(directory, Scripted([0.5, 1.0, 0.9], weights="raw"))
    fit(gan(), points(), 3, scores, record, checkpoint=directory.checkpoints / "last.ckpt")
    assert scores.best == 0.9
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == 3
    assert capsys.readouterr().err.count("chosen anew") == 1


def test_scores_are_taken_every_so_many_steps_and_at_the_end(directory):
    scores, record = callbacks(directory, EVALUATION)
    model = gan()
    fit(model, points(), 5, scores, record)
    found = directory.metrics()
    assert found["steps"] == [2, 4, 5]
    last = EVALUATION.score_while_training(model, points(), Processes())
    assert {f"val/{name}": found[f"val/{name}"][-1] for name in last} == {
        f"val/{name}": value for name, value in last.items()
    }


@pytest.mark.parametrize("make", [gan, vae])
def test_scoring_while_training_changes_no_bit_of_the_weights(directory, make):
    scored, alone = make(), make()
    fit(scored, points(), 4, *callbacks(directory, EVALUATION))
    fit(alone, points(), 4)
    assert same(state(alone), state(scored))


def test_the_headline_is_the_primary_score(directory):
    scores, record = callbacks(directory, Scripted([3.0, 1.25]))
    assert scores.headline == ""
    fit(gan(), points(), 2, scores, record)
    assert scores.headline == "w1 1.25"


def test_the_bar_shows_the_primary_score_whatever_it_is_called(directory, capsys):
    scores, record = callbacks(directory, Scripted([3.0, 0.125], score="kid"), primary="kid")
    fit(gan(), points(), 2, scores, record, TrainingProgress(title="tiny", scores=scores))
    assert capsys.readouterr().err.splitlines()[-1].endswith("kid 0.125")


def test_the_bar_of_a_run_without_scores(capsys):
    fit(gan(), points(), 2, TrainingProgress(title="tiny", scores=None))
    assert "tiny: 2/2 steps" in capsys.readouterr().err

from types import SimpleNamespace

from tiny import fit, gan, points, same, state

from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.pruning import Pruning

SCORES = SimpleNamespace(evaluation=SimpleNamespace(every=2), latest={"w1": 3.0})


class Stern:
    """A judge to whom a run is hopeless from one point on."""

    def __init__(self, point):
        self.point, self.heard = point, []

    def report(self, point, scores):
        self.heard.append((point, scores["w1"]))

    def is_hopeless(self, point):
        return point >= self.point


def pruned(directory, judge, *, steps=10, checkpoint=None):
    callback, model = Pruning(scores=SCORES, judge=judge), gan()
    fit(model, points(), steps, callback, Checkpointing(directory, every=100), checkpoint=checkpoint)
    return callback, model


def test_a_hopeless_run_ends_at_its_score_and_is_saved(directory):
    judge = Stern(3)
    callback, model = pruned(directory, judge)
    assert callback.ended and model.steps == 6
    assert judge.heard == [(1, 3.0), (2, 3.0), (3, 3.0)]
    assert (directory.checkpoints / "last.ckpt").is_file()


def test_a_run_that_has_come_to_its_end_is_not_ended(directory):
    judge = Stern(3)
    callback, model = pruned(directory, judge, steps=6)
    assert not callback.ended and model.steps == 6
    assert judge.heard[-1] == (3, 3.0)


def test_a_run_that_was_killed_when_it_was_to_end_takes_no_further_step(directory):
    pruned(directory, Stern(99), steps=6)
    callback, model = pruned(directory, Stern(3), checkpoint=directory.checkpoints / "last.ckpt")
    assert callback.ended and model.steps == 6


def test_an_ended_run_goes_on_without_its_judge_as_if_it_had_never_stopped(directory):
    pruned(directory, Stern(3))
    on, whole = gan(), gan()
    fit(on, points(), 10, checkpoint=directory.checkpoints / "last.ckpt")
    fit(whole, points(), 10)
    assert same(state(on), state(whole))

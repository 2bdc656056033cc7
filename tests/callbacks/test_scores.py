import pytest

from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.clock import Clock
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
    weights="ema",
    checkpoint="last",
    bins=8,
    every=2,
    threads=1,
    sampler=Direct(),
    extractor=None,
)


class Scripted:
    """An evaluation whose scores are given."""

    every = 1
    sampling = Sampling("ema", Direct())

    def __init__(self, values, better="lower"):
        self.values, self.better = values, better

    def kinds(self, data):
        return {"w1": Kind(self.better, 1.5 if self.better == "target" else None)}

    def score_while_training(self, model, data, processes):
        return {"w1": self.values[model.steps - 1]}


def callbacks(directory, data, evaluation):
    clock = Clock()
    record = Record(directory, clock, every=100)
    scores = Scores(
        evaluation=evaluation,
        data=data,
        directory=directory,
        record=record,
        clock=clock,
        primary="w1",
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
def test_the_best_checkpoint_is_that_of_the_best_score(directory, data, make_model, fit, better, values, best_step):
    scores, record = callbacks(directory, data, Scripted(values, better))
    fit(make_model(), 4, scores, record)
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == best_step
    assert scores.latest == {"w1": values[-1]}
    assert directory.metrics()["val/w1"] == values


def test_a_resumed_run_remembers_the_best(directory, data, make_model, fit):
    script = Scripted([3.0, 1.0, 2.0, 0.5])
    scores, record = callbacks(directory, data, script)
    fit(make_model(), 2, scores, record, Checkpointing(directory, every=1))
    scores, record = callbacks(directory, data, script)
    fit(make_model(), 3, scores, record, checkpoint=directory.checkpoints / "last.ckpt")
    assert scores.best == 1.0
    assert checkpoints.counters(directory.checkpoints / "best.ckpt")["steps"] == 2


def test_scores_are_taken_every_so_many_steps_and_at_the_end(directory, data, make_model, fit):
    scores, record = callbacks(directory, data, EVALUATION)
    model = make_model()
    fit(model, 5, scores, record)
    found = directory.metrics()
    assert found["steps"] == [2, 4, 5]
    last = EVALUATION.score_while_training(model, data, Processes())
    assert {f"val/{name}": found[f"val/{name}"][-1] for name in last} == {
        f"val/{name}": value for name, value in last.items()
    }


def test_scoring_while_training_changes_no_bit_of_the_weights(directory, data, make_model, fit):
    import torch

    scored, alone = make_model(), make_model()
    fit(scored, 4, *callbacks(directory, data, EVALUATION))
    fit(alone, 4)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, scored.state_dict()[name]), name

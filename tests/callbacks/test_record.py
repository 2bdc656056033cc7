from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
from tiny import each_model, fit, gan, points

from kantor.callbacks.clock import Clock
from kantor.callbacks.record import Record
from kantor.callbacks.trigger import due


def record(directory, every=2):
    return Record(directory, Clock(), every=every)


class Adds(pl.Callback):
    """Puts a score into the row of some steps."""

    def __init__(self, record, steps):
        self.record, self.steps = record, steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if pl_module.steps in self.steps:
            self.record.add({"val/w1": float(pl_module.steps)})


def test_rows_stand_at_multiples_of_every_and_at_the_last_step(directory):
    fit(gan(), points(), 7, record(directory, every=3))
    assert directory.metrics()["steps"] == [3, 6, 7]


@each_model
def test_rows_have_exact_counters_and_the_steps_values(directory, kind):
    values = {}

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            values[pl_module.steps] = {name: v.item() for name, v in pl_module.values.items()}

    model, data = kind.model(), kind.data()
    fit(model, data, 4, Look(), record(directory))
    found = directory.metrics()
    assert list(found) == [*model.counters(), "seconds", *values[2]]
    for name, last in model.counters().items():
        assert found[name] == [last / 2, last], name
    assert model.images_seen == model.batches_before(4) * data.batch_size
    for row, step in enumerate((2, 4)):
        assert {name: found[name][row] for name in values[step]} == pytest.approx(values[step])


def test_scores_have_a_row_of_their_own_step_and_a_column_from_then_on(directory):
    rows = record(directory)
    fit(gan(), points(), 6, Adds(rows, {3, 6}), rows)
    found = directory.metrics()
    assert found["steps"] == [2, 3, 4, 6]
    assert found["val/w1"] == [None, 3, None, 6]


def test_a_resumed_record_goes_on_in_the_same_file(directory, tmp_path):
    first = record(directory)
    fit(gan(), points(), 4, Adds(first, {2}), first).save_checkpoint(tmp_path / "four.ckpt")
    second = record(directory)
    fit(gan(), points(), 8, Adds(second, {6}), second, checkpoint=tmp_path / "four.ckpt")
    found = directory.metrics()
    assert found["steps"] == [2, 4, 6, 8]
    assert found["val/w1"] == [2, None, 6, None]
    whole = Record(type(directory)(directory.path / "other"), Clock(), every=2)
    whole.directory.create()
    fit(gan(), points(), 8, Adds(whole, {2, 6}), whole)
    other = whole.directory.metrics()
    for name in found:
        if name != "seconds":
            assert found[name] == other[name], name


@pytest.mark.parametrize(("step", "expected"), [(3, False), (4, True), (5, False), (8, True), (9, True)])
def test_due_at_multiples_and_at_the_end_of_the_budget(step, expected):
    model = SimpleNamespace(steps=step)
    assert due(SimpleNamespace(max_steps=9, should_stop=False), model, 4) is expected
    assert due(SimpleNamespace(max_steps=-1, should_stop=True), model, 4), "another callback has ended training"

import pytest
import torch
from image_runs import Maker, Normalised, TinyImages, fit, image_model

from kantor.callbacks.clock import Clock
from kantor.callbacks.measurement import Measurement
from kantor.callbacks.record import Record
from kantor.callbacks.watch import watch
from kantor.errors import UserError
from kantor.objectives.adversarial import NonSaturating, WassersteinClipping


def test_what_is_measured_is_recorded_every_so_often_and_at_the_last_step(directory):
    model, clock = image_model(), Clock()
    watchers = watch(model, directory=directory, clock=clock, seed=3, every=4)
    fit(model, TinyImages(), 9, clock, *watchers, Record(directory, clock, every=2))
    metrics = directory.metrics()
    assert metrics["steps"] == [2, 4, 6, 8, 9]
    measured = {column for chart in model.charts() for column in chart.lines if column in metrics}
    assert len(measured) == 8
    for column, values in metrics.items():
        expected = [True, False, True, False, False] if column in measured else [False] * 5
        assert [value is None for value in values] == expected, column


def test_what_is_measured_of_a_step_is_a_function_of_the_step():
    def at(steps, every):
        model = image_model()
        fit(model, TinyImages(), steps, Measurement(clock=Clock(), seed=0, every=every))
        return model.values

    often, seldom = at(4, 1), at(4, 4)
    assert often.keys() == seldom.keys() and all(torch.equal(often[name], seldom[name]) for name in often)


@pytest.mark.parametrize("objective", [NonSaturating(), WassersteinClipping(clip=0.05, spare_normalisation=False)])
def test_measurements_change_no_bit_of_weights_statistics_or_optimizers(directory, objective):
    def train(*extra):
        model = image_model(objective=objective, critic=Normalised, generator=Maker, n_critic=2)
        watchers = watch(model, directory=directory, clock=Clock(), seed=3, every=1) if extra else []
        trainer = fit(model, TinyImages(), 4, *watchers)
        return model.state_dict(), [optimizer.state_dict()["state"] for optimizer in trainer.optimizers]

    (watched, moments), (alone, others) = train("watched"), train()
    assert any("running_mean" in name for name in alone)
    assert all(torch.equal(alone[name], watched[name]) for name in alone)
    for ours, theirs in zip(moments, others, strict=True):
        for weight, state in theirs.items():
            assert all(torch.equal(torch.as_tensor(state[name]), torch.as_tensor(ours[weight][name])) for name in state)


def test_an_interval_out_of_range_is_refused():
    with pytest.raises(UserError, match="every=0"):
        Measurement(clock=Clock(), seed=0, every=0)

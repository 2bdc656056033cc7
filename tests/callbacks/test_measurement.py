import pytest
import torch
from tiny import Normalised, TinyImages, each_model, fit, image_gan, same, state

from kantor.callbacks.clock import Clock
from kantor.callbacks.measurement import Measurement
from kantor.callbacks.record import Record
from kantor.callbacks.watch import watch
from kantor.errors import UserError
from kantor.objectives.adversarial import NonSaturating, WassersteinClipping
from kantor.report.health import health_json


def noting(measurements, names):
    """The same measurements; their names are noted."""

    def noted(model, block, rng):
        found = measurements(model, block, rng)
        names.update(found)
        return found

    return noted


@each_model
def test_what_a_model_measures_is_recorded_every_so_often_and_at_the_last_step(directory, kind, monkeypatch):
    model, clock, measured = kind.model(), Clock(), set()
    monkeypatch.setattr(type(model), "measurements", noting(type(model).measurements, measured))
    watchers = watch(model, directory=directory, clock=clock, seed=3, every=4)
    fit(model, kind.data(), 9, clock, *watchers, Record(directory, clock, every=2))
    metrics = directory.metrics()
    assert metrics["steps"] == [2, 4, 6, 8, 9]
    assert measured <= set(metrics) and bool(measured) == bool(model.checks())
    for column, values in metrics.items():
        expected = [True, False, True, False, False] if column in measured else [False] * 5
        assert [value is None for value in values] == expected, column


def test_what_is_measured_of_a_step_is_a_function_of_the_step():
    def at(steps, every):
        model = image_gan()
        fit(model, TinyImages(), steps, Measurement(clock=Clock(), seed=0, every=every))
        return model.values

    assert same(at(4, 1), at(4, 4))


@each_model
def test_a_run_that_is_watched_is_the_run_that_is_not(directory, kind):
    watched, alone = kind.model(), kind.model()
    fit(watched, kind.data(), 4, *watch(watched, directory=directory, clock=Clock(), seed=3, every=1))
    fit(alone, kind.data(), 4)
    assert same(state(watched), state(alone))


@pytest.mark.parametrize("objective", [NonSaturating(), WassersteinClipping(clip=0.05, spare_normalisation=False)])
def test_measurements_change_no_bit_of_statistics_or_optimizers(directory, objective):
    def train(*extra):
        model = image_gan(objective=objective, critic=Normalised, n_critic=2)
        watchers = watch(model, directory=directory, clock=Clock(), seed=3, every=1) if extra else []
        trainer = fit(model, TinyImages(), 4, *watchers)
        return state(model), [optimizer.state_dict()["state"] for optimizer in trainer.optimizers]

    (watched, moments), (alone, others) = train("watched"), train()
    assert any("running_mean" in name for name in alone) and same(alone, watched)
    for ours, theirs in zip(moments, others, strict=True):
        for weight, kept in theirs.items():
            assert all(torch.equal(torch.as_tensor(kept[name]), torch.as_tensor(ours[weight][name])) for name in kept)


@each_model
def test_a_healthy_beginning_writes_no_health(directory, kind):
    model = kind.model()
    fit(model, kind.data(), 3, *watch(model, directory=directory, clock=Clock(), seed=3, every=1))
    assert not health_json(directory).exists()


def test_an_interval_out_of_range_is_refused():
    with pytest.raises(UserError, match="every=0"):
        Measurement(clock=Clock(), seed=0, every=0)

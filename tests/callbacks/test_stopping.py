import functools
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from tiny import each_model, fit, gan, points, same, state

from kantor import interrupts, workers
from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.clock import Clock
from kantor.callbacks.health import StopOnNonFinite
from kantor.callbacks.stopping import StopAfterMinutes, StopOnSignal
from kantor.errors import NonFiniteError
from kantor.objectives.adversarial import Wasserstein, WassersteinGradientPenalty


class At(pl.Callback):
    """Does something at the end of one step."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if pl_module.steps == self.step:
            self.act(pl_module)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_training_after_the_step_at_hand_which_is_saved(directory, number):
    stop, model = StopOnSignal(), gan()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    ring = At(3, lambda model: os.kill(os.getpid(), number))
    fit(model, points(), 10, ring, stop, Checkpointing(directory, every=100))
    assert stop.received == number
    assert model.steps == 3
    saved = torch.load(directory.checkpoints / "last.ckpt", weights_only=True)
    assert saved["kantor_counters"] == model.counters()
    assert {n: signal.getsignal(n) for n in handlers} == handlers


def test_a_signal_that_the_process_was_started_to_ignore_ends_nothing():
    """As SIGINT of what a script runs in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stop, model = StopOnSignal(), gan()
        fit(model, points(), 4, At(2, lambda model: os.kill(os.getpid(), signal.SIGINT)), stop)
        assert stop.received is None and model.steps == 4 and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        with workers._forwarding([], [0, 0]) as received:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_another_process_has_told_of_ends_nothing_at_once_when_it_comes(monkeypatch):
    """A loaded node hears its own copy after the others have agreed on the step."""
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    ended, stop, trainer = [], StopOnSignal(), SimpleNamespace(world_size=2, should_stop=False)
    monkeypatch.setattr(interrupts, "_heard", [])
    monkeypatch.setattr(interrupts, "end_at_once", ended.append)
    monkeypatch.setattr(stop, "_asked_of_all", lambda step, device: signal.SIGUSR1)
    stop.on_train_start(trainer, gan())
    stop.on_train_batch_end(trainer, gan(), None, None, 0)
    os.kill(os.getpid(), signal.SIGUSR1)
    stop.on_train_end(trainer, gan())
    assert trainer.should_stop and stop.received == signal.SIGUSR1 and ended == []


def test_without_a_signal_nothing_stops():
    stop, model = StopOnSignal(), gan()
    fit(model, points(), 4, stop)
    assert stop.received is None and model.steps == 4


def test_handlers_come_back_after_an_error():
    def fail(model):
        raise KeyError("x")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError):
        fit(gan(), points(), 4, StopOnSignal(), At(2, fail))
    assert signal.getsignal(signal.SIGTERM) == before


@each_model
def test_a_stopped_run_goes_on_to_the_same_bits(directory, kind):
    straight = kind.model()
    fit(straight, kind.data(), 6)
    ring = At(3, lambda model: os.kill(os.getpid(), signal.SIGTERM))
    fit(kind.model(), kind.data(), 6, ring, StopOnSignal(), Checkpointing(directory, every=100))
    resumed = kind.model()
    fit(resumed, kind.data(), 6, checkpoint=directory.checkpoints / "last.ckpt")
    assert same(state(straight), state(resumed)) and straight.counters() == resumed.counters()


@pytest.mark.parametrize(("minutes", "steps"), [(1.0, 3), (0.5, 2), (0.01, 1)])
def test_minutes_end_training_with_the_step_that_reaches_them(minutes, steps):
    """A clock of our own: 20 seconds a step."""

    class Slow(Clock):
        seconds = 0.0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            Slow.seconds = 20.0 * pl_module.steps

    clock, model = Slow(), gan()
    fit(model, points(), -1, clock, StopAfterMinutes(clock, minutes=minutes))
    assert model.steps == steps


class Breaks(Wasserstein):
    """An objective one of whose terms is multiplied by NaN or infinity in the critic step number `at`."""

    def __init__(self, term, value, at):
        object.__setattr__(self, "_break", (term, value, at))
        object.__setattr__(self, "_calls", [0])

    def critic_terms(self, critic, real, fake, *, rng=None):
        term, value, at = self._break
        self._calls[0] += 1
        terms = super().critic_terms(critic, real, fake)
        return {**terms, term: terms[term] * value} if self._calls[0] == at else terms


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("term", ["real", "fake"])
def test_a_value_that_is_not_finite_stops_the_run_and_is_named_with_its_step(directory, term, value):
    """Two critic steps per step: the sixth is the last of step 3."""
    model = gan(objective=Breaks(term, value, at=6))
    checkpoints = Checkpointing(directory, every=1)
    with pytest.raises(NonFiniteError, match=rf"train/critic_{term} is (nan|-?inf) at step 3"):
        fit(model, points(), 10, StopOnNonFinite(), checkpoints)
    saved = torch.load(directory.checkpoints / "last.ckpt", weights_only=True)
    assert saved["kantor_counters"]["steps"] == 2  # nothing of the broken step is kept
    assert {bool(t.isfinite().all()) for t in saved["state_dict"].values()} == {True}


def test_a_nan_in_an_earlier_critic_step_of_the_same_step_is_caught_too():
    """It is in the critic's weights from then on, so every later value shows it."""
    model = gan(objective=Breaks("real", float("nan"), at=5))
    with pytest.raises(NonFiniteError, match="at step 3"):
        fit(model, points(), 10, StopOnNonFinite())


def test_a_step_that_breaks_the_weights_reaches_no_checkpoint(directory):
    """Losses are computed before the step: they are finite when the step itself overflows."""
    model = gan()

    class Overflows(torch.optim.SGD):
        steps = 0

        def step(self, closure=None):
            Overflows.steps += 1
            if Overflows.steps == 3:
                for group in self.param_groups:
                    group["lr"] = 1e38
            return super().step(closure)

    model.optimisation = replace(model.optimisation, generator=functools.partial(Overflows, lr=1e4))
    with pytest.raises(NonFiniteError):
        fit(model, points(), 10, StopOnNonFinite(), Checkpointing(directory, every=1))
    saved = torch.load(directory.checkpoints / "last.ckpt", weights_only=True)
    assert {bool(t.isfinite().all()) for t in saved["state_dict"].values()} == {True}


def test_a_healthy_run_is_left_alone():
    model = gan(objective=WassersteinGradientPenalty(penalty_weight=10.0, one_sided=False))
    fit(model, points(), 3, StopOnNonFinite())
    assert model.steps == 3

"""Ends of training other than the budget in steps: a signal, or the minutes being over."""

import contextlib
import time
from types import FrameType
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
import torch.distributed

from kantor import interrupts
from kantor.callbacks.clock import Clock
from kantor.models.base import GenerativeModel
from kantor.runs.shapes import Shape, record, truth

CONSULT_EVERY = 10
"""Steps between the moments at which several processes ask each other whether to stop."""

SLOW = 0.2
"""Seconds of a step from which on they ask at each: a cluster that sends a signal does not wait for long."""


class StopOnSignal(pl.Callback):
    """A signal ends training after the step at hand, which is then saved; a second one ends it at once.

    Attributes:
        received: the signal's number, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._listening = contextlib.ExitStack()
        self._every, self._asked = CONSULT_EVERY, (0, 0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen, unless a signal has come already; the handlers of before come back at the end."""
        interrupts.check()
        self._listening.enter_context(interrupts.received_by(self._receive))

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            interrupts.end_at_once(number)
        self.received = number

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Ask for the end of training; several processes agree on the step."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.world_size == 1:
            trainer.should_stop = trainer.should_stop or self.received is not None
        elif pl_module.steps % self._every == 0:
            anyone = self._asked_of_all(pl_module.steps, pl_module.device)
            if anyone is not None and self.received is None:
                interrupts.learn()
                self.received = anyone
            trainer.should_stop = trainer.should_stop or anyone is not None

    def _asked_of_all(self, step: int, device: torch.device) -> int | None:
        """The signal that a process has received, and for all alike, after how many steps they ask again."""
        (before, then), now = self._asked, time.monotonic()
        seconds = (now - then) / (step - before) if before else 0.0
        told = torch.tensor([float(self.received or 0), seconds], device=device)
        torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
        self._asked, self._every = (step, now), 1 if told[1] > SLOW else CONSULT_EVERY
        return int(told[0]) or None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen no longer."""
        self._listening.close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Listen no longer."""
        self._listening.close()


def interrupted(trainer: pl.Trainer) -> bool:
    """Whether a signal has ended training, which then has not come to its end."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return any(isinstance(one, StopOnSignal) and one.received is not None for one in callbacks)


class EarlyEnd(pl.Callback):
    """Remembers that the callback before it has ended training, so that a run that goes on from its end takes no
    further step."""

    kept: ClassVar[Shape] = record({"reached": truth})
    """The shape of its state in a checkpoint."""

    def __init__(self) -> None:
        self.reached = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End training before it begins."""
        trainer.should_stop = trainer.should_stop or self.reached

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look whether it has come."""
        self.reached = trainer.should_stop

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"reached": self.reached}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.reached = state_dict["reached"]


class StopAfterMinutes(pl.Callback):
    """Ends training when its clock has run for so long, at the next step on which all processes agree.

    Args:
        clock: training time, scores and pictures not counted.
        minutes: the budget.
    """

    def __init__(self, clock: Clock, *, minutes: float) -> None:
        self.clock = clock
        self.minutes = minutes

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that goes on from its end takes no further step."""
        trainer.should_stop = trainer.should_stop or self.clock.seconds >= 60 * self.minutes

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Ask for the end of training when the time is over."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.world_size == 1 or pl_module.steps % CONSULT_EVERY == 0:
            over = self.clock.seconds >= 60 * self.minutes
            over = trainer.strategy.reduce_boolean_decision(over, all=False)
            trainer.should_stop = trainer.should_stop or over

"""Scores while training, and the best checkpoint by them."""

from functools import cached_property
from typing import Any, ClassVar

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.record import Record
from kantor.callbacks.trigger import due
from kantor.data.module import BlockData
from kantor.evaluation.base import Evaluation
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.processes import Processes
from kantor.runs import checkpoints, shapes
from kantor.runs.directory import RunDirectory
from kantor.runs.shapes import Shape


class Scores(pl.Callback):
    """Every `evaluation.every` steps: one draw of its own is scored, by all processes together.

    The best checkpoint is chosen by `primary` on these draws, so that the scores of a card are fresh for it too.

    Args:
        evaluation: what is scored.
        data: the truth.
        directory: whose best.ckpt is written.
        record: takes the scores as `val/…`.
        clock: stands still meanwhile.
        primary: the experiment's primary score.

    Attributes:
        latest: the last scores, by name.
    """

    kept: ClassVar[Shape] = shapes.record(
        {"best": shapes.maybe(shapes.number), "chosen_by": shapes.mapped(shapes.anything), "protocol": shapes.text}
    )
    """The shape of its state in a checkpoint."""

    def __init__(
        self,
        *,
        evaluation: Evaluation,
        data: BlockData,
        directory: RunDirectory,
        record: Record,
        clock: Clock,
        primary: str,
    ) -> None:
        self.evaluation, self.data = evaluation, data
        self.directory, self.record, self.clock = directory, record, clock
        self.primary, self.kind = primary, evaluation.kinds(data)[primary]
        self.best: float | None = None
        self.latest: dict[str, float] = {}
        self._said = False

    @property
    def headline(self) -> str:
        """The last primary score in words; nothing before the first, and where the last draw has none."""
        return f"{self.primary} {self.latest[self.primary]:.4g}" if self.primary in self.latest else ""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Score if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if not due(trainer, pl_module, self.evaluation.every):
            return
        with self.clock.paused():
            self.latest = self.evaluation.score_while_training(pl_module, self.data, Processes.current())
            self.record.add({f"val/{name}": value for name, value in self.latest.items()})
            value = self.latest.get(self.primary)
            if value is None:
                self._say_that_none_is_chosen()
            elif self.kind.improves(value, self.best):
                self.best = value
                checkpoints.save(trainer, pl_module, self.directory.checkpoints / "best.ckpt")

    def _say_that_none_is_chosen(self) -> None:
        """Once: a draw may lack a score, as where a class has too few pictures in it, and some are made at the end."""
        if not self._said and self.primary in self.evaluation.at_the_end(self.data):
            say(
                f"primary_score={self.primary} is measured at the end only: no best checkpoint is chosen while training"
            )
        elif not self._said:
            say(
                f"{self.evaluation.size(self.data):,} samples have no {self.primary}, so that they choose no best "
                "checkpoint: take a larger evaluation.n where the data allow it, or another primary_score"
            )
        self._said = True

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"best": self.best, "chosen_by": self.chosen_by, "protocol": self.protocol}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint; scores of another protocol, or of samples drawn in another way, are no bar for these."""
        if (state_dict["chosen_by"], state_dict["protocol"]) == (self.chosen_by, self.protocol):
            self.best = state_dict["best"]
        else:
            say(
                "the best checkpoint was chosen by another protocol, or by samples drawn in another way: it is chosen "
                "anew from here on"
            )

    @cached_property
    def protocol(self) -> str:
        """The hash of what the primary score measures."""
        return self.evaluation.protocol(self.data).hash_of(self.primary)

    @property
    def chosen_by(self) -> dict[str, Any]:
        """What makes a checkpoint the best."""
        evaluation = self.evaluation
        return {"score": self.primary, "n": evaluation.size(self.data), **evaluation.sampling.describe()}

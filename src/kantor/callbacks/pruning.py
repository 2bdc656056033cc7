"""An early end of a run that is one of several: whoever compares them sees its scores, and says when it is hopeless."""

from typing import Protocol

import pytorch_lightning as pl

from kantor.callbacks.scores import Scores
from kantor.models.base import GenerativeModel


class Judge(Protocol):
    """Who compares a run with others. A point is the number of a score: 1 of the first while training."""

    def report(self, point: int, scores: dict[str, float]) -> None:
        """Hear what the run scores, again after a resumption."""

    def is_hopeless(self, point: int) -> bool:
        """Whether the run is to end for what was reported up to a point; not where nothing was reported there."""


class Pruning(pl.Callback):
    """Reports each score while training, and ends training where the judge says so; all processes at the same step.

    It keeps nothing in a checkpoint: the judge is asked again where a run goes on, and a run that goes on without one
    comes to its end.

    Args:
        scores: act before it.
        judge: heard by rank 0 alone.

    Attributes:
        ended: whether it has ended training.
    """

    def __init__(self, *, scores: Scores, judge: Judge) -> None:
        self.scores, self.judge = scores, judge
        self.ended = False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End what was to end when it was killed."""
        assert isinstance(pl_module, GenerativeModel)
        if pl_module.steps and self._is_scored(pl_module):
            self._end_if_hopeless(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Report, and ask; not at the last step, at which nothing is spared."""
        assert isinstance(pl_module, GenerativeModel)
        if not self._is_scored(pl_module):
            return
        if trainer.is_global_zero:
            self.judge.report(self._point(pl_module), self.scores.latest)
        if not trainer.should_stop and pl_module.steps != trainer.max_steps:
            self._end_if_hopeless(trainer, pl_module)

    def _end_if_hopeless(self, trainer: pl.Trainer, model: GenerativeModel) -> None:
        hopeless = trainer.is_global_zero and self.judge.is_hopeless(self._point(model))
        if trainer.world_size > 1:
            hopeless = trainer.strategy.reduce_boolean_decision(hopeless, all=False)
        self.ended = hopeless
        trainer.should_stop = trainer.should_stop or hopeless

    def _is_scored(self, model: GenerativeModel) -> bool:
        return model.steps % self.scores.evaluation.every == 0

    def _point(self, model: GenerativeModel) -> int:
        return model.steps // self.scores.evaluation.every


def is_pruned(trainer: pl.Trainer) -> bool:
    """Whether training was ended so, and has not come to its end."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return any(isinstance(one, Pruning) and one.ended for one in callbacks)

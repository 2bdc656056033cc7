"""A bar with images per second, time left and the primary score; without a terminal, a line now and then."""

import time

import pytorch_lightning as pl

from kantor.callbacks.scores import Scores
from kantor.models.base import GenerativeModel
from kantor.progress_bar import ProgressBar


class TrainingProgress(pl.Callback):
    """Shows how far training is, from rank 0.

    Args:
        title: what is trained.
        scores: whose headline is shown; None where nothing is scored.
    """

    def __init__(self, *, title: str, scores: Scores | None) -> None:
        self.title, self.scores = title, scores
        self._bar = ProgressBar(title, None, unit="steps", shown=False)
        self._began_at, self._began_with, self._shown_step = 0.0, 0, -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the bar up."""
        assert isinstance(pl_module, GenerativeModel)
        self._began_at, self._began_with = time.perf_counter(), pl_module.images_seen
        total = trainer.max_steps if trainer.max_steps > 0 else None
        self._bar = ProgressBar(self.title, total, unit="steps", shown=trainer.is_global_zero)
        self._bar.begin(pl_module.steps)
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Move it."""
        if self._bar.due:
            self._show(pl_module)

    def _show(self, model: pl.LightningModule) -> None:
        assert isinstance(model, GenerativeModel)
        self._bar.done = self._shown_step = model.steps
        elapsed = max(time.perf_counter() - self._began_at, 1e-9)
        speed = f"{(model.images_seen - self._began_with) / elapsed:,.0f} samples/s"
        self._bar.show(speed=speed, note="" if self.scores is None else self.scores.headline)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take it down."""
        assert isinstance(pl_module, GenerativeModel)
        if self._shown_step != pl_module.steps:
            self._show(pl_module)
        self._bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Take it down."""
        self._bar.stop()

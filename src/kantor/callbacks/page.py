"""The page of a run that is still going: written again as there are new pictures, at little cost."""

import time

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.models.base import GenerativeModel
from kantor.report.page import write_report
from kantor.runs.directory import RunDirectory

SHARE = 0.01
"""Of the training's time that the page may take: its charts take a second, which a short run feels."""


class Page(pl.Callback):
    """Writes report.html when it is due and affordable; in a browser it reloads itself until the run has ended.

    Args:
        directory: whose page it is.
        clock: stands still meanwhile.
        every: steps between versions, at least.
    """

    def __init__(self, directory: RunDirectory, clock: Clock, *, every: int) -> None:
        self.directory, self.clock, self.every = directory, clock, every
        self._spent = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Write it if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if not trainer.is_global_zero or not due(trainer, pl_module, self.every):
            return
        if self._spent <= SHARE * self.clock.seconds:
            began = time.perf_counter()
            with self.clock.paused():
                write_report(self.directory)
            self._spent += time.perf_counter() - began

"""The page of a run that is still going: written again whenever there are new pictures."""

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.models.base import GenerativeModel
from kantor.report.page import write_report
from kantor.runs.directory import RunDirectory


class Page(pl.Callback):
    """Writes report.html every `every` steps; in a browser it reloads itself until the run has ended.

    Args:
        directory: whose page it is.
        clock: stands still meanwhile.
        every: steps between versions.
    """

    def __init__(self, directory: RunDirectory, clock: Clock, *, every: int) -> None:
        self.directory, self.clock, self.every = directory, clock, every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Write it if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.is_global_zero and due(trainer, pl_module, self.every):
            with self.clock.paused():
                write_report(self.directory)

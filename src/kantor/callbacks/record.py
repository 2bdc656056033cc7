"""metrics.csv: one row per logged step, with exact counters; and the same to whatever loggers are attached."""

from collections.abc import Mapping

import pytorch_lightning as pl
import torch
from torch import Tensor

from kantor.atomic import append_rows
from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.models.base import GenerativeModel
from kantor.plain_files import is_plain
from kantor.runs.directory import RunDirectory


class Record(pl.Callback):
    """Writes a row every `every` steps, and whenever another callback has scores to add.

    Args:
        directory: whose metrics.csv is appended to.
        clock: for the seconds.
        every: steps between rows.
    """

    def __init__(self, directory: RunDirectory, clock: Clock, *, every: int) -> None:
        self.directory = directory
        self.clock = clock
        self.every = every
        self._extra: dict[str, float] = {}
        self._columns: list[str] = []

    def add(self, values: dict[str, float]) -> None:
        """Values of the current step, written with its row."""
        self._extra.update(values)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Write the row if one is due."""
        assert isinstance(pl_module, GenerativeModel)
        if not self._extra and not due(trainer, pl_module, self.every):
            return
        row = {**mean_over_processes(trainer, pl_module.values), **self._extra}
        self._extra = {}
        if not trainer.is_global_zero:
            return
        self.clock.look_at_memory()
        whole = {**pl_module.counters(), "seconds": round(self.clock.seconds, 3), **row}
        self._write(whole)
        for logger in trainer.loggers:
            logger.log_metrics(whole, step=pl_module.steps)

    def _write(self, whole: dict[str, float]) -> None:
        """Append; a column that was not there before means that the file is written anew with it."""
        path = self.directory.metrics_csv
        if not self._columns:
            self._columns = list(self.directory.metrics()) if is_plain(path) else []
        new = [name for name in whole if name not in self._columns]
        if not new:
            append_rows(path, self._columns, [whole])
            return
        old = self.directory.metric_rows() if is_plain(path) else []
        self._columns += new
        append_rows(path, self._columns, [*old, whole], whole=True)


def mean_over_processes(trainer: pl.Trainer, values: Mapping[str, Tensor]) -> dict[str, float]:
    """Scalars on the device, averaged over processes; the same on each."""
    stacked = torch.stack([value.float() for value in values.values()])
    if trainer.world_size > 1:
        stacked = trainer.strategy.reduce(stacked, reduce_op="mean")
    return dict(zip(values, stacked.tolist(), strict=True))

"""The first batch of a run, as it enters the network: figures/first_batch.png."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytorch_lightning as pl

from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.data.stream import Block
from kantor.models.base import GenerativeModel
from kantor.runs.directory import RunDirectory
from kantor.samples.batches import drawn
from kantor.tracking.attached import log_picture

FIRST_BATCH = "first_batch.png"


@dataclass(eq=False)
class FirstBatch(pl.Callback):
    """Drawn once, before the first step, of the batch that this step takes; of several processes the first draws its
    share. The model is not asked.

    Attributes:
        directory: whose figures/ is written.
        clock: stands still meanwhile.
    """

    _: KW_ONLY
    directory: RunDirectory
    clock: Clock

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Draw it."""
        assert isinstance(pl_module, GenerativeModel) and isinstance(batch, Block)
        if pl_module.steps or not trainer.is_global_zero:
            return
        with self.clock.paused():
            picture = drawn(batch.samples[0])
            path = self.directory.figures / FIRST_BATCH
            with replacing(path) as file:
                picture.save(file, format="PNG")
            log_picture(trainer.loggers, "pictures/first_batch", path, counters=pl_module.counters())

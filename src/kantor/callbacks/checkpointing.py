"""When checkpoints are written."""

import pytorch_lightning as pl

from kantor.callbacks.trigger import due
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory


class Checkpointing(pl.Callback):
    """Writes last.ckpt, and the weights that sampling needs for others, every `every` steps and when training ends.

    Args:
        directory: whose checkpoints/ is written.
        every: steps between checkpoints.
    """

    def __init__(self, directory: RunDirectory, *, every: int) -> None:
        self.directory = directory
        self.every = every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if it is time, or if this was the last step."""
        assert isinstance(pl_module, GenerativeModel)
        if due(trainer, pl_module, self.every):
            checkpoints.save(trainer, pl_module, self.directory.checkpoints / "last.ckpt")
            if trainer.is_global_zero:
                weights = pl_module.default_weights
                checkpoints.export_weights(pl_module.weights(weights), weights, self.directory)

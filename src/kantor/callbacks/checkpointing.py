"""When checkpoints are written."""

import pytorch_lightning as pl

from kantor.callbacks.trigger import due
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory


class Checkpointing(pl.Callback):
    """Writes last.ckpt, and the weights that sampling needs for others, every `every` steps and when training ends.

    What is exported is made of the checkpoint: where a kill came in between, the run that goes on from there makes it.

    Args:
        directory: whose checkpoints/ is written.
        every: steps between checkpoints.
    """

    def __init__(self, directory: RunDirectory, *, every: int) -> None:
        self.directory = directory
        self.every = every
        self._exported: int | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if it is time, or if this was the last step."""
        assert isinstance(pl_module, GenerativeModel)
        if due(trainer, pl_module, self.every):
            checkpoints.save(trainer, pl_module, self.directory.checkpoints / "last.ckpt")
            self._export(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Export what a run has that had all its steps already."""
        assert isinstance(pl_module, GenerativeModel)
        if self._exported != pl_module.steps:
            self._export(trainer, pl_module)

    def _export(self, trainer: pl.Trainer, model: GenerativeModel) -> None:
        if trainer.is_global_zero:
            weights = model.weights.default
            checkpoints.export_weights(model.weights(weights), weights, self.directory)
        self._exported = model.steps

"""What a model measures of itself now and then, beside its losses, without leaving a trace in it."""

import pytorch_lightning as pl
import torch

from kantor import keyed
from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.callbacks.untouched import untouched
from kantor.data.stream import Block
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel


class Measurement(pl.Callback):
    """Puts what the model measures into its `values` after the first step, every `every` steps, and after the last.

    It acts before `Record`, which averages the values over processes and writes them; `every` is a multiple of the
    record's, or nobody would see them. Each process measures its own share of the batch.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements.
    """

    def __init__(self, *, clock: Clock, seed: int, every: int) -> None:
        require_positive(every=every)
        self.clock, self.seed, self.every = clock, seed, every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Measure if it is time."""
        assert isinstance(pl_module, GenerativeModel) and isinstance(batch, Block)
        if not measured(trainer, pl_module, self.every):
            return
        rng = rng_of_step(trainer, pl_module, self.seed)
        with self.clock.paused(), torch.no_grad(), untouched(pl_module.networks().values(), rng.layers):
            pl_module.values.update(pl_module.measurements(batch, rng))


def measured(trainer: pl.Trainer, model: GenerativeModel, every: int) -> bool:
    """Whether there are measurements of the step just finished; of the first, since later ones are held against it."""
    return model.steps == 1 or due(trainer, model, every)


def rng_of_step(trainer: pl.Trainer, model: GenerativeModel, seed: int) -> keyed.Rng:
    """The noise of what is measured after the step just finished."""
    key = keyed.seed(seed, "measure", model.steps)
    return keyed.Rng(key, rank=trainer.global_rank, world=trainer.world_size, device=model.device)

"""What is measured of an adversarial model now and then, beside its losses, without leaving a trace in it."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from kantor import keyed
from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.data.stream import Block
from kantor.errors import require_positive
from kantor.models.adversarial import Adversarial
from kantor.models.base import GenerativeModel


class Measurement(pl.Callback):
    """Puts numbers into the model's `values` after the first step, every `every` steps, and after the last.

    It acts before `Record`, which averages them over processes and writes them; `every` is a multiple of the record's,
    or nobody would see them. Each process measures its own share of the batch.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements.
    """

    def __init__(self, *, clock: Clock, seed: int, every: int) -> None:
        require_positive(every=every)
        self.clock, self.seed, self.every = clock, seed, every

    @abstractmethod
    def measure(self, model: Adversarial, block: Tensor, rng: keyed.Rng) -> dict[str, Tensor]:
        """Scalars on the device by log name; called without gradients.

        Args:
            model: after a step.
            block: the real samples of this step, (n_critic, B, …).
            rng: noise for this step alone.
        """

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Measure if it is time."""
        assert isinstance(pl_module, Adversarial) and isinstance(batch, Block)
        if not measured(trainer, pl_module, self.every):
            return
        key = keyed.seed(self.seed, "measure", pl_module.steps)
        rng = keyed.Rng(key, rank=trainer.global_rank, world=trainer.world_size, device=pl_module.device)
        with self.clock.paused(), torch.no_grad(), untouched(pl_module.generator), untouched(pl_module.critic):
            pl_module.values.update(self.measure(pl_module, batch.samples, rng))


def measured(trainer: pl.Trainer, model: GenerativeModel, every: int) -> bool:
    """Whether there are measurements of the step just finished; of the first, since later ones are held against it."""
    return model.steps == 1 or due(trainer, model, every)


@contextlib.contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Put buffers (batch-norm statistics, power iterations) and torch's random state back to what they were.

    So a network can be asked in training mode, as its loss sees it, and goes on as if nobody had.
    """
    buffers = list(network.buffers())
    before = [buffer.clone() for buffer in buffers]
    devices = [buffer.device for buffer in [*network.parameters(), *buffers][:1] if buffer.device.type == "cuda"]
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in zip(buffers, before, strict=True):
                    buffer.copy_(value)

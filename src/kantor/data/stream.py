"""The block stream: what one training step consumes, `(batches, B, …)`, as a function of the step alone."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from kantor import keyed
from kantor.data.points import PointDistribution


class PointBlocks(IterableDataset[Tensor]):
    """Fresh points for ever: block *k* is drawn from the key ("real", k), whoever asks and whenever.

    Args:
        distribution: what is drawn.
        batch_size: points in a batch, over all processes.
        batches_per_step: how many batches training step k consumes.
        first_step: where the stream begins; a resumed run gives its own step.
        seed: the run's seed.
        rank: this process.
        world: the number of processes; each gets its slice of every batch.
    """

    def __init__(
        self,
        distribution: PointDistribution,
        *,
        batch_size: int,
        batches_per_step: Callable[[int], int],
        first_step: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.distribution = distribution
        self.batch_size = batch_size
        self.batches_per_step = batches_per_step
        self.first_step = first_step
        self.seed = seed
        self.rows = slice(rank * batch_size // world, (rank + 1) * batch_size // world)

    def __iter__(self) -> Iterator[Tensor]:
        step = self.first_step
        while True:
            yield self.block(step)
            step += 1

    def block(self, step: int) -> Tensor:
        """The block of one training step, float32, shape (batches, B of this process, 2)."""
        batches = self.batches_per_step(step)
        rng = np.random.Generator(np.random.Philox(key=keyed.seed(self.seed, "real", step)))
        points = self.distribution.sample(batches * self.batch_size, rng)
        blocks = points.reshape(batches, self.batch_size, 2)[:, self.rows]
        return torch.from_numpy(blocks.astype(np.float32))

"""The block stream: what one training step consumes, `(batches, B, …)`, as a function of the step alone."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from kantor import keyed
from kantor.data.points import HasClasses, PointDistribution
from kantor.data.share import Share


class Block(NamedTuple):
    """One training step's samples as the model takes them.

    Attributes:
        samples: float32 (batches, B, …): points in data units, images in [-1, 1].
        labels: the class of each, int64 (batches, B); None of data without labels.
    """

    samples: Tensor
    labels: Tensor | None


class Blocks(IterableDataset[Any], ABC):
    """Block after block for ever: block *k* is a function of k, whoever asks and whenever.

    Args:
        first_step: where the stream begins; a resumed run gives its own step.
    """

    def __init__(self, *, first_step: int) -> None:
        self.first_step = first_step

    def __iter__(self) -> Iterator[Any]:
        step = self.first_step
        while True:
            yield self.block(step)
            step += 1

    @abstractmethod
    def block(self, step: int) -> Any:
        """The block of one training step, (batches, B of this process, …)."""


class PointBlocks(Blocks):
    """Fresh points: block *k* is drawn from the key ("real", k).

    Args:
        distribution: what is drawn.
        batch_size: points in a batch, over all processes.
        batches_per_step: how many batches training step k consumes.
        first_step: where the stream begins.
        seed: the run's seed.
        share: which part of every batch is wanted.
    """

    def __init__(
        self,
        distribution: PointDistribution,
        *,
        batch_size: int,
        batches_per_step: Callable[[int], int],
        first_step: int,
        seed: int,
        share: Share,
    ) -> None:
        super().__init__(first_step=first_step)
        self.distribution = distribution
        self.batch_size = batch_size
        self.batches_per_step = batches_per_step
        self.seed = seed
        self.rows = share.rows(batch_size)

    def block(self, step: int) -> Block:
        """The block of one training step, (batches, B of this process, 2), labelled where points have classes."""
        shape = (self.batches_per_step(step), self.batch_size)
        rng, n = keyed.generator(self.seed, "real", step), math.prod(shape)
        labels = None
        if isinstance(self.distribution, HasClasses):
            points, which = self.distribution.labelled(n, rng)
            labels = torch.from_numpy(which.reshape(shape)[:, self.rows])
        else:
            points = self.distribution.sample(n, rng)
        samples = points.astype(np.float32).reshape(*shape, 2)[:, self.rows]
        return Block(torch.from_numpy(samples), labels)


class ImageBlock(NamedTuple):
    """One training step's images as they lie in memory.

    Attributes:
        images: uint8 (batches, B, C, H, W).
        labels: int64 (batches, B), or None.
        mirrored: bool (batches, B), which of them are to be flipped left to right; None for no flips.
    """

    images: Tensor
    labels: Tensor | None
    mirrored: Tensor | None


class Images(Protocol):
    """Where blocks of images come from."""

    def __len__(self) -> int:
        """How many."""
        ...

    def take(self, indices: np.ndarray) -> Tensor:
        """The images at int64 indices (n,), uint8 (n, C, H, W)."""
        ...

    def labels_of(self, indices: np.ndarray) -> np.ndarray | None:
        """The labels at indices (n,), int64 (n,); None when there are none."""
        ...


class ImageBlocks(Blocks):
    """A finite set over and over: epoch *e* is the permutation of ("order", e), blocks straddle epochs, nothing is left
    out, and where block *k* begins is the number of images consumed before step k.

    Args:
        images: the set.
        batch_size: images in a batch, over all processes.
        batches_per_step: how many batches training step k consumes.
        batches_before: how many batches the steps before k consume together.
        first_step: where the stream begins.
        seed: the run's seed.
        share: which part of every batch is wanted.
        flip: whether half of the images, by the key ("flip", k), are to be mirrored.
    """

    def __init__(
        self,
        images: Images,
        *,
        batch_size: int,
        batches_per_step: Callable[[int], int],
        batches_before: Callable[[int], int],
        first_step: int,
        seed: int,
        share: Share,
        flip: bool,
    ) -> None:
        super().__init__(first_step=first_step)
        self.images = images
        self.batch_size = batch_size
        self.batches_per_step = batches_per_step
        self.batches_before = batches_before
        self.seed = seed
        self.rows = share.rows(batch_size)
        self.flip = flip
        self._epoch, self._order = -1, np.empty(0, dtype=np.uint32)

    def block(self, step: int) -> ImageBlock:
        """The block of one training step."""
        batches = self.batches_per_step(step)
        positions = self.batches_before(step) * self.batch_size + np.arange(batches * self.batch_size)
        mine = positions.reshape(batches, self.batch_size)[:, self.rows]
        indices = self.indices(mine.reshape(-1))
        images, labels = self.images.take(indices), self.images.labels_of(indices)
        mirrored = None
        if self.flip:
            rng = keyed.generator(self.seed, "flip", step)
            chosen = rng.random((batches, self.batch_size)) < 0.5
            mirrored = torch.from_numpy(chosen[:, self.rows].copy())
        return ImageBlock(
            images.reshape(*mine.shape, *images.shape[1:]),
            None if labels is None else torch.from_numpy(labels.reshape(mine.shape)),
            mirrored,
        )

    def indices(self, positions: np.ndarray) -> np.ndarray:
        """Which image lies at each position (n,), ascending, of the stream."""
        found = np.empty(len(positions), dtype=np.int64)
        epochs, places = np.divmod(positions, len(self.images))
        for epoch in np.unique(epochs):
            here = epochs == epoch
            found[here] = self.order(int(epoch))[places[here]]
        return found

    def order(self, epoch: int) -> np.ndarray:
        """The permutation of one epoch, uint32 (N,): four bytes an image, and one epoch in memory at a time."""
        if epoch != self._epoch:
            rng = keyed.generator(self.seed, "order", epoch)
            order = np.arange(len(self.images), dtype=np.uint32)
            rng.shuffle(order)
            self._epoch, self._order = epoch, order
        return self._order

"""The part of a step's block that goes through the networks in one pass."""

from typing import NamedTuple

import torch
from torch import Tensor

from kantor import keyed


class Part(NamedTuple):
    """Some rows of each batch of a block.

    Attributes:
        samples: (batches, b, …).
        labels: int64 (batches, b), of a conditional model only.
        rng: the noise of its rows.
    """

    samples: Tensor
    labels: Tensor | None
    rng: keyed.Rng

    def batch(self, place: int) -> tuple[Tensor, Tensor | None]:
        """One of its batches: samples (b, …) and labels (b,)."""
        return self.samples[place], None if self.labels is None else self.labels[place]


def parts(
    samples: Tensor, labels: Tensor | None, count: int, *, key: int, rank: int, world: int, device: torch.device
) -> list[Part]:
    """This process' share of a step's block in `count` parts, whose noise is that of the whole block: each is to this
    process what a process is to all.

    Args:
        samples: (batches, b, …).
        labels: int64 (batches, b), where the networks take them.
        count: how many parts.
        key: of the step's noise.
        rank, world: this process among all.
        device: where the noise goes.
    """
    told = [None] * count if labels is None else labels.chunk(count, dim=1)
    return [
        Part(mine, told[i], keyed.Rng(key, rank=rank * count + i, world=world * count, device=device))
        for i, mine in enumerate(samples.chunk(count, dim=1))
    ]

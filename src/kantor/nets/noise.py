"""Learned noise: a variance that belongs to the data and not to a sample."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kantor.errors import UserError


class LearnedNoise(nn.Module):
    """A decoder of means, and the logarithm of a variance that is learned for all samples together.

    Args:
        network: (B, dim) → (B, C, …), means.
        shape: of what is learned: of one sample for one variance each, [1] for one of all.
        start: the logarithm at first.

    Shape:
        (B, dim) → (B, 2·C, …), the means, and the logarithms behind them.

    Raises:
        UserError: the shape is none.
    """

    def __init__(self, *, network: nn.Module, shape: Sequence[int], start: float) -> None:
        super().__init__()
        if not shape or any(size < 1 for size in shape):
            raise UserError(f"shape={list(shape)}: expected [1], or that of one sample")
        self.network = network
        self.log_variance = nn.Parameter(torch.full(tuple(shape), start))

    def forward(self, z: Tensor) -> Tensor:
        """(B, dim) → (B, 2·C, …)."""
        mean = self.network(z)
        return torch.cat([mean, self.log_variance.to(mean).expand_as(mean)], dim=1)

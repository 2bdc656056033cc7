"""Partition functions: Z, by which a positive function of samples has to be divided to be a probability."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

MOST_BITS = 20
"""Up to which all states are counted: a million."""

BLOCK = 1 << 12
"""States looked at together."""


def log_sum_of_states(energy: Callable[[Tensor], Tensor], bits: int) -> float:
    """log Σ e^{-E(s)} over all 2^bits states, to the digits of float64.

    Args:
        energy: of states float64 (B, bits), (B,).
        bits: at most `MOST_BITS`.
    """
    assert bits <= MOST_BITS
    places = torch.arange(bits)
    parts = [
        torch.logsumexp(-energy(((block[:, None] >> places) & 1).double()), 0)
        for block in torch.arange(2**bits).split(BLOCK)
    ]
    return float(torch.logsumexp(torch.stack(parts), 0))


def log_integral(energy: Callable[[Tensor], Tensor], extent: float, *, cells: int) -> float:
    """log ∫ e^{-E(x)} dx over [-extent, extent]² by the midpoint rule, of points float64 (B, 2)."""
    width = 2 * extent / cells
    ticks = (torch.arange(cells, dtype=torch.float64) + 0.5) * width - extent
    parts = [torch.logsumexp(-energy(block), 0) for block in torch.cartesian_prod(ticks, ticks).split(BLOCK)]
    return float(torch.logsumexp(torch.stack(parts), 0)) + 2 * math.log(width)


class LogMean(NamedTuple):
    """The logarithm of a mean.

    Attributes:
        value: of it.
        variance: of that, by the jackknife that leaves out one weight at a time, with one degree of freedom less than
            there are weights.
    """

    value: float
    variance: float


def log_mean(log_weights: Tensor) -> LogMean:
    """log of the mean of e^{log w} over independent chains, float64 (M,), M ≥ 2."""
    count = len(log_weights)
    assert count > 1, "one chain does not say how sure it is"
    whole = float(torch.logsumexp(log_weights, 0)) - math.log(count)
    highest = log_weights.max()
    weights = torch.exp(log_weights - highest)
    others = (weights.sum() - weights).clamp(min=1e-300)
    left_out = torch.log(others / (count - 1)) + highest
    return LogMean(whole, (count - 1) / count * float((left_out - whole).square().sum()))

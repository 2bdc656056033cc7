"""Partition functions: Z, by which a positive function of samples has to be divided to be a probability."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kantor.metrics.intervals import Estimate

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


def log_mean(log_weights: Tensor) -> Estimate:
    """log of the mean of e^{log w} over independent chains, float64 (M,), with its 95% interval: t of the jackknife
    that leaves out one chain at a time, around it."""
    from scipy.special import stdtrit  # a fifth of a second of import: only where a number is made

    count = len(log_weights)
    whole = float(torch.logsumexp(log_weights, 0)) - math.log(count)
    if count < 2:
        return Estimate(whole, None, None)
    highest = log_weights.max()
    weights = torch.exp(log_weights - highest)
    others = (weights.sum() - weights).clamp(min=1e-300)
    left_out = torch.log(others / (count - 1)) + highest
    half = float(stdtrit(count - 1, 0.975)) * math.sqrt((count - 1) / count * float((left_out - whole).square().sum()))
    return Estimate(whole, whole - half, whole + half)

"""Likelihoods of bytes: 256 levels in [-1, 1], 2/255 apart, each of them a bin half as wide to either side.

A density becomes a likelihood of bytes when these are spread evenly over their bins (uniform dequantisation, Theis et
al. 2016, arXiv:1511.01844, section 3.1): log P ≥ E log p(x + noise) + D·log(2/255). Uniform bytes have 8 bits a
dimension.
"""

import math

import torch
from torch import Tensor

from kantor.keyed import Rng

LEVELS = 256

HALF = 1 / 255
"""Of a bin."""


def levels_of(x: Tensor) -> Tensor:
    """Samples in [-1, 1] as the nearest of the levels 0 … 255, int64 of the same shape."""
    return ((x.float() + 1) * 127.5).round().clamp(0, LEVELS - 1).long()


def dequantised(x: Tensor, rng: Rng) -> Tensor:
    """Samples at levels (B, …), spread over their bins."""
    return x + HALF * (2 * rng.uniform(*x.shape).to(x) - 1)


def nats_of_density(log_density: Tensor, dimensions: int) -> Tensor:
    """-log P of bytes, in nats, from log p of what they were spread to, (B,)."""
    return -(log_density + dimensions * math.log(2 * HALF))


def bytes_of_gaussian(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """-log of the mass that N(mean, variance) has within half a level of x, in nats of each dimension, in x's dtype.

    The levels are 256 in [-1, 1]; the first and the last reach to infinity, so that all 256 have a mass of 1 (Ho et
    al. 2020, arXiv:2006.11239, equation 13).
    """
    deviation = variance.sqrt()
    upper = torch.where(x > 1 - HALF, math.inf, (x + HALF - mean) / deviation)
    lower = torch.where(x < -1 + HALF, -math.inf, (x - HALF - mean) / deviation)
    mirrored = lower > 0  # above the mean the two tails are nearly 1, and their difference would cancel
    upper, lower = torch.where(mirrored, -lower, upper), torch.where(mirrored, -upper, lower)
    larger, smaller = torch.special.log_ndtr(upper), torch.special.log_ndtr(lower)
    return -(larger + torch.log1p(-torch.exp(smaller - larger)))

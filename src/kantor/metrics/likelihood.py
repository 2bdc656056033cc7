"""What samples cost a model: the mean of -log p over them, in nats, or in bits for each dimension."""

import math

from torch import Tensor


def mean_nll(nats: Tensor) -> float:
    """The mean of -log p(x) in nats of whole samples, (B,): a cross-entropy."""
    return float(nats.mean())


def bits_per_dim(nats: Tensor, dimensions: int) -> Tensor:
    """-log P(x) of samples with so many dimensions, in bits for each of them, (B,) of nats (B,)."""
    return nats / (dimensions * math.log(2))


def deviation_of_difference(difference: Tensor) -> float:
    """How far a log density is from another one up to a constant: the standard deviation of their difference over
    samples, (B,), nats."""
    return float(difference.std())

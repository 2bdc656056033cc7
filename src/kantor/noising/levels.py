"""Noise levels: how much of a sample and how much noise x_t = α·x + σ·ε holds."""

from typing import NamedTuple

import torch
from torch import Tensor


class Levels(NamedTuple):
    """Some levels; float64 on the CPU, where tables are made.

    Attributes:
        alpha: α ≥ 0, any shape.
        sigma: σ ≥ 0, of the same shape; never both 0.
    """

    alpha: Tensor
    sigma: Tensor

    @property
    def u(self) -> Tensor:
        """σ/(α + σ), in [0, 1]: the time in which every path is the linear flow of y = x_t/(α + σ)."""
        return self.sigma / (self.alpha + self.sigma)

    @property
    def ratio(self) -> Tensor:
        """σ/α, the standard deviation of the noise on an unscaled sample; infinite where α = 0."""
        return self.sigma / self.alpha

    @property
    def log_snr(self) -> Tensor:
        """ln(α²/σ²), in nats."""
        return 2 * (self.alpha.log() - self.sigma.log())

    def each(self, index: int) -> "Levels":
        """One of a row of levels."""
        return Levels(self.alpha[index], self.sigma[index])


def at_samples(values: Tensor, x: Tensor) -> Tensor:
    """Numbers () or (B,), in a shape that multiplies samples x (B, …); of their type and on their device."""
    return values.to(device=x.device, dtype=x.dtype).reshape(-1, *[1] * (x.dim() - 1))


def variance_preserving(alpha_bar: Tensor) -> Levels:
    """α² = ᾱ and σ² = 1 - ᾱ."""
    return Levels(alpha_bar.sqrt(), (1 - alpha_bar).sqrt())


def of_log_snr(log_snr: Tensor) -> Levels:
    """The levels with α² + σ² = 1 of such a signal-to-noise ratio; the small one of the two keeps all its digits."""
    return Levels(torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt())


def noised(x: Tensor, noise: Tensor, levels: Levels) -> Tensor:
    """x_t = α·x + σ·ε, (B, …); levels () or (B,)."""
    return at_samples(levels.alpha, x) * x + at_samples(levels.sigma, x) * noise

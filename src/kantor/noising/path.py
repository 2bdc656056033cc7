"""Gaussian paths from data to noise: x_t = α_t·x + σ_t·ε for times t from 0 (data) to 1 (noise).

Sources: the chain of T steps, Ho et al. 2020 (arXiv:2006.11239, equation 4); the linear flow, Lipman et al. 2023
(arXiv:2210.02747, equation 22) and Liu et al. 2023 (arXiv:2209.03003); the cosine path, Albergo & Vanden-Eijnden 2023
(arXiv:2209.15571); the exploding one, Song & Ermon 2019 (arXiv:1907.05600, section 4.2).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kantor.errors import UserError, require_positive
from kantor.noising.betas import Betas
from kantor.noising.levels import Levels, of_log_snr, variance_preserving

SAME = 1e-6
"""How far a level may be from the one that was asked for, in shares of it."""


class Path(ABC):
    """A level of noise for every time."""

    steps: int | None = None
    """T of a chain; None of a path in continuous time."""

    start: float = 1.0
    """The standard deviation of the noise that sampling begins from, at t = 1."""

    preserves_variance: bool = False
    """Whether α² + σ² = 1."""

    ends_in_noise: bool = True
    """Whether α = 0 at t = 1: nothing is left of the sample there."""

    @abstractmethod
    def at(self, t: Tensor) -> Levels:
        """The levels at times t in [0, 1], float64, any shape."""

    @abstractmethod
    def time(self, levels: Levels) -> Tensor:
        """The times at which the path has such a ratio σ/α; the inverse of `at`, in [0, 1]."""


def at_ratio(path: Path, ratio: float) -> Levels | None:
    """The level () of a path that has such a σ/α; None where it has none."""
    wanted = torch.tensor(ratio, dtype=torch.float64)
    time = path.time(Levels(1 / (1 + wanted), wanted / (1 + wanted))).clamp(0, 1)
    level = path.at(time)
    return level if abs(float(level.ratio) / ratio - 1) < SAME else None


@dataclass(frozen=True)
class Chain(Path):
    """T steps x_t = √(1 - β_t)·x_{t-1} + √β_t·ε; time k/T is that of step k, 0 that of the data.

    α² = ᾱ_k = Π_{s ≤ k} (1 - β_s). Between two steps the logarithm of the signal-to-noise ratio is linear in
    time; between the data and step 1 the variance of the noise is.

    Attributes:
        betas: β_1 … β_T.
    """

    betas: Betas

    preserves_variance = True
    ends_in_noise = False

    @property
    def steps(self) -> int:  # type: ignore[override]
        """T."""
        return len(self.beta)

    @cached_property
    def beta(self) -> np.ndarray:
        """β_1 … β_T, float64 (T,).

        Raises:
            UserError: they are no chain.
        """
        return self.betas.values()

    @cached_property
    def alpha_bar(self) -> np.ndarray:
        """ᾱ_1 … ᾱ_T, float64 (T,): a product of a thousand factors drifts in float32."""
        return np.cumprod(1 - self.beta)

    @cached_property
    def _log_snr(self) -> np.ndarray:
        return np.log(self.alpha_bar) - np.log1p(-self.alpha_bar)

    def __post_init__(self) -> None:
        assert len(self.beta) > 1

    def at(self, t: Tensor) -> Levels:
        """The levels of step t·T."""
        k = t.double() * self.steps
        between = torch.as_tensor(np.interp(k.numpy(), np.arange(1, self.steps + 1), self._log_snr))
        levels, first = of_log_snr(between), variance_preserving(1 - k * (1 - self.alpha_bar[0]))
        return Levels(*(torch.where(k < 1, a, b) for a, b in zip(first, levels, strict=True)))

    def time(self, levels: Levels) -> Tensor:
        """k/T, k a step or between two."""
        falling, steps = -levels.log_snr.numpy(), np.arange(1, self.steps + 1)
        k = torch.as_tensor(np.interp(falling, -self._log_snr, steps))
        share = torch.sigmoid(-levels.log_snr) / (1 - self.alpha_bar[0])  # σ² over that of step 1
        return torch.where(share < 1, share, k) / self.steps


@dataclass(frozen=True)
class Linear(Path):
    """α = 1 - t, σ = t: the straight line from a sample to its noise."""

    def at(self, t: Tensor) -> Levels:
        """(1 - t, t)."""
        return Levels(1 - t.double(), t.double())

    def time(self, levels: Levels) -> Tensor:
        """u."""
        return levels.u


@dataclass(frozen=True)
class Cosine(Path):
    """α = cos(πt/2), σ = sin(πt/2)."""

    preserves_variance = True

    def at(self, t: Tensor) -> Levels:
        """The cosine and the sine; exactly 0 and 1 at the end."""
        angle = t.double() * (math.pi / 2)
        alpha = torch.where(t == 1, torch.zeros_like(angle), angle.cos())
        return Levels(alpha, angle.sin())

    def time(self, levels: Levels) -> Tensor:
        """The angle over a right one."""
        return torch.atan2(levels.sigma, levels.alpha) * (2 / math.pi)


@dataclass(frozen=True)
class Exploding(Path):
    """α = 1, σ = low·(high/low)^t: noise is added to the sample as it is, down to a little at t = 0.

    Attributes:
        low: the smallest standard deviation, in units of the data.
        high: the largest; sampling begins from noise of that size.
    """

    low: float
    high: float

    ends_in_noise = False

    def __post_init__(self) -> None:
        require_positive(low=self.low)
        if not self.high > self.low:
            raise UserError(f"high={self.high}: expected more noise than low={self.low}")

    @property
    def start(self) -> float:  # type: ignore[override]
        """The largest noise."""
        return self.high

    def at(self, t: Tensor) -> Levels:
        """(1, σ)."""
        sigma = self.low * (self.high / self.low) ** t.double()
        return Levels(torch.ones_like(sigma), sigma)

    def time(self, levels: Levels) -> Tensor:
        """How far σ/α is from low to high in its logarithm; 0 below the smallest."""
        return (levels.ratio.log() - math.log(self.low)).clamp(min=0) / math.log(self.high / self.low)

"""The probability flow: with y = x/(α + σ) and u = σ/(α + σ), dy/du = ε̂ − D on every Gaussian path, solved from u of
the first level down to 0 by Euler's or Heun's method, with the noise ("churn") of Karras et al. 2022
(arXiv:2206.00364, algorithm 2)."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kantor.errors import UserError, require_at_least
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.samplers.base import GridSampler, noise_in, noise_like, transitions

LARGEST_GAIN = math.sqrt(2) - 1
"""No step may raise σ by more: γ in algorithm 2."""


@dataclass(frozen=True, kw_only=True)
class Flow(GridSampler):
    """A method of one step, and noise before each.

    Attributes:
        churn: S_churn: σ/α is raised by the factor 1 + min(S_churn/n, √2 − 1) before each step; 0 for no noise.
        churn_from: S_min, the least σ/α that is raised.
        churn_to: S_max, the largest; None for no bound.
        churn_noise: S_noise, on the standard deviation of the new noise.
    """

    churn: float
    churn_from: float
    churn_to: float | None
    churn_noise: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, churn=self.churn, churn_from=self.churn_from, churn_noise=self.churn_noise)
        if self.churn_to is not None and self.churn_to < self.churn_from:
            raise UserError(f"churn_to={self.churn_to}: expected at least churn_from={self.churn_from}, or null")

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        for t, s in transitions(levels):
            x, t = self._churned(x, t, rng)
            x = self.step(denoiser, x, t, s)
        return x

    @abstractmethod
    def step(self, denoiser: Denoiser, x: Tensor, t: Levels, s: Levels) -> Tensor:
        """x at level s from x at level t."""

    def _churned(self, x: Tensor, t: Levels, rng: Rng) -> tuple[Tensor, Levels]:
        """More noise, at the same α."""
        gain = min(self.churn / self.steps, LARGEST_GAIN)
        inside = self.churn_from <= t.ratio <= (math.inf if self.churn_to is None else self.churn_to)
        if gain == 0 or not inside or t.alpha == 0:
            return x, t
        sigma = (1 + gain) * t.sigma
        more = self.churn_noise * (sigma**2 - t.sigma**2).sqrt()
        return x + more * noise_like(x, rng), Levels(t.alpha, sigma)


@dataclass(frozen=True, kw_only=True)
class Euler(Flow):
    """Of first order; without churn it is DDIM with η = 0."""

    name: ClassVar[str] = "euler"

    @property
    def evaluations(self) -> int:
        """One a step."""
        return self.steps

    def step(self, denoiser: Denoiser, x: Tensor, t: Levels, s: Levels) -> Tensor:
        """As `Flow` has it."""
        return along(x, slope(denoiser, x, t), t, s)


@dataclass(frozen=True, kw_only=True)
class Heun(Flow):
    """Of second order: the mean of the slopes at both ends, but for the last step, which is Euler's."""

    name: ClassVar[str] = "heun"

    @property
    def evaluations(self) -> int:
        """Two a step, one in the last."""
        return 2 * self.steps - 1

    def step(self, denoiser: Denoiser, x: Tensor, t: Levels, s: Levels) -> Tensor:
        """As `Flow` has it."""
        first = slope(denoiser, x, t)
        tried = along(x, first, t, s)
        return tried if s.sigma == 0 else along(x, (first + slope(denoiser, tried, s)) / 2, t, s)


def slope(denoiser: Denoiser, x: Tensor, t: Levels) -> Tensor:
    """dy/du at x: ε̂ − D."""
    data = denoiser(x, t)
    return noise_in(x, data, t) - data


def along(x: Tensor, dy_du: Tensor, t: Levels, s: Levels) -> Tensor:
    """x at level s of the line through x at level t."""
    scale: Tensor = s.alpha + s.sigma
    return scale / (t.alpha + t.sigma) * x + scale * (s.u - t.u) * dy_du

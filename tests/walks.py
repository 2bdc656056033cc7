"""What samplers make of laws whose denoisers are known in closed form: without drawing anything, and so to all digits.

On a Gaussian every sampler is linear in the noise it begins from and in what it draws. Each row of a batch gets one of
these numbers as 1 and the others as 0; the sum of squares over the batch is then the variance of a sample. A mixture in
one dimension is carried by the probability flow along its quantiles.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from kantor.noising.path import Linear
from kantor.samplers.ancestral import Ancestral
from kantor.samplers.base import DenoisingSampler, GridSampler
from kantor.samplers.ddim import DDIM
from kantor.samplers.dpm import DPM2M
from kantor.samplers.flow import Euler, Heun
from kantor.samplers.langevin import AnnealedLangevin, Langevin

LINEAR = Linear()
QUIET = {"churn": 0.0, "churn_from": 0.0, "churn_to": None, "churn_noise": 1.0}


@dataclass(frozen=True)
class Kind:
    """A sampler with settings.

    Attributes:
        of: it, of a number of steps on levels in equal steps of u, unless it is given another grid.
        order: of its error in the length of a step; None of one that has none.
        draws: whether it adds noise on its way.
    """

    of: Callable[..., DenoisingSampler]
    order: int | None
    draws: bool


def kind(sampler, order, *, draws=False, **settings):
    def of(steps, *, grid="u", clip=False, guidance=1.0, guide=None):
        levels = {"grid": grid} if issubclass(sampler, GridSampler) else {}
        return sampler(steps=steps, clip=clip, guidance=guidance, guide=guide, **levels, **settings)

    return Kind(of, order, draws)


KINDS = {
    "ancestral, β": kind(Ancestral, 1, variance="beta", draws=True),
    "ancestral, β̃": kind(Ancestral, 1, variance="beta_tilde", draws=True),
    "DDIM": kind(DDIM, 1, eta=0.0),
    "DDIM, η = ½": kind(DDIM, 1, eta=0.5, draws=True),
    "DDIM, η = 1": kind(DDIM, 1, eta=1.0, draws=True),
    "Euler": kind(Euler, 1, **QUIET),
    "Euler, churn 4": kind(Euler, 1, **(QUIET | {"churn": 4.0}), draws=True),
    "Heun": kind(Heun, 2, **QUIET),
    "Heun, churn 4": kind(Heun, 2, **(QUIET | {"churn": 4.0}), draws=True),
    "DPM-Solver++ 2M": kind(DPM2M, 2),
    "annealed Langevin": kind(AnnealedLangevin, None, inner=5, step_size=0.1, draws=True),
    "Langevin": kind(Langevin, None, noise=0.1, step_size=0.002, start=1.0, draws=True),
}
ON_GRID = {name: one for name, one in KINDS.items() if isinstance(one.of(2), GridSampler)}
WITH_ORDER = {name: one for name, one in KINDS.items() if one.order is not None}
SILENT = {name: one for name, one in KINDS.items() if not one.draws}


class OneByOne:
    """Instead of random numbers: the k-th draw is 1 in row k and 0 in all others."""

    def __init__(self):
        self.draws = 0

    def normal(self, n, *shape):
        self.draws += 1
        assert self.draws < n, "more draws than rows"
        drawn = torch.zeros(n, *shape, dtype=torch.float64)
        drawn[self.draws] = 1
        return drawn


def gaussian(variance, mean=0.0):
    """D of N(mean, variance·I)."""

    def denoiser(x, level):
        gain = level.alpha * variance / (level.alpha**2 * variance + level.sigma**2)
        return mean + gain * (x - level.alpha * mean)

    return denoiser


def deviation(sampler, variance, levels, start):
    """The standard deviation of samples, begun from noise of deviation `start`, where the data are N(0, variance)."""
    draws = len(levels.alpha) * getattr(sampler, "inner", 1)
    rows = torch.zeros(draws + 1, 1, dtype=torch.float64)
    rows[0] = start
    return sampler(gaussian(variance), rows, levels, OneByOne()).square().sum().sqrt().item()


def between(high, low, steps):
    """Levels of the linear path in equal steps of u, with data and noise at both ends."""
    return LINEAR.at(torch.linspace(high, low, steps + 1, dtype=torch.float64))


def error_between(sampler, variance, high=0.9, low=0.1):
    """Of the deviation at the lower of two levels, begun exactly at the higher one."""
    levels = between(high, low, sampler.steps)
    first, last = (math.sqrt((1 - u) ** 2 * variance + u**2) for u in (high, low))
    return abs(deviation(sampler, variance, levels, first) - last)


def error_to_data(sampler, variance):
    """Of the deviation of samples, on the linear path from pure noise on."""
    return abs(deviation(sampler, variance, sampler.levels(LINEAR), 1.0) - math.sqrt(variance))


def order(error, of, steps=64):
    """log₂ of how much smaller the error is with twice the steps."""
    return math.log2(error(of(steps)) / error(of(2 * steps)))


@dataclass(frozen=True)
class Pair:
    """Two normal laws of one dimension with weights, and their denoiser."""

    centres: tuple[float, float] = (-1.0, 1.5)
    deviation: float = 0.5
    weights: tuple[float, float] = (0.4, 0.6)

    @property
    def mean(self):
        return sum(w * c for w, c in zip(self.weights, self.centres, strict=True))

    @property
    def variance(self):
        square = sum(w * c**2 for w, c in zip(self.weights, self.centres, strict=True))
        return square + self.deviation**2 - self.mean**2

    def __call__(self, x, level):
        alpha, sigma, s2 = level.alpha, level.sigma, self.deviation**2
        v = alpha**2 * s2 + sigma**2
        centres, weights = (torch.tensor(some, dtype=x.dtype) for some in (self.centres, self.weights))
        shares = torch.softmax(weights.log() - (x - alpha * centres) ** 2 / (2 * v), dim=1)  # (B, 2)
        return (shares * (centres + alpha * s2 / v * (x - alpha * centres))).sum(1, keepdim=True)

    def distribution(self, x, u=0.0):
        """F of x_t on the linear path."""
        deviation = math.sqrt((1 - u) ** 2 * self.deviation**2 + u**2)
        parts = zip(self.weights, self.centres, strict=True)
        return sum(w * torch.special.ndtr((x - (1 - u) * c) / deviation) for w, c in parts)

    def quantile(self, shares, u=0.0):
        """F⁻¹ by bisection."""
        low, high = torch.full_like(shares, -10), torch.full_like(shares, 10)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.distribution(middle, u) < shares
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2


PAIR = Pair()


def error_along_quantiles(sampler, high=0.9, low=0.1):
    """Of a mixture's quantiles, which the flow carries from level to level; of samplers that draw nothing."""
    shares = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)[:, None]
    begin, end = (PAIR.quantile(shares, u) for u in (high, low))
    return (sampler(PAIR, begin, between(high, low, sampler.steps), None) - end).abs().max().item()

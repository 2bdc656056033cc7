"""log p(x) of what the probability flow draws, by the change of variables along it.

With y = x_t/(α + σ) and u = σ/(α + σ) the flow of every path is dy/du = ε̂ - D = (y - D)/u, so dy/d(ln u) = y - D, and
along it d log p(y)/d(ln u) = -∇·(y - D) (Chen et al. 2018, arXiv:1806.07366, theorem 1; Song et al. 2021,
arXiv:2011.13456, equation 39). The divergence is summed over all dimensions, or estimated by random signs (Hutchinson
1989).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import require_positive
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Path


@dataclass(frozen=True, kw_only=True)
class ProbabilityFlow:
    """Runge and Kutta's method of fourth order in ln u.

    Attributes:
        steps: of it; each takes four evaluations of the denoiser and its derivatives.
        probes: random vectors for each sample, over which estimates of the divergence are averaged; None sums it over
            all dimensions.
        noise: σ/α where the flow begins: the density is that of the data with so much noise, which has to be far less
            than what the data vary by. Where a path has none so small, its smallest.
    """

    steps: int
    probes: int | None
    noise: float

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, noise=self.noise)
        if self.probes is not None:
            require_positive(probes=self.probes)

    @property
    def nfe(self) -> int:
        """Evaluations of the denoiser for a sample."""
        return 4 * self.steps

    def log_density(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """Of samples x (B, …), in nats, float64 (B,).

        Args:
            denoiser: called with x's dtype; differentiable.
            path: that it was trained on.
            x: samples on the CPU, as the model takes them.
            rng: of the probes.
        """
        last = path.at(torch.ones((), dtype=torch.float64))
        u, end = self._least(path), float(last.u)
        flow = _Flow(denoiser, path, x.dtype, self._probes(x, rng), averaged=self.probes is not None)
        h = (math.log(end) - math.log(u)) / self.steps
        y = x.double() * (1 - u)  # α·x/(α + σ)
        gained = torch.zeros(len(x), dtype=torch.float64)
        for k in range(self.steps):
            y, more = flow.step(y, math.log(u) + k * h, h)
            gained += more
        dimensions, scale = x[0].numel(), float(last.alpha + last.sigma) / path.start
        of_noise = dimensions * math.log(scale / math.sqrt(2 * math.pi)) - (scale * y).square().flatten(1).sum(1) / 2
        return of_noise + gained + dimensions * math.log(1 - u)

    def _least(self, path: Path) -> float:
        """u of the least noise."""
        ratio = max(self.noise, float(path.at(torch.zeros((), dtype=torch.float64)).ratio))
        return ratio / (1 + ratio)

    def _probes(self, x: Tensor, rng: Rng) -> Tensor:
        """(P, B, …): signs, or the unit vectors."""
        if self.probes is not None:
            signs = 2.0 * (rng.uniform(len(x), self.probes, *x.shape[1:]).cpu() < 0.5).double() - 1
            return signs.transpose(0, 1)
        units = torch.eye(x[0].numel(), dtype=torch.float64).reshape(-1, 1, *x.shape[1:])
        return units.expand(-1, len(x), *x.shape[1:])


@dataclass(frozen=True, eq=False)
class _Flow:
    """dy/d(ln u) and its divergence.

    Attributes:
        denoiser, path: of the model.
        dtype: that the denoiser takes.
        probes: (P, B, …).
        averaged: whether the divergence is the mean over probes; else their sum.
    """

    denoiser: Denoiser
    path: Path
    dtype: torch.dtype
    probes: Tensor
    averaged: bool

    def step(self, y: Tensor, log_u: float, h: float) -> tuple[Tensor, Tensor]:
        """y after a step h in ln u, and the integral of the divergence over it."""
        slopes: list[Tensor] = []
        divergences: list[Tensor] = []
        for share in (0.0, 0.5, 0.5, 1.0):
            at = y if not slopes else y + share * h * slopes[-1]
            slope, divergence = self(at, log_u + share * h)
            slopes.append(slope)
            divergences.append(divergence)
        return y + h * _simpson(slopes), h * _simpson(divergences)

    def __call__(self, y: Tensor, log_u: float) -> tuple[Tensor, Tensor]:
        """dy/d(ln u), (B, …), and its divergence, (B,), float64."""
        u = torch.tensor(min(math.exp(log_u), 1.0), dtype=torch.float64)
        level = self.path.at(self.path.time(Levels(1 - u, u)))
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            slope = y - self.denoiser((float(level.alpha + level.sigma) * y).to(self.dtype), level).double()
            parts = torch.stack([self._along(slope, y, probe) for probe in self.probes])
        return slope.detach(), parts.mean(0) if self.averaged else parts.sum(0)

    @staticmethod
    def _along(slope: Tensor, y: Tensor, probe: Tensor) -> Tensor:
        """vᵀJv of each sample, (B,)."""
        (gradient,) = torch.autograd.grad(slope, y, probe, retain_graph=True)
        return (gradient * probe).flatten(1).sum(1)


def _simpson(four: list[Tensor]) -> Tensor:
    """The mean slope of Runge and Kutta's four."""
    return (four[0] + 2 * four[1] + 2 * four[2] + four[3]) / 6

"""Euler's method for the flow dy/du = ε̂ - D of y = x_t/(α + σ) in u = σ/(α + σ), to which every path leads."""

from dataclasses import dataclass

from torch import Tensor

from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.samplers.base import DenoisingSampler


@dataclass(frozen=True, kw_only=True)
class Euler(DenoisingSampler):
    """One evaluation a step; of first order."""

    def __call__(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """x_s = α_s·D + σ_s·ε̂, which is Euler's step."""
        for k in range(self.steps):
            now, then = levels.each(k), levels.each(k + 1)
            d = denoiser(x, now)
            noise = (x - float(now.alpha) * d) / float(now.sigma)
            x = float(then.alpha) * d + float(then.sigma) * noise
        return x

    @property
    def nfe(self) -> int:
        """One a step."""
        return self.steps

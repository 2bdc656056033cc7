"""Ancestral sampling: the reversed chain, x_s ~ N(mean of q(x_s | x_t, x = D), variance) (Ho et al. 2020,
arXiv:2006.11239, algorithm 2), between any two levels; the last step adds no noise."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser, HasVariance
from kantor.noising.levels import Levels
from kantor.noising.transition import Transition, transition
from kantor.samplers.base import GridSampler, noise_like, transitions


@dataclass(frozen=True, kw_only=True)
class Ancestral(GridSampler):
    """σ² is β, β̃, or learned between the two: v·log β + (1 − v)·log β̃ (Nichol & Dhariwal 2021, arXiv:2102.09672,
    equation 15).

    Attributes:
        variance: `beta`; `beta_tilde`; or `learned`, of a model that has learned v.
    """

    name: ClassVar[str] = "ancestral"
    variance: Literal["beta", "beta_tilde", "learned"]

    @property
    def needs_variance(self) -> bool:
        """Where it is learned."""
        return self.variance == "learned"

    @property
    def evaluations(self) -> int:
        """One a step."""
        return self.steps

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        for t, s in transitions(levels):
            q = transition(t, s)
            data, variance = self._predicted(denoiser, x, t, q)
            x = q.of_x_t * x + q.of_data * data
            if s.sigma > 0:
                x = x + variance.sqrt() * noise_like(x, rng)
        return x

    def _predicted(self, denoiser: Denoiser, x: Tensor, t: Levels, q: Transition) -> tuple[Tensor, Tensor]:
        """D, and the variance of the step."""
        if self.needs_variance:
            assert isinstance(denoiser, HasVariance)
            data, v = denoiser.with_variance(x, t)
            return data, (v * q.larger.log() + (1 - v) * q.smaller.log()).exp()
        return denoiser(x, t), q.larger if self.variance == "beta" else q.smaller

"""Annealed Langevin dynamics (Song & Ermon 2019, arXiv:1907.05600, algorithm 1): at each level, from noise to data,
some steps x ← x + η·∇log p(x) + √(2η)·z with η in proportion to σ²; at the end the noise of the last level is taken
out (Jolicoeur-Martineau et al. 2021, arXiv:2009.05475)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kantor.errors import require_at_least, require_positive
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.samplers.base import DenoisingSampler, noise_in, noise_like, transitions


@dataclass(frozen=True, kw_only=True)
class AnnealedLangevin(DenoisingSampler):
    """Between levels x is scaled as the data are, by α_s/α_t: not at all on an exploding path.

    Attributes:
        inner: steps at each level.
        step_size: η/σ²; that of the paper's ε is ε/(2·σ_L²), so 0.1 for its ε = 2e-5 and σ_L = 0.01.
    """

    name: ClassVar[str] = "annealed_langevin"
    inner: int
    step_size: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, inner=self.inner)
        require_positive(step_size=self.step_size)

    @property
    def evaluations(self) -> int:
        """`inner` at each level, and one for the data at the end."""
        return self.steps * self.inner + 1

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        noisy = [t for t, _ in transitions(levels)]
        for before, t in zip([None, *noisy], noisy, strict=False):
            if before is not None and before.alpha > 0:
                x = t.alpha / before.alpha * x
            eta = self.step_size * t.sigma**2
            for _ in range(self.inner):
                score = -noise_in(x, denoiser(x, t), t) / t.sigma
                x = x + eta * score + (2 * eta).sqrt() * noise_like(x, rng)
        return denoiser(x, noisy[-1])

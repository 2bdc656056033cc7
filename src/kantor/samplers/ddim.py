"""DDIM (Song et al. 2021, arXiv:2010.02502, equations 12 and 16): x_s = α_s·D + √(σ_s² − η²·β̃)·ε̂ + η·√β̃·z."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.noising.transition import transition
from kantor.samplers.base import GridSampler, noise_in, noise_like, transitions


@dataclass(frozen=True, kw_only=True)
class DDIM(GridSampler):
    """With η = 0 it draws no noise and is Euler's method in u; with η = 1 it is ancestral sampling with β̃.

    Attributes:
        eta: η in [0, 1].
    """

    name: ClassVar[str] = "ddim"
    eta: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise UserError(f"eta={self.eta}: expected a number in [0, 1], 0 for no noise")

    @property
    def evaluations(self) -> int:
        """One a step."""
        return self.steps

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        for t, s in transitions(levels):
            data = denoiser(x, t)
            variance = self.eta**2 * transition(t, s).smaller
            x = s.alpha * data + (s.sigma**2 - variance).sqrt() * noise_in(x, data, t)
            if variance > 0:
                x = x + variance.sqrt() * noise_like(x, rng)
        return x

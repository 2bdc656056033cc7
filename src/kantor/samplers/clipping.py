"""A denoiser whose estimates stay where pictures are."""

from dataclasses import dataclass

from torch import Tensor

from kantor.noising.denoiser import Altered, Denoiser
from kantor.noising.levels import Levels


@dataclass(frozen=True)
class Clipped(Altered):
    """D in [-1, 1]. Whatever a sampler makes of D, it makes of the clipped one: means, ε̂ and slopes.

    Attributes:
        denoiser: whose.
    """

    denoiser: Denoiser

    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """As `Altered` has it."""
        return data.clamp(-1, 1)

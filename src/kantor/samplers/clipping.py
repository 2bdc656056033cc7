"""A denoiser whose estimates stay where pictures are."""

from dataclasses import dataclass

from torch import Tensor

from kantor.noising.denoiser import Denoiser, HasVariance
from kantor.noising.levels import Levels


@dataclass(frozen=True)
class Clipped:
    """D in [-1, 1]. Whatever a sampler makes of D, it makes of the clipped one: means, ε̂ and slopes.

    Attributes:
        denoiser: whose.
    """

    denoiser: Denoiser

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """As `Denoiser` has it."""
        return self.denoiser(x, level).clamp(-1, 1)

    def with_variance(self, x: Tensor, level: Levels) -> tuple[Tensor, Tensor]:
        """As `HasVariance` has it."""
        assert isinstance(self.denoiser, HasVariance)
        data, v = self.denoiser.with_variance(x, level)
        return data.clamp(-1, 1), v

"""Weights w of the loss w·‖x - D(x_t)‖² at each level: which noise matters how much.

They stand on the error of the *sample* for every parametrisation, so that a weight means the same for all of them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import require_positive
from kantor.noising.levels import Levels


class Weight(ABC):
    """w at each level."""

    @abstractmethod
    def __call__(self, levels: Levels) -> Tensor:
        """w ≥ 0, float64, of the levels' shape."""


@dataclass(frozen=True)
class Simple(Weight):
    """α²/σ²: the error of ε̂, unweighted (L_simple of Ho et al. 2020, arXiv:2006.11239, equation 14); also that of the
    score times σ² (Song & Ermon 2019, arXiv:1907.05600, equation 6)."""

    def __call__(self, levels: Levels) -> Tensor:
        """The signal-to-noise ratio."""
        return levels.ratio**-2


@dataclass(frozen=True)
class Plain(Weight):
    """1: the error of the sample."""

    def __call__(self, levels: Levels) -> Tensor:
        """1."""
        return torch.ones_like(levels.alpha)


@dataclass(frozen=True)
class MinSNR(Weight):
    """min(α²/σ², γ) (Hang et al. 2023, arXiv:2303.09556, section 3.4, where it stands on the error of the sample).

    Attributes:
        gamma: γ; the paper's is 5.
    """

    gamma: float

    def __post_init__(self) -> None:
        require_positive(gamma=self.gamma)

    def __call__(self, levels: Levels) -> Tensor:
        """The signal-to-noise ratio, cut."""
        return (levels.ratio**-2).clamp(max=self.gamma)


@dataclass(frozen=True)
class OfV(Weight):
    """α²/σ² + 1: the error of v (Salimans & Ho 2022, arXiv:2202.00512, section 4)."""

    def __call__(self, levels: Levels) -> Tensor:
        """The signal-to-noise ratio and one."""
        return levels.ratio**-2 + 1


@dataclass(frozen=True)
class OfVelocity(Weight):
    """(α + σ)²/σ²: the error of the velocity (Lipman et al. 2023, arXiv:2210.02747, equation 23); 1/t² on the linear
    path."""

    def __call__(self, levels: Levels) -> Tensor:
        """u⁻²."""
        return levels.u**-2


@dataclass(frozen=True)
class OfKarras(Weight):
    """α²/σ² + 1/σ_d²: the error of the network in the parametrisation `Karras` (Karras et al. 2022, arXiv:2206.00364,
    table 1).

    Attributes:
        sigma_data: the standard deviation of the data, in their units.
    """

    sigma_data: float

    def __post_init__(self) -> None:
        require_positive(sigma_data=self.sigma_data)

    def __call__(self, levels: Levels) -> Tensor:
        """The signal-to-noise ratio and a constant."""
        return levels.ratio**-2 + self.sigma_data**-2

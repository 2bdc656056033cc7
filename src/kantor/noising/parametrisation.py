"""Parametrisations: what a network F is asked for, and how that makes a denoiser.

D(x_t) = skip·x_t + out·F(into·x_t, noise) ≈ E[x | x_t], with four coefficients that depend on the level alone (Karras
et al. 2022, arXiv:2206.00364, equation 7, for α ≠ 1 too). F should give F* = ((1 - skip·α)·x - skip·σ·ε)/out.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from kantor.errors import require_positive
from kantor.noising.levels import Levels
from kantor.noising.path import Path


class Coefficients(NamedTuple):
    """The four, float64, each of the levels' shape."""

    skip: Tensor
    out: Tensor
    into: Tensor
    noise: Tensor


class Parametrisation(ABC):
    """What the network gives."""

    @abstractmethod
    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """`skip` and `out` at levels."""

    def coefficients(self, levels: Levels, path: Path) -> Coefficients:
        """At levels of a path; the network sees x_t as it is, and the time."""
        skip, out = self.scales(levels)
        return Coefficients(skip, out, torch.ones_like(skip), path.time(levels))

    def target(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """F* = a·x + b·ε: a and b at levels, in float64, where nothing cancels."""
        skip, out = self.scales(levels)
        return (1 - skip * levels.alpha) / out, -skip * levels.sigma / out

    def refusal(self, path: Path) -> str | None:
        """Why it is not defined all along a path, and what is; None where it is."""
        return None


class _Undefined(Parametrisation):
    """One whose answer says nothing of the sample where α = 0."""

    def refusal(self, path: Path) -> str | None:
        """Of paths that end in pure noise."""
        if not path.ends_in_noise:
            return None
        return (
            f"{type(self).__name__} says nothing of the sample at the end of the path "
            f"{type(path).__name__}, where α = 0; take Velocity or Data, or the paths Chain or Exploding"
        )


@dataclass(frozen=True)
class Epsilon(_Undefined):
    """The noise ε (Ho et al. 2020, arXiv:2006.11239, equation 11)."""

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """1/α, -σ/α."""
        return 1 / levels.alpha, -levels.ratio


@dataclass(frozen=True)
class Score(_Undefined):
    """∇ log p(x_t) = -ε/σ (Song & Ermon 2019, arXiv:1907.05600, equation 5)."""

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """1/α, σ²/α."""
        return 1 / levels.alpha, levels.sigma * levels.ratio


@dataclass(frozen=True)
class Data(Parametrisation):
    """The sample x itself."""

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """0, 1."""
        return torch.zeros_like(levels.alpha), torch.ones_like(levels.alpha)


@dataclass(frozen=True)
class V(Parametrisation):
    """v = α·ε - σ·x, where α² + σ² = 1 (Salimans & Ho 2022, arXiv:2202.00512, appendix D)."""

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """α, -σ."""
        return levels.alpha, -levels.sigma

    def refusal(self, path: Path) -> str | None:
        """Of paths on which it is not defined."""
        if path.preserves_variance:
            return None
        return (
            f"V is defined where α² + σ² = 1, which the path {type(path).__name__} does not keep; "
            "take Velocity, which every path has, or the paths Chain or Cosine"
        )


@dataclass(frozen=True)
class Velocity(Parametrisation):
    """ε - x, the velocity dy/du of y = x_t/(α + σ) in u = σ/(α + σ); on the linear path dx_t/dt (Lipman et al. 2023,
    arXiv:2210.02747, equation 23, with time running to the noise)."""

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """1/(α + σ), -u."""
        return 1 / (levels.alpha + levels.sigma), -levels.u


@dataclass(frozen=True)
class Karras(_Undefined):
    """What keeps input and target of the network at variance 1 (Karras et al. 2022, arXiv:2206.00364, table 1).

    Attributes:
        sigma_data: the standard deviation of the data, in their units.
    """

    sigma_data: float

    def __post_init__(self) -> None:
        require_positive(sigma_data=self.sigma_data)

    def scales(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """σ_d²/(s² + σ_d²)/α and s·σ_d/√(s² + σ_d²), with s = σ/α."""
        total = levels.ratio**2 + self.sigma_data**2
        return self.sigma_data**2 / total / levels.alpha, levels.ratio * self.sigma_data / total.sqrt()

    def coefficients(self, levels: Levels, path: Path) -> Coefficients:
        """Also into = 1/(α·√(s² + σ_d²)) and noise = ln(s)/4."""
        skip, out = self.scales(levels)
        into = 1 / (levels.alpha * (levels.ratio**2 + self.sigma_data**2).sqrt())
        return Coefficients(skip, out, into, levels.ratio.log() / 4)

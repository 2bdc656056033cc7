"""Which times a training step looks at: a quantile function, so that the same numbers make every distribution."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError, require_positive
from kantor.keyed import Rng
from kantor.noising.levels import Levels
from kantor.noising.path import Path


class Times(ABC):
    """A distribution of times on a path."""

    @abstractmethod
    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """Times in [0, 1] of uniform numbers in (0, 1), float64 (n,)."""

    def draw(self, n: int, rng: Rng, path: Path) -> Tensor:
        """`n` independent times, float64 (n,), on the CPU."""
        return self.quantile(rng.open_uniform(n), path)

    def refusal(self, path: Path) -> str | None:
        """Why a path has no such times, and which it has; None where it has them."""
        return None


@dataclass(frozen=True)
class Steps(Times):
    """The steps 1 … T of a chain, equally likely (Ho et al. 2020, arXiv:2006.11239, algorithm 1)."""

    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """⌈u·T⌉/T."""
        assert path.steps is not None
        return (u * path.steps).ceil() / path.steps

    def refusal(self, path: Path) -> str | None:
        """Of paths in continuous time."""
        if path.steps is not None:
            return None
        return (
            f"Steps are those of a chain, and the path {type(path).__name__} has none; take Uniform, or the path Chain"
        )


@dataclass(frozen=True)
class Uniform(Times):
    """Uniform in (low, high).

    Attributes:
        low, high: in [0, 1].
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < 1:
            raise UserError(f"low={self.low}: expected a number in [0, 1)")
        if not self.low < self.high <= 1:
            raise UserError(f"high={self.high}: expected more than low={self.low}, and at most 1")

    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """Between the two."""
        return self.low + (self.high - self.low) * u


@dataclass(frozen=True)
class LogNormal(Times):
    """ln(σ/α) is normal (Karras et al. 2022, arXiv:2206.00364, table 1).

    Attributes:
        mean: of ln(σ/α).
        deviation: its standard deviation.
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        require_positive(deviation=self.deviation)

    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """The times of such levels; those outside the path at its ends."""
        ratio = (self.mean + self.deviation * torch.special.ndtri(u)).exp()
        return path.time(Levels(torch.ones_like(ratio), ratio)).clamp(0, 1)


@dataclass(frozen=True)
class Stratified(Times):
    """One time in each of as many equally likely slices as a batch has samples, over all processes: less noise in the
    loss (Kingma et al. 2021, arXiv:2107.00630, appendix I.1).

    Attributes:
        times: how they are distributed.
    """

    times: Times

    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """Those of the distribution."""
        return self.times.quantile(u, path)

    def draw(self, n: int, rng: Rng, path: Path) -> Tensor:
        """`n` times, float64 (n,), on the CPU; row r in slice r."""
        return self.quantile(rng.strata(n), path)

    def refusal(self, path: Path) -> str | None:
        """That of the distribution."""
        return self.times.refusal(path)

"""Latent distributions: what a generator's noise is drawn from."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from kantor.errors import UserError, require_positive
from kantor.keyed import Rng


class Latent(Protocol):
    """A distribution of noise vectors."""

    def __call__(self, n: int, rng: Rng) -> Tensor:
        """`n` vectors, float32, shape (n, dim)."""
        ...


@dataclass(frozen=True)
class Normal:
    """N(0, I) in `dim` dimensions."""

    dim: int

    def __post_init__(self) -> None:
        require_positive(dim=self.dim)

    def __call__(self, n: int, rng: Rng) -> Tensor:
        """(n, dim)."""
        return rng.normal(n, self.dim)


@dataclass(frozen=True)
class Uniform:
    """Uniform in [low, high) in each of `dim` dimensions."""

    dim: int
    low: float
    high: float

    def __post_init__(self) -> None:
        require_positive(dim=self.dim)
        if not self.low < self.high:
            raise UserError(f"high={self.high}: expected more than low={self.low}")

    def __call__(self, n: int, rng: Rng) -> Tensor:
        """(n, dim)."""
        return self.low + (self.high - self.low) * rng.uniform(n, self.dim)

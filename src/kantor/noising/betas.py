"""The variances β_1 … β_T that the steps of a chain add, and what makes them a chain.

Sources: linear, Ho et al. 2020 (arXiv:2006.11239, section 4); cosine, Nichol & Dhariwal 2021 (arXiv:2102.09672,
equation 17).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kantor.errors import UserError, as_given


class Betas(ABC):
    """β of each step."""

    @abstractmethod
    def values(self) -> np.ndarray:
        """β_1 … β_T, float64 (T,), at least two, in (0, 1) and not falling."""


@dataclass(frozen=True)
class LinearBetas(Betas):
    """β rises in equal steps.

    Attributes:
        steps: T.
        first: β_1.
        last: β_T.

    Raises:
        UserError: they are no chain.
    """

    steps: int
    first: float
    last: float

    def __post_init__(self) -> None:
        require_steps(self.steps, f"steps={self.steps}")
        require_rising(self.values(), f"last={self.last}" if 0 < self.first < 1 else f"first={self.first}")

    def values(self) -> np.ndarray:
        """(T,)."""
        return np.linspace(self.first, self.last, self.steps)


@dataclass(frozen=True)
class CosineBetas(Betas):
    """ᾱ_t = f(t)/f(0) with f(t) = cos²((t/T + s)/(1 + s)·π/2), and no β above `largest`.

    Attributes:
        steps: T.
        offset: s, which keeps the first β from being too small.
        largest: of all β; without it the last one would be 1.

    Raises:
        UserError: they are no chain.
    """

    steps: int
    offset: float
    largest: float

    def __post_init__(self) -> None:
        require_steps(self.steps, f"steps={self.steps}")
        if not 0 <= self.offset < 1:
            raise UserError(f"offset={self.offset}: expected a number in [0, 1), such as 0.008")
        require_rising(self.values(), f"largest={self.largest}")

    def values(self) -> np.ndarray:
        """(T,)."""
        t = np.arange(self.steps + 1) / self.steps
        f = np.cos((t + self.offset) / (1 + self.offset) * np.pi / 2) ** 2
        return np.minimum(1 - f[1:] / f[:-1], self.largest)


@dataclass(frozen=True)
class GivenBetas(Betas):
    """One by one.

    Attributes:
        beta: β_1 … β_T.

    Raises:
        UserError: they are no chain.
    """

    beta: Sequence[float]

    def __post_init__(self) -> None:
        require_steps(len(self.beta), f"beta={as_given(self.beta)}")
        require_rising(self.values(), f"beta={as_given(self.beta)}")

    def values(self) -> np.ndarray:
        """(T,)."""
        return np.asarray(self.beta, dtype=np.float64)


def require_steps(steps: int, given: str) -> None:
    """Check the length of a chain.

    Raises:
        UserError: it has no transition between two noisy steps.
    """
    if steps < 2:
        raise UserError(f"{given}: a chain has at least 2 steps, such as the usual 1000")


def require_rising(beta: np.ndarray, given: str) -> None:
    """Check the variances of a chain.

    Raises:
        UserError: one is outside (0, 1), or smaller than the one before.
    """
    outside = beta[~((beta > 0) & (beta < 1))]
    if outside.size:
        raise UserError(f"{given}: β={outside[0]:g} is outside (0, 1); take such as 0.0001 to 0.02 for 1000 steps")
    falling = np.flatnonzero(np.diff(beta) < 0)
    if falling.size:
        k = falling[0] + 1
        raise UserError(
            f"{given}: β falls from {beta[k - 1]:g} at step {k} to {beta[k]:g} at step {k + 1}; a chain adds more "
            "noise the further it is from the data, so give them in rising order"
        )

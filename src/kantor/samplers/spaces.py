"""Spaces in which chains move: how samples of data become states and the other way round, and where fresh chains begin.

Data are pictures in [-1, 1] or points; a Boltzmann machine knows bits.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from kantor.errors import UserError, require_positive
from kantor.keyed import Rng
from kantor.objectives.observation import Bernoulli, Binarisation


class Space(Protocol):
    """The states of a chain, (n, …) like samples."""

    @property
    def is_discrete(self) -> bool:
        """Whether there are no states between states, so that an energy has no gradient that leads anywhere."""
        ...

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Why data of a shape have no states here, in a sentence; None where they have."""
        ...

    def of_data(self, x: Tensor, rng: Rng) -> Tensor:
        """States of samples (n, …) as the data have them."""
        ...

    def as_data(self, x: Tensor) -> Tensor:
        """Samples (n, …) as the data have them, of states or of their means."""
        ...

    def fresh(self, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """States (n, …) at which chains begin that nothing is known of."""
        ...

    def within(self, x: Tensor) -> Tensor:
        """The states nearest to x (n, …)."""
        ...

    def holds(self, x: Tensor) -> Tensor:
        """Whether each of x (n, …) is a state, (n,)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Box:
    """Numbers between two bounds: grey levels and colours.

    Attributes:
        low: of each number.
        high: of each number.

    Raises:
        UserError: there is nothing between them.
    """

    low: float
    high: float

    is_discrete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(f"low={self.low}, high={self.high}: expected low below high")

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Any data can be in it."""
        return None

    def of_data(self, x: Tensor, rng: Rng) -> Tensor:
        """x."""
        return x

    def as_data(self, x: Tensor) -> Tensor:
        """x."""
        return x

    def fresh(self, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """Uniform."""
        return self.low + (self.high - self.low) * rng.uniform(*shape)

    def within(self, x: Tensor) -> Tensor:
        """Cut at the bounds."""
        return x.clamp(self.low, self.high)

    def holds(self, x: Tensor) -> Tensor:
        """Whether all numbers are."""
        return ((x >= self.low) & (x <= self.high)).flatten(1).all(1)


@dataclass(frozen=True, kw_only=True)
class Unbounded:
    """All numbers: where points are.

    Attributes:
        deviation: of the normal law from which chains begin; far enough to reach all data.
    """

    deviation: float

    is_discrete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_positive(deviation=self.deviation)

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Any data are in it."""
        return None

    def of_data(self, x: Tensor, rng: Rng) -> Tensor:
        """x."""
        return x

    def as_data(self, x: Tensor) -> Tensor:
        """x."""
        return x

    def fresh(self, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """Normal."""
        return self.deviation * rng.normal(*shape)

    def within(self, x: Tensor) -> Tensor:
        """x."""
        return x

    def holds(self, x: Tensor) -> Tensor:
        """True."""
        return torch.ones(len(x), dtype=torch.bool, device=x.device)


@dataclass(frozen=True, kw_only=True)
class Bits:
    """0 and 1: a picture of one channel, each pixel off or on.

    Attributes:
        binarise: how grey pictures become such, as `Bernoulli` has it; `grey` is none of these.

    Raises:
        UserError: it leaves them grey, or there is no such way.
    """

    binarise: Binarisation

    is_discrete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.observation.observes is None:
            raise UserError(f"binarise={self.binarise}: bits are not grey; take fixed, dynamic or threshold")

    @property
    def observation(self) -> Bernoulli:
        """What bits are of data."""
        return Bernoulli(binarise=self.binarise)

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Points and colours are no bits."""
        if len(sample_shape) == 3 and sample_shape[0] == 1:
            return None
        given = "points" if len(sample_shape) == 1 else f"pictures of {sample_shape[0]} channels"
        return f"pixels that are off or on are expected, the data are {given}; take grey pictures, or another energy"

    def of_data(self, x: Tensor, rng: Rng) -> Tensor:
        """Bits of grey levels in [-1, 1]."""
        return self.observation.observed(x, rng)

    def as_data(self, x: Tensor) -> Tensor:
        """Black and white, or grey of probabilities."""
        return 2 * x - 1

    def fresh(self, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """Each one fair."""
        return (rng.uniform(*shape) < 0.5).float()

    def within(self, x: Tensor) -> Tensor:
        """Rounded."""
        return (x >= 0.5).to(x)

    def holds(self, x: Tensor) -> Tensor:
        """Whether all numbers are 0 or 1."""
        return ((x == 0) | (x == 1)).flatten(1).all(1)

"""Rings: circles around 0 with round noise. A law that no finite mixture of Gaussians has, and whose density is known.

A point at distance ρ from 0 has the density exp(-(ρ² + r²)/2s²)·I₀(ρr/s²)/(2πs²) on a ring of radius r with noise s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from scipy.special import i0e, logsumexp

from kantor.data import strata
from kantor.data.points import HasDensity, Points
from kantor.data.strata import Labels
from kantor.errors import UserError, as_given, require_positive


class Circles(NamedTuple):
    """Circles around 0 that a law is spread evenly along, with round noise.

    Attributes:
        radii: (K,); each is as probable as any other.
        deviation: of the noise.
    """

    radii: np.ndarray
    deviation: float


@runtime_checkable
class HasCircles(HasDensity, Protocol):
    """A distribution of points on circles with round noise, which stays one whatever noise is added."""

    def circles(self) -> Circles:
        """They."""
        ...


@dataclass(frozen=True)
class Rings:
    """Equally likely circles around 0 with round noise; the class of a point is its ring, from the inside.

    Attributes:
        radii: in data units, rising.
        noise: the standard deviation of the noise, in data units.

    Raises:
        UserError: a size is not positive, or the radii do not rise.
    """

    radii: Sequence[float]
    noise: float

    def __post_init__(self) -> None:
        require_positive(noise=self.noise, radii=min(self.radii, default=0))
        if sorted(set(self.radii)) != list(self.radii):
            raise UserError(f"radii={as_given(list(self.radii))}: expected numbers that rise, such as [1,2]")

    def circles(self) -> Circles:
        """As `HasCircles` has it."""
        return Circles(np.asarray(self.radii, dtype=np.float64), self.noise)

    def log_density(self, points: Points) -> np.ndarray:
        """As `HasDensity` has it."""
        (radii, deviation), distance = self.circles(), np.linalg.norm(points, axis=1)[:, None]  # (N, 1)
        v = deviation**2
        of_each = np.log(i0e(distance * radii / v)) - (distance - radii) ** 2 / (2 * v)  # (N, K)
        found: np.ndarray = logsumexp(of_each, axis=1)
        return found - math.log(2 * math.pi * v * len(radii))

    def class_shares(self) -> np.ndarray:
        """Equal ones."""
        return np.full(len(self.radii), 1 / len(self.radii))

    def labelled(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> tuple[Points, Labels]:
        """Points and their rings; stratified: one point in each equal arc of a ring."""
        labels, u = strata.drawn(self.class_shares(), n, rng, numbers=1, stratified=stratified)
        angle = 2 * math.pi * u[:, 0]
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        radius = self.circles().radii[labels][:, None]
        return radius * circle + self.noise * rng.standard_normal((n, 2)), labels

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        return self.labelled(n, rng, stratified=stratified)[0]

    def of_class(self, label: int) -> "Rings":
        """One of them."""
        return Rings((self.radii[label],), self.noise)

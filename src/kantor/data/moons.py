"""Two moons: half circles that reach into each other, the usual toy of classification."""

import math
from dataclasses import dataclass

import numpy as np

from kantor.data import strata
from kantor.data.points import SLICES, Components, Mixed, Points
from kantor.data.strata import Labels
from kantor.errors import require_positive


@dataclass(frozen=True)
class Moon(Mixed):
    """A half circle of radius 1, at angles uniform on [0, π], plus round noise, divided by `scale`.

    Attributes:
        lower: whether it is the lower one, upside down, one to the right and half below.
        noise: standard deviation of the noise, before division.
        scale: everything is divided by it.
    """

    lower: bool
    noise: float
    scale: float

    def __post_init__(self) -> None:
        require_positive(noise=self.noise, scale=self.scale)

    def curve(self, u: np.ndarray) -> Points:
        """The middle line at shares u (n,) of its length, without division, (n, 2); both moons lie around 0."""
        sign, x, y = (-1, 0.5, 0.25) if self.lower else (1, -0.5, -0.25)
        return np.stack([sign * np.cos(math.pi * u) + x, sign * np.sin(math.pi * u) + y], axis=-1)

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2); stratified: one in each of n equal arcs."""
        _, u = strata.drawn(np.ones(1), n, rng, numbers=1, stratified=stratified)
        return (self.curve(u[:, 0]) + self.noise * rng.standard_normal((n, 2))) / self.scale

    def components(self) -> Components:
        """The middles of equal arcs, far closer to each other than the noise is wide."""
        count = SLICES // 2
        centres = self.curve((np.arange(count) + 0.5) / count) / self.scale
        return Components(centres, np.full(count, 1 / count), self.noise / self.scale)


@dataclass(frozen=True)
class TwoMoons(Mixed):
    """Two equally likely moons; the class of a point is its moon, the upper one first.

    Attributes:
        noise, scale: as of a `Moon`.
    """

    noise: float
    scale: float

    def __post_init__(self) -> None:
        require_positive(noise=self.noise, scale=self.scale)

    def class_shares(self) -> np.ndarray:
        """A half each."""
        return np.full(2, 0.5)

    def labelled(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> tuple[Points, Labels]:
        """Points and their moons; stratified: one point in each equal arc of a moon."""
        labels, u = strata.drawn(self.class_shares(), n, rng, numbers=1, stratified=stratified)
        both = np.stack([self.of_class(moon).curve(u[:, 0]) for moon in (0, 1)])  # (2, n, 2)
        middle = both[labels, np.arange(n)]
        return (middle + self.noise * rng.standard_normal((n, 2))) / self.scale, labels

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        return self.labelled(n, rng, stratified=stratified)[0]

    def of_class(self, label: int) -> Moon:
        """One of them."""
        return Moon(label == 1, self.noise, self.scale)

    def components(self) -> Components:
        """Those of both."""
        upper, lower = (self.of_class(moon).components() for moon in (0, 1))
        weights = np.concatenate([upper.weights, lower.weights]) / 2
        return Components(np.concatenate([upper.centres, lower.centres]), weights, upper.deviation)

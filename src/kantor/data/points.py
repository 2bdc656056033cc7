"""Distributions of points in the plane whose truth is known: modes or distances.

Each can be drawn from independently, or stratified (each mode, or each equal slice of the latent coordinate, gets its
exact share), which gives a reference set with far less noise of its own.
Sources: the 8 Gaussians as in the Purdue lecture (Kak & Bouman 2024, `multi_gaussian_source`); the 25 Gaussians and the
swiss roll of Gulrajani et al. 2017 (arXiv:1704.00028, section 4 and its published code); the parallel lines of Arjovsky
et al. 2017 (arXiv:1701.07875, example 1).
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from kantor.errors import require_positive

SLICES = 4096
"""Of a curve, when a law along it is taken for that of as many Gaussians."""

Points = np.ndarray
"""Points in the plane, shape (N, 2)."""


class PointDistribution(Protocol):
    """What a toy distribution knows about itself."""

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        ...


@runtime_checkable
class HasComponents(Protocol):
    """A distribution whose density is known: it is made of equally likely round Gaussians."""

    def components(self) -> tuple[Points, float]:
        """The centres as they are in the data, (K, 2), and the standard deviation of each."""
        ...


@dataclass(frozen=True)
class GaussianMixture:
    """Equally likely round Gaussians.

    Attributes:
        centres: (K, 2) nested tuples, before division by `scale`.
        spread: the standard deviation of each, before division by `scale`.
        scale: everything is divided by it.
    """

    centres: tuple[tuple[float, float], ...]
    spread: float
    scale: float

    def __post_init__(self) -> None:
        require_positive(spread=self.spread, scale=self.scale)

    @property
    def modes(self) -> Points:
        """The means as they are in the data, shape (K, 2)."""
        return np.asarray(self.centres) / self.scale

    @property
    def sigma(self) -> float:
        """The standard deviation of each mode as it is in the data."""
        return self.spread / self.scale

    def components(self) -> tuple[Points, float]:
        """Its modes."""
        return self.modes, self.sigma

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2); stratified: the mode counts differ by at most one."""
        k = len(self.centres)
        which = rng.permutation(np.arange(n) % k) if stratified else rng.integers(k, size=n)
        return self.modes[which] + self.sigma * rng.standard_normal((n, 2))


def gaussians8(spread: float, scale: float) -> GaussianMixture:
    """Eight Gaussians on a circle of radius 2, all divided by `scale` (the lecture: spread 0.1 or 0.02, 1.414)."""
    angles = [2 * math.pi * k / 8 for k in range(8)]
    return GaussianMixture(tuple((2 * math.cos(a), 2 * math.sin(a)) for a in angles), spread, scale)


def gaussians25(spread: float, scale: float) -> GaussianMixture:
    """Twenty-five Gaussians on the grid {-4, -2, 0, 2, 4}² (the paper's code: spread 0.05, scale 2.828)."""
    ticks = (-4.0, -2.0, 0.0, 2.0, 4.0)
    return GaussianMixture(tuple((x, y) for x in ticks for y in ticks), spread, scale)


@dataclass(frozen=True)
class SwissRoll:
    """The spiral t·(cos t, sin t), t uniform on [3π/2, 9π/2], plus round noise, divided by `scale`.

    Attributes:
        noise: standard deviation of the noise, before division (the paper's code: 0.25).
        scale: everything is divided by it (the paper's code: 7.5).
    """

    noise: float
    scale: float

    def __post_init__(self) -> None:
        require_positive(noise=self.noise, scale=self.scale)

    def _curve(self, u: np.ndarray) -> Points:
        t = 1.5 * math.pi * (1 + 2 * u)
        return np.stack([t * np.cos(t), t * np.sin(t)], axis=-1)

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2); stratified: one in each of n equal slices of t."""
        u = rng.permutation((np.arange(n) + rng.random(n)) / n) if stratified else rng.random(n)
        return (self._curve(u) + self.noise * rng.standard_normal((n, 2))) / self.scale

    def components(self) -> tuple[Points, float]:
        """The middles of equal slices of t, far closer to each other than the noise is wide."""
        u = (np.arange(SLICES) + 0.5) / SLICES
        return self._curve(u) / self.scale, self.noise / self.scale


@dataclass(frozen=True)
class Line:
    """The vertical segment {(theta, z): 0 ≤ z ≤ 1}, z uniform; it has no density in the plane.

    Against the segment at 0: W1 = |theta|, and for theta ≠ 0: JS = log 2, TV = 1, KL = ∞.
    """

    theta: float

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2); stratified: one in each of n equal slices of z."""
        z = rng.permutation((np.arange(n) + rng.random(n)) / n) if stratified else rng.random(n)
        return np.stack([np.full(n, self.theta), z], axis=-1)


def identity(distribution: PointDistribution) -> dict[str, Any]:
    """What a distribution is, as plain containers, for the protocol of a score."""
    assert hasattr(distribution, "__dataclass_fields__")
    fields = asdict(distribution)  # type: ignore[call-overload]
    return {"kind": type(distribution).__name__, **{k: _plain(v) for k, v in fields.items()}}


def _plain(value: object) -> object:
    """Tuples as lists, floats rounded to 12 digits: the last bits of a cosine differ between machines."""
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return round(value, 12) + 0.0 if isinstance(value, float) else value  # + 0.0: no negative zero

"""Distributions of points in the plane whose truth is known: classes, densities, distances.

Each can be drawn from independently, or stratified (each class, or each equal slice of the latent coordinate, gets its
exact share), which gives a reference set with far less noise of its own. What one knows of itself it says by a
protocol, and who wants a class, a density, or the Gaussians that it is made of asks for that.
Sources: the 8 Gaussians as in the Purdue lecture (Kak & Bouman 2024, `multi_gaussian_source`); the 25 Gaussians and the
swiss roll of Gulrajani et al. 2017 (arXiv:1704.00028, section 4 and its published code); the parallel lines of Arjovsky
et al. 2017 (arXiv:1701.07875, example 1); unequal shares as in Song & Ermon 2019 (arXiv:1907.05600, section 3.2.2).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from scipy.special import logsumexp

from kantor.data import strata
from kantor.data.strata import Labels
from kantor.errors import UserError, as_given, require_positive

SLICES = 4096
"""Of a curve, when a law along it is taken for that of as many Gaussians."""

DISTANCES_AT_ONCE = 2**22
"""From points to centres, at most: a picture's grid has many of either."""

Points = np.ndarray
"""Points in the plane, shape (N, 2)."""


@runtime_checkable
class PointDistribution(Protocol):
    """What a toy distribution knows about itself."""

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        ...


@runtime_checkable
class HasClasses(Protocol):
    """A distribution of which each point belongs to a class: a mode, a moon, a ring."""

    def class_shares(self) -> np.ndarray:
        """How probable each class is, float64 (K,), adding up to 1."""
        ...

    def labelled(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> tuple[Points, Labels]:
        """The points that `sample` draws, and the class of each, int64 (n,)."""
        ...

    def of_class(self, label: int) -> PointDistribution:
        """The law of the points of one class."""
        ...


@runtime_checkable
class HasDensity(Protocol):
    """A distribution whose density in the plane is known."""

    def log_density(self, points: Points) -> np.ndarray:
        """Of points (N, 2), in nats, (N,); -∞ where there are none."""
        ...


class Components(NamedTuple):
    """Round Gaussians of one size that a law is a mixture of.

    Attributes:
        centres: as they are in the data, (K, 2).
        weights: how probable each is, (K,), adding up to 1.
        deviation: the standard deviation of each.
    """

    centres: Points
    weights: np.ndarray
    deviation: float

    def log_density(self, points: Points) -> np.ndarray:
        """Of points (N, 2), (N,)."""
        rows = max(1, DISTANCES_AT_ONCE // len(self.centres))
        parts = [self._of_some(points[i : i + rows]) for i in range(0, len(points), rows)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _of_some(self, points: Points) -> np.ndarray:
        squares = ((points[:, None] - self.centres) ** 2).sum(-1)  # (n, K)
        found: np.ndarray = logsumexp(-squares / (2 * self.deviation**2), b=self.weights, axis=1)
        return found - math.log(2 * math.pi * self.deviation**2)


@runtime_checkable
class HasComponents(HasDensity, Protocol):
    """A distribution that is a mixture of round Gaussians, so that it stays one whatever noise is added."""

    def components(self) -> Components:
        """They."""
        ...


class Mixed:
    """A law with the density of its components."""

    def components(self) -> Components:
        """They."""
        raise NotImplementedError

    def log_density(self, points: Points) -> np.ndarray:
        """As `HasDensity` has it."""
        return self.components().log_density(points)


@dataclass(frozen=True)
class GaussianMixture(Mixed):
    """Round Gaussians of one size; the class of a point is the one that it comes from.

    Attributes:
        centres: (K, 2) nested tuples, before division by `scale`.
        spread: the standard deviation of each, before division by `scale`.
        scale: everything is divided by it.
        weights: how probable each is, (K,); None for equally.

    Raises:
        UserError: a size is not positive, or the weights are none.
    """

    centres: tuple[tuple[float, float], ...]
    spread: float
    scale: float
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        require_positive(spread=self.spread, scale=self.scale)
        if self.weights is not None:
            check_weights(self.weights, len(self.centres))

    @property
    def modes(self) -> Points:
        """The means as they are in the data, shape (K, 2)."""
        return np.asarray(self.centres) / self.scale

    @property
    def sigma(self) -> float:
        """The standard deviation of each mode as it is in the data."""
        return self.spread / self.scale

    def components(self) -> Components:
        """Its modes."""
        return Components(self.modes, self.class_shares(), self.sigma)

    def class_shares(self) -> np.ndarray:
        """The weights."""
        k = len(self.centres)
        return np.full(k, 1 / k) if self.weights is None else np.asarray(self.weights)

    def labelled(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> tuple[Points, Labels]:
        """Points and their modes; stratified: each mode has its share to one point."""
        which, _ = strata.drawn(self.class_shares(), n, rng, numbers=0, stratified=stratified)
        return self.modes[which] + self.sigma * rng.standard_normal((n, 2)), which

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        return self.labelled(n, rng, stratified=stratified)[0]

    def of_class(self, label: int) -> "GaussianMixture":
        """One of its Gaussians."""
        return GaussianMixture((self.centres[label],), self.spread, self.scale)


def on_circle(count: int) -> tuple[tuple[float, float], ...]:
    """Places at equal angles on a circle of radius 2."""
    angles = [2 * math.pi * k / count for k in range(count)]
    return tuple((2 * math.cos(a), 2 * math.sin(a)) for a in angles)


def gaussians8(spread: float, scale: float) -> GaussianMixture:
    """Eight Gaussians on a circle of radius 2, all divided by `scale` (the lecture: spread 0.1 or 0.02, 1.414)."""
    return GaussianMixture(on_circle(8), spread, scale)


def gaussians25(spread: float, scale: float) -> GaussianMixture:
    """Twenty-five Gaussians on the grid {-4, -2, 0, 2, 4}² (the paper's code: spread 0.05, scale 2.828)."""
    ticks = (-4.0, -2.0, 0.0, 2.0, 4.0)
    return GaussianMixture(tuple((x, y) for x in ticks for y in ticks), spread, scale)


def unequal_gaussians(weights: Sequence[float], spread: float, scale: float) -> GaussianMixture:
    """Gaussians on a circle of radius 2, one for each weight, all divided by `scale`."""
    return GaussianMixture(on_circle(len(weights)), spread, scale, tuple(weights))


def check_weights(weights: Sequence[float], count: int) -> None:
    """Check that weights are probabilities, as many as there are places for.

    Raises:
        UserError: they are not.
    """
    given = f"weights={as_given(list(weights))}"
    if len(weights) != count:
        raise UserError(f"{given}: expected {count} numbers, one for each Gaussian; give as many weights as centres")
    if not all(weight > 0 for weight in weights) or abs(math.fsum(weights) - 1) > 1e-9:
        raise UserError(f"{given}: expected numbers above 0 that add up to 1; divide each by their sum")


@dataclass(frozen=True)
class SwissRoll(Mixed):
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

    def components(self) -> Components:
        """The middles of equal slices of t, far closer to each other than the noise is wide."""
        u = (np.arange(SLICES) + 0.5) / SLICES
        return Components(self._curve(u) / self.scale, np.full(SLICES, 1 / SLICES), self.noise / self.scale)


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


def log_density(distribution: PointDistribution, points: Points, labels: Labels | None = None) -> np.ndarray | None:
    """Of points (N, 2), (N,), that of the class of each where labels (N,) are given; None where it is not known."""
    if labels is None:
        return distribution.log_density(points) if isinstance(distribution, HasDensity) else None
    assert isinstance(distribution, HasClasses)
    classes = [distribution.of_class(label) for label in range(len(distribution.class_shares()))]
    known = [one for one in classes if isinstance(one, HasDensity)]
    if len(known) < len(classes):
        return None
    found = np.empty(len(points))
    for label, one in enumerate(known):
        found[labels == label] = one.log_density(points[labels == label])
    return found


def identity(distribution: PointDistribution) -> dict[str, Any]:
    """What a distribution is, as plain containers, for the protocol of a score."""
    assert hasattr(distribution, "__dataclass_fields__")
    fields = asdict(distribution)  # type: ignore[call-overload]
    return {"kind": type(distribution).__name__, **{k: _plain(v) for k, v in fields.items()}}


def _plain(value: object) -> object:
    """Tuples as lists, floats rounded to 12 digits: the last bits of a cosine differ between machines."""
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return round(value, 12) + 0.0 if isinstance(value, float) else value  # + 0.0: no negative zero

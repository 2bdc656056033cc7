"""The exact denoiser D(x_t) = E[x | x_t] of data whose law is known, with x_t = α·x + σ·ε.

Of a Gaussian N(μ, Σ) it is linear: μ + αΣ(α²Σ + σ²I)⁻¹(x_t - αμ). Of round Gaussians N(c_k, s²I) it is the mean of what
each would say, weighted by how probable each is given x_t, a softmax over distances; with s = 0 these are the pictures
of a finite training set (Karras et al. 2022, arXiv:2206.00364, appendix B.3). A law that is spread along circles or
fills squares is no such mixture; its posterior is that of an angle (von Mises) or of cut off Gaussians. All is float64.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from kantor.data.checkerboard import HasSquares
from kantor.data.points import HasClasses, HasComponents, PointDistribution
from kantor.data.rings import HasCircles
from kantor.noising.levels import Levels, at_samples

CENTRES_AT_ONCE = 4096
"""Of a training set, at most: what is held beside it is a table of batch × this."""

NUMBERS_AT_ONCE = 2**22
"""Of its samples in float64, at most: few large pictures are as many numbers as many small ones."""

CLEAN = Levels(torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64))
"""No noise: the data themselves."""


class Centres(Protocol):
    """A row of samples (K, …), as a tensor has them."""

    def __len__(self) -> int:
        """K."""
        ...

    def split(self, split_size: int, /) -> Iterable[Tensor]:
        """At most so many after the other."""
        ...


class Posterior(NamedTuple):
    """What is known of x when x_t is seen.

    Attributes:
        mean: E[x | x_t], (B, …).
        variance: the mean over dimensions of Var[x | x_t], (B,).
        log_density: of x_t, in nats, (B,).
    """

    mean: Tensor
    variance: Tensor
    log_density: Tensor


class Exact:
    """A denoiser that knows the law of the data."""

    def posterior(self, x: Tensor, level: Levels) -> Posterior:
        """Of x_t (B, …) at a level of all or of each, in float64."""
        vectors = x.double().flatten(1)  # (B, D)
        alpha, sigma = (at_samples(value, vectors) for value in level)
        mean, variance, log_density = self._of_vectors(vectors, alpha, sigma)
        return Posterior(mean.reshape(x.shape), variance, log_density)

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """E[x | x_t] of x_t (B, …), in its dtype; computed on the CPU, since not every device has float64."""
        return self.posterior(x.cpu(), level).mean.to(x)

    def log_density(self, x: Tensor, level: Levels = CLEAN) -> Tensor:
        """Of x_t (B, …) in nats, float64 (B,); without a level that of the data."""
        return self.posterior(x, level).log_density

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        """Of x (B, D) with alpha and sigma (B, 1) or (1, 1)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class ExactGaussian(Exact):
    """Of one Gaussian.

    Attributes:
        mean: float64 (D,).
        covariance: float64 (D, D).
    """

    mean: Tensor
    covariance: Tensor

    @cached_property
    def _axes(self) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(self.covariance)
        return values, vectors

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        (values, vectors), mu = (axes.to(x.device) for axes in self._axes), self.mean.to(x.device)
        v = alpha**2 * values + sigma**2  # (B, D): of x_t along the axes
        along = (x - alpha * mu) @ vectors  # (B, D)
        mean = mu + (alpha * values / v * along) @ vectors.T
        variance = (values * sigma**2 / v).mean(1).expand(len(x))
        log_density = -0.5 * (along**2 / v + torch.log(2 * math.pi * v)).sum(1)
        return Posterior(mean, variance, log_density)


@dataclass(frozen=True, eq=False)
class ExactMixture(Exact):
    """Of round Gaussians, or with a deviation of 0 of a finite set.

    Attributes:
        centres: (K, …), kept as they are; float64 where it counts.
        deviation: s, the standard deviation of each.
        weights: how probable each is, float64 (K,), adding up to 1; None for equally.
    """

    centres: Centres
    deviation: float
    weights: Tensor | None = None

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        """In one pass over the centres: the sums are of exp(logit - the largest logit so far)."""
        s2, dimensions = self.deviation**2, x.shape[1]
        v = alpha**2 * s2 + sigma**2  # (B, 1): of x_t around each centre
        norms = x.square().sum(1, keepdim=True)
        largest = torch.full_like(norms, -math.inf)
        total, square, first = torch.zeros_like(norms), torch.zeros_like(norms), torch.zeros_like(x)
        at_once = max(1, min(CENTRES_AT_ONCE, NUMBERS_AT_ONCE // dimensions))
        for some, log_weights in self._weighted(at_once):
            centres = some.to(x.device).double().flatten(1)  # (K', D)
            squares = centres.square().sum(1)  # (K',)
            distances = norms - 2 * alpha * (x @ centres.T) + alpha**2 * squares  # (B, K')
            logits = log_weights.to(x.device) - distances / (2 * v)
            before, largest = largest, torch.maximum(largest, logits.detach().amax(1, keepdim=True))
            kept, weights = torch.exp(before - largest), torch.exp(logits - largest)
            total = kept * total + weights.sum(1, keepdim=True)
            first = kept * first + weights @ centres
            square = kept * square + (weights @ squares)[:, None]
        mean, variance = _behind(x, first / total, square / total, alpha, sigma, self.deviation)
        log_density = largest + torch.log(total) - dimensions / 2 * torch.log(2 * math.pi * v)
        return Posterior(mean, variance, log_density[:, 0])

    def _weighted(self, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        """About so many centres after the other, (K', …), and the logarithms of their weights, (K',)."""
        there = 0
        for some in self.centres.split(at_once):
            equal = torch.full((len(some),), 1 / len(self.centres)).double()
            yield some, (equal if self.weights is None else self.weights[there : there + len(some)]).log()
            there += len(some)


@dataclass(frozen=True, eq=False)
class ExactCircles(Exact):
    """Of equally likely circles around 0 with round noise, in the plane.

    Given a ring of radius r, the angle behind x_t is spread around its own with the concentration κ = αr‖x_t‖/v, where
    v = α²s² + σ², so that the mean behind it is r·I₁(κ)/I₀(κ) in its direction.

    Attributes:
        radii: float64 (K,).
        deviation: s, the standard deviation of the noise.
    """

    radii: Tensor
    deviation: float

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        radii, v = self.radii.to(x.device), alpha**2 * self.deviation**2 + sigma**2  # (K,), (B, 1)
        distance = x.norm(dim=1, keepdim=True).clamp(min=1e-150)  # (B, 1): in the middle every direction is as good
        kappa = alpha * radii * distance / v  # (B, K)
        bessel = torch.special.i0e(kappa)
        logits = bessel.log() - (distance - alpha * radii).square() / (2 * v)
        shares = torch.softmax(logits, 1)
        along = (shares * radii * torch.special.i1e(kappa) / bessel).sum(1, keepdim=True)
        square = (shares * radii.square()).sum(1, keepdim=True)
        mean, variance = _behind(x, along * x / distance, square, alpha, sigma, self.deviation)
        log_density = torch.logsumexp(logits, 1) - torch.log(2 * math.pi * v * len(radii))[:, 0]
        return Posterior(mean, variance, log_density)


@dataclass(frozen=True, eq=False)
class ExactSquares(Exact):
    """Of equally likely squares that are evenly filled. Within one, each coordinate is by itself, and behind x_t it is
    a Gaussian that is cut off at the sides.

    Attributes:
        corners: the lower left one of each, float64 (K, D).
        side: of each.
    """

    corners: Tensor
    side: float

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        corners = self.corners.to(x.device)
        alpha, sigma = alpha[..., None], sigma[..., None]  # (B, 1, 1)
        width = torch.maximum(alpha * self.side / sigma, torch.full_like(alpha, NARROWEST))
        below = (alpha * corners - x[:, None]) / sigma  # (B, K, D): from x_t to the lower side
        log_share, mean, variance = cut_off(below, width)
        mean, variance = corners + self.side * mean, self.side**2 * variance
        logits = (log_share - torch.log(width * sigma)).sum(2)  # (B, K)
        shares = torch.softmax(logits, 1)[..., None]
        whole = (shares * mean).sum(1)  # (B, D)
        square = (shares * (variance + mean.square())).sum(1)
        log_density = torch.logsumexp(logits, 1) - math.log(len(corners))
        return Posterior(whole, (square - whole.square()).clamp(min=0).mean(1), log_density)


NARROWEST = 3e-3
"""Deviations of the noise that the sides of a square are apart, at least: below, digits cancel, and the estimate is the
middle of the square to a thousandth of its side."""


def cut_off(below: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A standard Gaussian between `below` and `below + width`, far out in its tails too.

    Returns:
        The logarithm of its mass there, and mean and variance of how far between the two it is, in shares of the width.
    """
    mirrored = 2 * below + width > 0  # then the other tail, in which small masses have all their digits
    low = torch.where(mirrored, -below - width, below)
    high = low + width
    log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    log_mass = log_high + torch.log(-torch.expm1(log_low - log_high))
    at_low, at_high = (
        torch.exp(-0.5 * z.square() - 0.5 * math.log(2 * math.pi) - log_mass) for z in (low, high)
    )  # densities over the mass
    mean = ((at_low - at_high - low) / width).clamp(0, 1)
    variance = ((1 + low * at_low - high * at_high - (at_low - at_high).square()) / width.square()).clamp(0, 1 / 12)
    return log_mass, torch.where(mirrored, 1 - mean, mean), variance


def _behind(
    x: Tensor, centre: Tensor, square: Tensor, alpha: Tensor, sigma: Tensor, deviation: float
) -> tuple[Tensor, Tensor]:
    """Mean (B, D) and variance (B,) of x = c + s·z behind x_t, given E[c | x_t] (B, D) and E[‖c‖² | x_t] (B, 1)."""
    s2, dimensions = deviation**2, x.shape[1]
    v = alpha**2 * s2 + sigma**2  # (B, 1)
    scatter = (square - centre.square().sum(1, keepdim=True)).clamp(min=0) / dimensions
    mean = (sigma**2 * centre + alpha * s2 * x) / v
    variance = s2 * sigma**2 / v + (sigma**2 / v) ** 2 * scatter
    return mean, variance[:, 0]


@dataclass(frozen=True, eq=False)
class ExactOfClasses(Exact):
    """Told the class of each sample, as a conditional model is.

    Attributes:
        classes: that of each class.
        labels: which of them each of the samples is, int64 (B,).
    """

    classes: Sequence[Exact]
    labels: Tensor

    def posterior(self, x: Tensor, level: Levels) -> Posterior:
        """As `Exact` has it, each sample by its class."""
        mean = torch.empty_like(x, dtype=torch.float64)
        variance, log_density = mean.new_empty(len(x)), mean.new_empty(len(x))
        for label, exact in enumerate(self.classes):
            rows = self.labels.to(x.device) == label
            of_rows = Levels(*(value.expand(len(x))[rows.cpu()] for value in level))
            found = exact.posterior(x[rows], of_rows)
            mean[rows], variance[rows], log_density[rows] = found
        return Posterior(mean, variance, log_density)


def exact_denoiser(distribution: PointDistribution) -> Exact | None:
    """Of points whose density is known whatever noise is added; None where it is not."""
    if isinstance(distribution, HasComponents):
        centres, weights, deviation = distribution.components()
        return ExactMixture(torch.from_numpy(centres), deviation, torch.from_numpy(weights))
    if isinstance(distribution, HasCircles):
        radii, deviation = distribution.circles()
        return ExactCircles(torch.from_numpy(radii), deviation)
    if isinstance(distribution, HasSquares):
        corners, side = distribution.squares()
        return ExactSquares(torch.from_numpy(corners), side)
    return None


def exact_told(distribution: PointDistribution, labels: Tensor) -> Exact | None:
    """The same for somebody who is told the class of each sample, int64 (B,); None where some class has none."""
    if not isinstance(distribution, HasClasses):
        return None
    classes = [exact_denoiser(distribution.of_class(label)) for label in range(len(distribution.class_shares()))]
    known = [one for one in classes if one is not None]
    return ExactOfClasses(known, labels) if len(known) == len(classes) else None

"""The exact denoiser D(x_t) = E[x | x_t] of data whose law is known, with x_t = α·x + σ·ε.

Of a Gaussian N(μ, Σ) it is linear: μ + αΣ(α²Σ + σ²I)⁻¹(x_t - αμ). Of equally likely round Gaussians N(c_k, s²I) it is
the mean of what each would say, weighted by how probable each is given x_t, a softmax over distances; with s = 0 these
are the pictures of a finite training set (Karras et al. 2022, arXiv:2206.00364, appendix B.3). All is float64.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from kantor.data.points import HasComponents, PointDistribution
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
    """Of equally likely round Gaussians, or with a deviation of 0 of a finite set.

    Attributes:
        centres: (K, …), kept as they are; float64 where it counts.
        deviation: s, the standard deviation of each.
    """

    centres: Centres
    deviation: float

    def _of_vectors(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        """In one pass over the centres: the sums are of exp(logit - the largest logit so far)."""
        s2, dimensions = self.deviation**2, x.shape[1]
        v = alpha**2 * s2 + sigma**2  # (B, 1): of x_t around each centre
        norms = x.square().sum(1, keepdim=True)
        largest = torch.full_like(norms, -math.inf)
        total, square, first = torch.zeros_like(norms), torch.zeros_like(norms), torch.zeros_like(x)
        for some in self.centres.split(max(1, min(CENTRES_AT_ONCE, NUMBERS_AT_ONCE // dimensions))):
            centres = some.to(x.device).double().flatten(1)  # (K', D)
            squares = centres.square().sum(1)  # (K',)
            distances = norms - 2 * alpha * (x @ centres.T) + alpha**2 * squares  # (B, K')
            logits = -distances / (2 * v)
            before, largest = largest, torch.maximum(largest, logits.detach().amax(1, keepdim=True))
            kept, weights = torch.exp(before - largest), torch.exp(logits - largest)
            total = kept * total + weights.sum(1, keepdim=True)
            first = kept * first + weights @ centres
            square = kept * square + (weights @ squares)[:, None]
        centre = first / total  # E[c_k | x_t]
        scatter = (square / total - centre.square().sum(1, keepdim=True)).clamp(min=0) / dimensions
        mean = (sigma**2 * centre + alpha * s2 * x) / v
        variance = s2 * sigma**2 / v + (sigma**2 / v) ** 2 * scatter
        log_density = largest + torch.log(total / len(self.centres)) - dimensions / 2 * torch.log(2 * math.pi * v)
        return Posterior(mean, variance[:, 0], log_density[:, 0])


def exact_denoiser(distribution: PointDistribution) -> ExactMixture | None:
    """Of points whose density is known; None where it is not."""
    if not isinstance(distribution, HasComponents):
        return None
    centres, deviation = distribution.components()
    return ExactMixture(torch.from_numpy(centres), deviation)

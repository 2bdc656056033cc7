"""The first two moments of a set of features, kept so that parts add up to the whole without losing digits.

Sums of x and xxᵀ cancel where a mean is large against its spread. Centred moments do not: two parts with means m_a, m_b
merge by M2 = M2_a + M2_b + (m_b - m_a)(m_b - m_a)ᵀ n_a n_b / n (Chan, Golub and LeVeque 1983, for matrices).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError


@dataclass(frozen=True, eq=False)
class Statistics:
    """Number, mean and scatter of features, float64.

    Attributes:
        n: how many features; 0 is the neutral element of `merge`.
        mean: (d,); zeros when n is 0.
        scatter: M2 = Σ(x - mean)(x - mean)ᵀ, (d, d).
    """

    n: int
    mean: Tensor
    scatter: Tensor

    def __post_init__(self) -> None:
        (d,) = self.mean.shape
        assert self.scatter.shape == (d, d), (self.mean.shape, self.scatter.shape)
        assert self.mean.dtype == self.scatter.dtype == torch.float64, (self.mean.dtype, self.scatter.dtype)

    @classmethod
    def of(cls, features: Tensor) -> "Statistics":
        """Of features float64 (N, d), N ≥ 0.

        Raises:
            UserError: some feature is not finite.
        """
        assert features.dtype == torch.float64, features.dtype
        n, d = features.shape
        if n == 0:
            return cls(0, features.new_zeros(d), features.new_zeros(d, d))
        require_finite(features)
        mean = features.mean(0)
        centred = features - mean
        rest = centred.mean(0)  # what the mean lost to rounding
        centred -= rest
        return cls(n, mean + rest, centred.T @ centred)

    def merge(self, other: "Statistics") -> "Statistics":
        """Of both sets together."""
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n = self.n + other.n
        apart = other.mean - self.mean
        scatter = self.scatter + other.scatter + torch.outer(apart, apart) * (self.n * other.n / n)
        return Statistics(n, self.mean + apart * (other.n / n), scatter)

    __add__ = merge

    @property
    def covariance(self) -> Tensor:
        """Unbiased, scatter / (n - 1), (d, d); n ≥ 2."""
        assert self.n >= 2, self.n
        return self.scatter / (self.n - 1)


def require_finite(features: Tensor) -> None:
    """Check that no feature (N, d) holds a NaN or an infinity.

    Raises:
        UserError: some does.
    """
    broken = int((~features.isfinite()).any(1).sum())
    if broken:
        raise UserError(
            f"features: {broken} of {len(features)} rows hold NaN or infinite numbers, expected finite ones: look at "
            "the pictures and at the extractor that made them"
        )

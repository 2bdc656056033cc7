"""The first two moments of a set of features, kept so that parts add up to the whole without losing digits.

Sums of x and xxᵀ cancel where a mean is large against its spread. Centred moments do not: two parts with means m_a, m_b
merge by M2 = M2_a + M2_b + (m_b - m_a)(m_b - m_a)ᵀ n_a n_b / n (Chan, Golub and LeVeque 1983, for matrices).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

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

    def tensors(self) -> dict[str, Tensor]:
        """As plain tensors, to be saved or sent; n is an int64 scalar."""
        return {"n": torch.tensor(self.n), "mean": self.mean, "scatter": self.scatter}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Statistics":
        """From what `tensors` gave, also where scalars have lost their dimensions (as torchmetrics does to them)."""
        mean = tensors["mean"].reshape(-1)
        return cls(int(tensors["n"]), mean, tensors["scatter"].reshape(len(mean), len(mean)))


class FeatureStatistics(Metric):
    """Gathers `Statistics` over batches and processes; its float64 states are reduced by sum.

    Sums are taken around a fixed point: Σ(x - shift) and Σ(x - shift)(x - shift)ᵀ. The digits that centring them costs
    are those of (‖mean - shift‖ / spread)², so the shift should be near the mean: that of the reference, or any one
    feature, the same on all processes.

    Args:
        shift: float64 (d,).
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    shift: Tensor
    n: Tensor
    first: Tensor
    second: Tensor

    def __init__(self, *, shift: Tensor) -> None:
        super().__init__()
        assert shift.dtype == torch.float64, shift.dtype
        (d,) = shift.shape
        self.register_buffer("shift", shift.clone(), persistent=False)
        self.add_state("n", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("first", torch.zeros(d, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("second", torch.zeros(d, d, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor) -> None:
        """Take in features (N, d) of any floating type.

        Raises:
            UserError: some feature is not finite, or the states have been cast.
        """
        self._require_float64()
        require_finite(features)
        shifted = features.to(self.second) - self.shift
        self.n += len(shifted)
        self.first += shifted.sum(0)
        self.second += shifted.T @ shifted

    def compute(self) -> dict[str, Tensor]:
        """The tensors of the `Statistics` of all features so far, on all processes."""
        self._require_float64()
        n = int(self.n)
        offset = self.first / max(n, 1)
        scatter = self.second - torch.outer(offset, offset) * n  # symmetric to the bit
        return Statistics(n, self.shift + offset if n else self.first, scatter).tensors()

    @property
    def statistics(self) -> Statistics:
        """Of all features so far, on all processes: a collective where there are several."""
        return Statistics.from_tensors(self.compute())

    def _require_float64(self) -> None:
        for tensor in (self.shift, self.second):
            if tensor.dtype != torch.float64:
                raise UserError(
                    f"FeatureStatistics: its sums have been cast to {tensor.dtype}, expected float64: keep it outside "
                    "of modules whose type is changed"
                )


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

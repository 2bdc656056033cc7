"""Kernel distances between sets of features: maximum mean discrepancy, and KID, which is one with a cubic kernel.

MMD² is the squared distance between the mean embeddings of two distributions; the U-statistic below estimates it
without bias, and is therefore negative about as often as positive when the distributions are equal (Gretton et al.
2012, equation 3; Bińkowski et al. 2018, equation 4).

All that the estimate and its variance need of the kernel matrices are a few sums, gathered in blocks of rows: memory
stays bounded for any number of features, and a reference's own sums serve all sets that are compared with it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError
from kantor.metrics.neighbours import squared_distances

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Symmetric: values (N, M), a new tensor, of all pairs of features (N, d) and (M, d)."""

BLOCK = 2**24
"""Kernel values held at once: 128 MiB of float64."""


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = (x·y/d + 1)³ of all pairs (Bińkowski et al. 2018, arXiv:1801.01401).

    Args:
        x: (N, d).
        y: (M, d).

    Returns:
        (N, M).
    """
    base = (x @ y.T).div_(x.shape[1]).add_(1)
    return base * base * base


@dataclass(frozen=True)
class GaussianKernel:
    """The mean of exp(-‖x - y‖² / 2σ²) over bandwidths σ, in [0, 1]; with several it sees differences of several sizes
    (Li, Swersky and Zemel 2015, arXiv:1502.02761, section 2.1, who take the sum).

    Attributes:
        bandwidths: the σ, in units of the features.
    """

    bandwidths: tuple[float, ...]

    def __post_init__(self) -> None:
        assert self.bandwidths and min(self.bandwidths) > 0, self.bandwidths

    @classmethod
    def around_median(cls, real: Tensor, *, multiples: Sequence[float]) -> "GaussianKernel":
        """With multiples of the real features' median distance as bandwidths.

        Gretton et al. 2012 (section 8) take the median over both sets; that would measure each model with a kernel of
        its own.

        Raises:
            UserError: most of the real features are equal.
        """
        median = median_distance(real)
        if not median > 0:
            raise UserError(
                "mmd: most of the real features are equal, so that they give no scale of distances; expected different "
                "pictures: remove the copies, or score in the features of another extractor"
            )
        return cls(tuple(multiple * median for multiple in multiples))

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """(N, M) of features (N, d) and (M, d), float64."""
        squares = squared_distances(x, y)
        values = torch.zeros_like(squares)
        for bandwidth in self.bandwidths:
            values += (squares / (-2 * bandwidth**2)).exp_()
        return values.div_(len(self.bandwidths))


def median_distance(features: Tensor, *, at_most: int = 4096) -> float:
    """The median of all distances between two of the features, float64 (N, d), N ≥ 2; of an even number of distances
    the lower one in the middle. Of more than `at_most` features every second, third, … is taken.
    """
    features = features[:: -(-len(features) // at_most)]
    n = len(features)
    first, second = torch.triu_indices(n, n, offset=1)
    return float(squared_distances(features, features)[first, second].median().sqrt())


@dataclass(frozen=True, eq=False)
class Within:
    """Sums of a set's kernel with itself, k(x_i, x_j) with i ≠ j.

    Attributes:
        total: over all pairs.
        rows: over j, float64 (N,).
        squares: of k² over all pairs.
    """

    total: float
    rows: Tensor
    squares: float

    @classmethod
    def of(cls, features: Tensor, kernel: Kernel) -> "Within":
        """Of features float64 (N, d), N ≥ 2."""
        n = len(features)
        assert n >= 2, n
        total, squares, rows = 0.0, 0.0, features.new_empty(n)
        for start, values in _blocks(features, features, kernel):
            own = values.diagonal(offset=start)
            total += float(values.sum() - own.sum())
            own.zero_()
            rows[start : start + len(values)] = values.sum(1)
            squares += float(values.flatten() @ values.flatten())
        return cls(total, rows, squares)

    @property
    def mean(self) -> float:
        """Over all pairs."""
        return self.total / (len(self.rows) * (len(self.rows) - 1))


@dataclass(frozen=True, eq=False)
class Between:
    """Sums of k(x_i, y_j).

    Attributes:
        total: over all pairs.
        rows: over j, float64 (N,).
        columns: over i, float64 (M,).
        squares: of k² over all pairs.
    """

    total: float
    rows: Tensor
    columns: Tensor
    squares: float

    @classmethod
    def of(cls, real: Tensor, generated: Tensor, kernel: Kernel) -> "Between":
        """Of features float64 (N, d) and (M, d)."""
        total, squares = 0.0, 0.0
        rows, columns = real.new_empty(len(real)), real.new_zeros(len(generated))
        for start, values in _blocks(real, generated, kernel):
            total += float(values.sum())
            rows[start : start + len(values)] = values.sum(1)
            columns += values.sum(0)
            squares += float(values.flatten() @ values.flatten())
        return cls(total, rows, columns, squares)

    @property
    def mean(self) -> float:
        """Over all pairs."""
        return self.total / (len(self.rows) * len(self.columns))


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """MMD² between two sets of features, and how sure it is.

    Attributes:
        real: sums within the N real features.
        between: sums from real to generated.
        generated: sums within the M generated features.
    """

    real: Within
    between: Between
    generated: Within

    @classmethod
    def of(cls, real: Tensor, generated: Tensor, kernel: Kernel, *, within_real: Within | None = None) -> "Discrepancy":
        """Of features float64 (N, d) and (M, d), each at least 2.

        Args:
            within_real: `Within.of(real, kernel)` where it is known already.
        """
        return cls(
            Within.of(real, kernel) if within_real is None else within_real,
            Between.of(real, generated, kernel),
            Within.of(generated, kernel),
        )

    @property
    def mmd2(self) -> float:
        """The U-statistic, unbiased; a feature's kernel with itself is left out."""
        return self.real.mean + self.generated.mean - 2 * self.between.mean

    @property
    def variance(self) -> float:
        """An unbiased estimate of the variance of `mmd2` over both sets; each at least 4.

        Each product of expectations in Var(A + B - 2C) is estimated by the mean of k k' over all choices of different
        features (the U-statistics of Sutherland et al. 2017, arXiv:1611.04488, appendix A, for sets of any sizes). For
        distributions that are nearly equal it may be negative; `jackknife_variances` never are.
        """
        n, m = len(self.between.rows), len(self.between.columns)
        within = _variance_within(self.real) + _variance_within(self.generated)
        shared = _covariance(self.real, self.between.rows / m) + _covariance(self.generated, self.between.columns / n)
        return within + 4 * _variance_between(self.between) - 4 * shared

    @property
    def jackknife_variances(self) -> tuple[float, float]:
        """What other real and what other generated features would change; their sum estimates the variance over both.

        Delete-one jackknives, (N-1)/N Σ (U_(-i) - mean)² over each set (Arvesen 1969), exact in closed form; each set
        at least 3. Too large on average, up to twice for equal distributions (Efron and Stein 1981).
        """
        n, m = len(self.between.rows), len(self.between.columns)
        return (
            _jackknife(_without_each(self.real) - 2 * (self.between.total - self.between.rows) / ((n - 1) * m)),
            _jackknife(_without_each(self.generated) - 2 * (self.between.total - self.between.columns) / ((m - 1) * n)),
        )


def kid(real: Tensor, generated: Tensor) -> float:
    """Kernel Inception distance: MMD² of the cubic kernel, over all pairs rather than the mean of small subsets
    (whose spread is no standard error).

    Args:
        real: features, (N, d), N ≥ 2.
        generated: features, (M, d), M ≥ 2; float64, since close sets leave a small difference of large sums.

    Returns:
        A scalar, 0 on average for equal distributions and then of either sign.
    """
    return Discrepancy.of(real, generated, cubic_kernel).mmd2


def _blocks(x: Tensor, y: Tensor, kernel: Kernel) -> Iterator[tuple[int, Tensor]]:
    """First row and kernel values of blocks of rows."""
    assert x.dtype == y.dtype == torch.float64, (x.dtype, y.dtype)
    step = max(BLOCK // len(y), 1)
    for start in range(0, len(x), step):
        yield start, kernel(x[start : start + step], y)


def _variance_within(sums: Within) -> float:
    """Unbiased, of `sums.mean`."""
    n = len(sums.rows)
    assert n >= 4, n
    rows = float(sums.rows @ sums.rows)
    same = sums.squares / (n * (n - 1))  # E k(x, x')²
    shared = (rows - sums.squares) / (n * (n - 1) * (n - 2))  # E k(x, x') k(x, x'')
    apart = (sums.total**2 - 4 * rows + 2 * sums.squares) / (n * (n - 1) * (n - 2) * (n - 3))  # (E k)²
    return (4 * (n - 2) * (shared - apart) + 2 * (same - apart)) / (n * (n - 1))


def _variance_between(sums: Between) -> float:
    """Unbiased, of `sums.mean`."""
    n, m = len(sums.rows), len(sums.columns)
    rows, columns = float(sums.rows @ sums.rows), float(sums.columns @ sums.columns)
    same = sums.squares / (n * m)  # E k(x, y)²
    shared_x = (rows - sums.squares) / (n * m * (m - 1))  # E k(x, y) k(x, y')
    shared_y = (columns - sums.squares) / (n * m * (n - 1))
    apart = (sums.total**2 - rows - columns + sums.squares) / (n * (n - 1) * m * (m - 1))
    return ((m - 1) * (shared_x - apart) + (n - 1) * (shared_y - apart) + (same - apart)) / (n * m)


def _covariance(own: Within, other: Tensor) -> float:
    """Unbiased, of `own.mean` and the mean between, given each feature's mean kernel (N,) with the other set."""
    n = len(own.rows)
    both = float(own.rows @ other)
    shared = both / (n * (n - 1))  # E k(x, x') k(x, y)
    apart = (own.total * float(other.sum()) - 2 * both) / (n * (n - 1) * (n - 2))  # E k(x, x') E k(x, y)
    return 2 * (shared - apart) / n


def _without_each(sums: Within) -> Tensor:
    """`sums.mean` without feature i, (N,)."""
    n = len(sums.rows)
    assert n >= 3, n
    return (sums.total - 2 * sums.rows) / ((n - 1) * (n - 2))


def _jackknife(left_out: Tensor) -> float:
    n = len(left_out)
    return float((left_out - left_out.mean()).square().sum()) * (n - 1) / n

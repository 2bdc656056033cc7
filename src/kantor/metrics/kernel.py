"""Kernel distances between sets of features: maximum mean discrepancy, and KID, which is one with a cubic kernel.

MMD² is the squared distance between the mean embeddings of two distributions; the U-statistic below estimates it
without bias, and is therefore negative about as often as positive when the distributions are equal (Gretton et al.
2012, equation 3; Bińkowski et al. 2018, equation 4).

All that the estimate and its jackknife need of the kernel matrices are a few sums, gathered in blocks of rows: memory
stays bounded for any number of features, and a reference's own sums serve all sets that are compared with it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError
from kantor.metrics.distances import squared_distances

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
    """

    total: float
    rows: Tensor

    @classmethod
    def of(cls, features: Tensor, kernel: Kernel) -> "Within":
        """Of features float64 (N, d), N ≥ 2."""
        n = len(features)
        assert n >= 2, n
        total, rows = 0.0, features.new_empty(n)
        for start, values in _blocks(features, features, kernel):
            own = values.diagonal(offset=start)
            total += float(values.sum() - own.sum())
            own.zero_()
            rows[start : start + len(values)] = values.sum(1)
        return cls(total, rows)

    @property
    def mean(self) -> float:
        """Over all pairs."""
        return self.total / (len(self.rows) * (len(self.rows) - 1))


@dataclass(frozen=True, eq=False)
class Between:
    """Sums of k(x_i, y_j).

    Attributes:
        total: over all pairs.
        shape: N, M.
        columns: over i, float64 (M,).
    """

    total: float
    shape: tuple[int, int]
    columns: Tensor

    @classmethod
    def of(cls, real: Tensor, generated: Tensor, kernel: Kernel) -> "Between":
        """Of features float64 (N, d) and (M, d)."""
        total, columns = 0.0, real.new_zeros(len(generated))
        for _, values in _blocks(real, generated, kernel):
            total += float(values.sum())
            columns += values.sum(0)
        return cls(total, (len(real), len(generated)), columns)

    @property
    def mean(self) -> float:
        """Over all pairs."""
        n, m = self.shape
        return self.total / (n * m)


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
    def jackknife_variance(self) -> float:
        """What other generated features would change: the delete-one jackknife (M-1)/M Σ (U_(-j) - mean)² over them
        (Arvesen 1969), exact in closed form; M at least 3. With that of the sets in each other's place it adds up to
        the variance over both, too large on average, up to twice for equal distributions (Efron and Stein 1981).
        """
        n, m = self.between.shape
        within = (self.generated.total - 2 * self.generated.rows) / ((m - 1) * (m - 2))
        left_out = within - 2 * (self.between.total - self.between.columns) / ((m - 1) * n)
        return float((left_out - left_out.mean()).square().sum()) * (m - 1) / m


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

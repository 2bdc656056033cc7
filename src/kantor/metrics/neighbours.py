"""What nearest neighbours say of two sets of features: precision, recall, density, coverage, two-sample accuracy.

Around each feature of a set lies a ball that reaches to its k-th nearest neighbour in that set; the balls together
stand for the support of the distribution. All scores read one `Neighbourhood`: either `Distances`, the table of all
pairs, or `Neighbours`, the few numbers that are left of it when it is gone through in blocks of rows. Distances are
Euclidean and squared (order is all that the scores ask for, and squaring keeps it).
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from kantor.metrics.distances import blocks, exact_distances


class Neighbourhood(Protocol):
    """What the scores ask of N real and M generated features."""

    @property
    def sizes(self) -> tuple[int, int]:
        """N, M."""

    @property
    def swapped(self) -> "Neighbourhood":
        """With real and generated in each other's place."""

    def real_radii(self, k: int) -> Tensor:
        """From each real feature to its k-th nearest real neighbour, (N,)."""

    def balls(self, k: int, *, closed: bool) -> Tensor:
        """How many real balls hold each generated feature, int32 (M,)."""

    def nearest(self) -> tuple[Tensor, Tensor]:
        """From each real feature to the nearest other real one, and to the nearest generated one, both (N,)."""


@dataclass(frozen=True)
class Distances:
    """The table of all pairs, for as many features as it has room for.

    Attributes:
        real: (N, N); infinite from a feature to itself, which is no neighbour.
        between: from real to generated, (N, M).
        generated: (M, M); infinite on the diagonal.
    """

    real: Tensor
    between: Tensor
    generated: Tensor

    @classmethod
    def of(cls, real: Tensor, generated: Tensor) -> "Distances":
        """Of features (N, d) and (M, d), float64."""
        return cls(
            exact_distances(real, real).fill_diagonal_(torch.inf),
            exact_distances(real, generated),
            exact_distances(generated, generated).fill_diagonal_(torch.inf),
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """N, M."""
        return len(self.real), len(self.generated)

    @property
    def swapped(self) -> "Distances":
        """With real and generated in each other's place."""
        return Distances(self.generated, self.between.T, self.real)

    def real_radii(self, k: int) -> Tensor:
        """From each real feature to its k-th nearest real neighbour, (N,)."""
        assert 1 <= k < len(self.real), (k, len(self.real))
        return self.real.topk(k, largest=False).values[:, -1]

    def balls(self, k: int, *, closed: bool) -> Tensor:
        """How many real balls hold each generated feature, (M,)."""
        radii = self.real_radii(k)[:, None]
        return (self.between <= radii if closed else self.between < radii).sum(0, dtype=torch.int32)

    def nearest(self) -> tuple[Tensor, Tensor]:
        """From each real feature to the nearest other real one, and to the nearest generated one, both (N,)."""
        return self.real.amin(1), self.between.amin(1)


@dataclass(frozen=True, eq=False)
class Side:
    """What a feature of one set (N) sees around it, and what reaches it from the other set.

    Attributes:
        radii: to the k-th nearest of its own set, (N,).
        own: to the nearest of its own set, (N,).
        other: to the nearest of the other set, (N,).
        closed: how many closed balls of the other set hold it, int32 (N,).
        open: how many open ones.
    """

    radii: Tensor
    own: Tensor
    other: Tensor
    closed: Tensor
    open: Tensor


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The same answers as `Distances` for one k, from blocks of rows: memory is bounded for any number of features, and
    a reference's own neighbours serve all sets that are compared with it.
    """

    k: int
    real: Side
    generated: Side

    @classmethod
    def of(cls, real: Tensor, generated: Tensor, *, k: int, within_real: Tensor | None = None) -> "Neighbours":
        """Of features float64 (N, d) and (M, d).

        Args:
            k: neighbours that span a ball.
            within_real: `own_nearest(real, k)` where it is known already.
        """
        of_real = own_nearest(real, k) if within_real is None else within_real
        of_generated = own_nearest(generated, k)
        assert of_real.shape == (len(real), k), (of_real.shape, len(real), k)
        radii, other_radii = of_real[:, -1], of_generated[:, -1]
        to_generated, to_real = radii.new_empty(len(real)), radii.new_full((len(generated),), torch.inf)
        closed, other_closed = radii.new_zeros(len(real), dtype=torch.int32), torch.zeros_like(to_real).int()
        opened, other_opened = torch.zeros_like(closed), torch.zeros_like(other_closed)
        for block in blocks(real, generated):
            rows, first = block.rows, block.y.first
            block.settle_smallest(1).settle_below(to_real[first])
            squares = block.settle_around(radii[rows, None]).settle_around(other_radii[first]).table
            to_generated[rows] = squares.amin(1)
            torch.minimum(to_real, squares.amin(0), out=to_real)
            closed[rows] = (squares <= other_radii).sum(1, dtype=torch.int32)  # twice as fast as int64
            opened[rows] = (squares < other_radii).sum(1, dtype=torch.int32)
            other_closed += (squares <= radii[rows, None]).sum(0, dtype=torch.int32)
            other_opened += (squares < radii[rows, None]).sum(0, dtype=torch.int32)
        return cls(
            k,
            Side(radii, of_real[:, 0], to_generated, closed, opened),
            Side(other_radii, of_generated[:, 0], to_real, other_closed, other_opened),
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """N, M."""
        return len(self.real.radii), len(self.generated.radii)

    @property
    def swapped(self) -> "Neighbours":
        """With real and generated in each other's place."""
        return Neighbours(self.k, self.generated, self.real)

    def real_radii(self, k: int) -> Tensor:
        """From each real feature to its k-th nearest real neighbour, (N,)."""
        assert k == self.k, (k, self.k)
        return self.real.radii

    def balls(self, k: int, *, closed: bool) -> Tensor:
        """How many real balls hold each generated feature, (M,)."""
        assert k == self.k, (k, self.k)
        return self.generated.closed if closed else self.generated.open

    def nearest(self) -> tuple[Tensor, Tensor]:
        """From each real feature to the nearest other real one, and to the nearest generated one, both (N,)."""
        return self.real.own, self.real.other


def own_nearest(features: Tensor, k: int) -> Tensor:
    """From each feature to its 1st … k-th nearest in the same set, (N, k), of float64 (N, d), N > k."""
    assert 1 <= k < len(features), (k, len(features))
    found = features.new_empty(len(features), k)
    for block in blocks(features, features):
        squares = block.settle_smallest(k + 1).table
        squares.diagonal(offset=block.rows.start).fill_(torch.inf)
        found[block.rows] = squares.topk(k, largest=False).values
    return found


def nearest(features: Tensor, among: Tensor) -> Tensor:
    """From each feature to the nearest one of another set, float64 (N, d) and (M, d), (N,)."""
    return torch.cat([block.settle_smallest(1).squares.amin(1) for block in blocks(features, among)])


def precision(around: Neighbourhood, *, k: int) -> float:
    """The share of generated features inside some ball of a real one, in [0, 1]: do samples look real?

    Balls are closed (Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2).
    """
    return _share(around.balls(k, closed=True) > 0)


def recall(around: Neighbourhood, *, k: int) -> float:
    """The share of real features inside some ball of a generated one, in [0, 1]: is everything real made?

    Precision with the roles exchanged (Kynkäänniemi et al. 2019, equation 2).
    """
    return precision(around.swapped, k=k)


def density(around: Neighbourhood, *, k: int) -> float:
    """How many real balls a generated feature lies in, over k, on average (Naeem et al. 2020,
    arXiv:2002.09797).

    1 on average for equal distributions, 0 far away, and above 1 where samples crowd into the densest regions: no score
    to maximise. Balls are open, so that an exact copy of the real features has density 1.
    """
    return int(around.balls(k, closed=False).sum()) / (k * around.sizes[1])


def coverage(around: Neighbourhood, *, k: int) -> float:
    """The share of real balls in which a generated feature lies, in [0, 1] (Naeem et al. 2020).

    For equal distributions and many features 1 - 2^-k on average, 0.96875 at k = 5. Balls are closed.
    """
    return _share(around.nearest()[1] <= around.real_radii(k))


def expected_coverage(n: int, m: int, *, k: int) -> float:
    """The mean coverage of n real by m generated features of one continuous law: 1 - Π (n-1-i)/(n+m-1-i) over i < k,
    the chance that some generated feature is among the k nearest of all others. 1 - 2^-k for large equal numbers."""
    return 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))


def one_nn_halves(around: Neighbourhood) -> tuple[float, float]:
    """The share of real and the share of generated features whose nearest other feature, in the union of both sets, is
    of their own set; each in [0, 1]. A feature equally near to both sets counts one half.

    Both are about 0.5 for equal distributions of equal sizes. Generated far above real is what samples give that crowd
    around the centres of real ones (Xu et al. 2018, arXiv:1806.07755).
    """
    return _own_is_nearer(*around.nearest()), _own_is_nearer(*around.swapped.nearest())


def one_nn_accuracy(around: Neighbourhood) -> float:
    """Leave-one-out accuracy of the 1-nearest-neighbour classifier of real against generated, in [0, 1].

    About 0.5 for equal distributions of equal sizes, 1 for sets far apart, 0 for an exact copy: too low is as bad as
    too high (Lopez-Paz and Oquab 2017, arXiv:1610.06545).
    """
    n, m = around.sizes
    of_real, of_generated = one_nn_halves(around)
    return (n * of_real + m * of_generated) / (n + m)


def _share(inside: Tensor) -> float:
    return int(inside.sum()) / len(inside)


def _own_is_nearer(own: Tensor, other: Tensor) -> float:
    return (int((own < other).sum()) + int((own == other).sum()) / 2) / len(own)

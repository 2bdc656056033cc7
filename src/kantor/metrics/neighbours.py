"""What nearest neighbours say of two sets of features: precision, recall, density, coverage, two-sample accuracy.

Around each feature of a set lies a ball that reaches to its k-th nearest neighbour in that set; the balls together
stand for the support of the distribution. All scores read one table of distances.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Distances:
    """Squared Euclidean distances of all pairs (order is all that the scores ask for, and squaring keeps it).

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
            squared_distances(real, real).fill_diagonal_(torch.inf),
            squared_distances(real, generated),
            squared_distances(generated, generated).fill_diagonal_(torch.inf),
        )

    @property
    def swapped(self) -> "Distances":
        """With real and generated in each other's place."""
        return Distances(self.generated, self.between.T, self.real)

    def real_radii(self, k: int) -> Tensor:
        """From each real feature to its k-th nearest real neighbour, squared, (N,)."""
        assert 1 <= k < len(self.real), (k, len(self.real))
        return self.real.topk(k, largest=False).values[:, -1]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x‖² + ‖y‖² - 2x·y of all pairs of features (N, d) and (M, d), at least 0, (N, M).

    Exact where the inner products are; elsewhere coinciding features may come out some 1e-13·‖x‖² apart.
    """
    assert x.dtype == y.dtype == torch.float64, (x.dtype, y.dtype)  # float32 would lose close neighbours
    return torch.addmm(_norms(x)[:, None] + _norms(y), x, y.T, alpha=-2).clamp_(min=0)


def precision(distances: Distances, *, k: int) -> float:
    """The share of generated features inside some ball of a real one, in [0, 1]: do samples look real?

    Balls are closed (Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2).
    """
    return _share((distances.between <= distances.real_radii(k)[:, None]).any(0))


def recall(distances: Distances, *, k: int) -> float:
    """The share of real features inside some ball of a generated one, in [0, 1]: is everything real made?

    Precision with the roles exchanged (Kynkäänniemi et al. 2019, equation 2).
    """
    return precision(distances.swapped, k=k)


def density(distances: Distances, *, k: int) -> float:
    """How many real balls a generated feature lies in, over k, on average (Naeem et al. 2020,
    arXiv:2002.09797).

    1 on average for equal distributions, 0 far away, and above 1 where samples crowd into the densest regions: no score
    to maximise. Balls are open, so that an exact copy of the real features has density 1.
    """
    return float((distances.between < distances.real_radii(k)[:, None]).sum(dtype=torch.float64)) / (
        k * distances.between.shape[1]
    )


def coverage(distances: Distances, *, k: int) -> float:
    """The share of real balls in which a generated feature lies, in [0, 1] (Naeem et al. 2020).

    For equal distributions and many features 1 - 2^-k on average, 0.96875 at k = 5. Balls are closed.
    """
    return _share(distances.between.amin(1) <= distances.real_radii(k))


def one_nn_halves(distances: Distances) -> tuple[float, float]:
    """The share of real and the share of generated features whose nearest other feature, in the union of both sets, is
    of their own set; each in [0, 1]. A feature equally near to both sets counts one half.

    Both are about 0.5 for equal distributions of equal sizes. Generated far above real is what samples give that crowd
    around the centres of real ones (Xu et al. 2018, arXiv:1806.07755).
    """
    return _own_nearest(distances.real, distances.between), _own_nearest(distances.generated, distances.between.T)


def one_nn_accuracy(distances: Distances) -> float:
    """Leave-one-out accuracy of the 1-nearest-neighbour classifier of real against generated, in [0, 1].

    About 0.5 for equal distributions of equal sizes, 1 for sets far apart, 0 for an exact copy: too low is as bad as
    too high (Lopez-Paz and Oquab 2017, arXiv:1610.06545).
    """
    n, m = distances.between.shape
    of_real, of_generated = one_nn_halves(distances)
    return (n * of_real + m * of_generated) / (n + m)


def _norms(x: Tensor) -> Tensor:
    return (x * x).sum(1)


def _share(inside: Tensor) -> float:
    return int(inside.sum()) / len(inside)


def _own_nearest(own: Tensor, other: Tensor) -> float:
    nearest_own, nearest_other = own.amin(1), other.amin(1)
    return (int((nearest_own < nearest_other).sum()) + int((nearest_own == nearest_other).sum()) / 2) / len(own)

"""Could one law have made both sets? A permutation test of the 1-nearest-neighbour accuracy.

Where real and generated features come from one law, which of them are called real is chance. So all N + M features and
their distances are kept, N of them are called real at random, again and again, and the accuracy is taken each time: the
share of such accuracies at least as far out as the observed one is its p-value (Lopez-Paz and Oquab 2017,
arXiv:1610.06545, have the statistic; Phipson and Smyth 2010 the 1 that is added above and below).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kantor.metrics.distances import blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LABELS = 2**24
"""Permuted labels held at once."""


@dataclass(frozen=True)
class TwoSampleTest:
    """The accuracy and its p-values, each in (0, 1] and, by itself, uniform where one law made both sets.

    Attributes:
        accuracy: that of `one_nn_accuracy`.
        p_apart: small where the accuracy is too high: the sets can be told apart.
        p_copied: small where it is too low: generated features lie on real ones.
    """

    accuracy: float
    p_apart: float
    p_copied: float


def one_nn_test(real: Tensor, generated: Tensor, rng: np.random.Generator, *, permutations: int) -> TwoSampleTest:
    """Of features float64 (N, d) and (M, d).

    Args:
        rng: draws the permutations.
        permutations: how many; no p-value is below 1 / (permutations + 1).
    """
    n, total = len(real), len(real) + len(generated)
    neighbours = _nearest_of_each(torch.cat([real, generated]))
    labels = np.arange(total) < n
    observed = int(_twice_right(neighbours, labels[:, None])[0])
    above = below = 0
    step = max(LABELS // total, 1)
    for start in range(0, permutations, step):
        count = min(step, permutations - start)
        permuted = rng.permuted(np.broadcast_to(labels, (count, total)), axis=1).T
        right = _twice_right(neighbours, permuted)
        above, below = above + int((right >= observed).sum()), below + int((right <= observed).sum())
    return TwoSampleTest(observed / (2 * total), (1 + above) / (1 + permutations), (1 + below) / (1 + permutations))


def _nearest_of_each(features: Tensor) -> "csr_array":
    """1 from each feature (T, d) to its nearest other one, or to all that are equally near, (T, T)."""
    from scipy.sparse import csr_array  # a fifth of a second of import: only where a number is made

    rows, columns = [], []
    for block in blocks(features, features):
        squares = block.settle_smallest(2).table
        squares.diagonal(offset=block.rows.start).fill_(torch.inf)
        row, column = (squares == squares.amin(1, keepdim=True)).nonzero().T.cpu().numpy()
        rows.append(row + block.rows.start)
        columns.append(column)
    row, column = np.concatenate(rows), np.concatenate(columns)
    return csr_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=(len(features),) * 2)


def _twice_right(neighbours: "csr_array", labels: np.ndarray) -> np.ndarray:
    """Twice the number of features (T) whose nearest has their own label, for each column of labels (T, P); one that
    is equally near to both counts 1 here, one half in the accuracy."""
    real = neighbours @ labels.astype(np.int32)
    near_real, near_generated = real > 0, real < neighbours.sum(1)[:, None]
    own, other = np.where(labels, near_real, near_generated), np.where(labels, near_generated, near_real)
    return (1 + own.astype(np.int64) - other).sum(0)

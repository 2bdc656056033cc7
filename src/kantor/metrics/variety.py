"""Does a generator reach as many places as fresh data do? A permutation test of coverage.

Around each real feature lies the ball that reaches to its k-th nearest real neighbour. Of as many generated as held-out
features it is counted how many balls each hit (coverage, Naeem et al. 2020, arXiv:2002.09797). Where both come from one
law, which of them are called generated is chance: so they are called so at random, again and again, and the share of
differences at least as bad as the observed one is the p-value (Phipson and Smyth 2010 the 1 that is added above and
below). It needs no second draw, and no law of the differences.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kantor.metrics.distances import blocks
from kantor.metrics.neighbours import own_nearest

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LABELS = 2**24
"""Permuted labels held at once."""


def coverage_test(
    real: Tensor, held_out: Tensor, generated: Tensor, rng: np.random.Generator, *, k: int, permutations: int
) -> float:
    """The p-value, in (0, 1]: small where the generated features hit fewer balls than the held-out ones do.

    Args:
        real: float64 (N, d), N > k.
        held_out: (H, d); of these and of the generated ones, as many are taken as there are of both.
        generated: (M, d).
        rng: draws the permutations.
        k: neighbours that span a ball.
        permutations: how many; no p-value is below 1 / (permutations + 1).
    """
    size = min(len(held_out), len(generated))
    inside = _balls(real, torch.cat([held_out[:size], generated[:size]]), k)
    labels = np.arange(2 * size) >= size
    observed = int(_more_hit(inside, labels[:, None])[0])
    below, step = 0, max(LABELS // (2 * size + len(real)), 1)
    for start in range(0, permutations, step):
        count = min(step, permutations - start)
        permuted = rng.permuted(np.broadcast_to(labels, (count, 2 * size)), axis=1).T
        below += int((_more_hit(inside, permuted) <= observed).sum())
    return (1 + below) / (1 + permutations)


def _balls(real: Tensor, features: Tensor, k: int) -> "csr_array":
    """1 where the closed ball of a real feature (N) holds one of the features (T), (N, T)."""
    from scipy.sparse import csr_array  # a fifth of a second of import: only where a number is made

    radii = own_nearest(real, k)[:, -1:]
    found = [block.settle_around(radii[block.rows]).table <= radii[block.rows] for block in blocks(real, features)]
    rows, columns = torch.cat(found).nonzero().T.cpu().numpy()
    return csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(len(real), len(features)))


def _more_hit(inside: "csr_array", labels: np.ndarray) -> np.ndarray:
    """Balls that features of the label hit, less those that the others hit, for each column of labels (T, P), (P,)."""
    hit = inside @ labels.astype(np.int32)
    others = inside.sum(1)[:, None] - hit
    return (hit > 0).sum(0) - (others > 0).sum(0)

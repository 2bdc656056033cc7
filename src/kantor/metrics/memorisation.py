"""Does a generator repeat its training data? Its samples then lie nearer to them than fresh real data do.

How near fresh data lie depends on where: a generator that makes nothing but what lies dense would look like a copier.
So a distance is taken in units of the place where it is, from the nearest training feature over that one's own distance
from its nearest neighbour in the training data: copies are near 0 everywhere, and what is fresh follows nearly one law
everywhere. And generated and held-out features are compared within cells of the space, by the Mann-Whitney test, which
are then put together (Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675, section 3, whose cells are those of
k-means as well; the weights are van Elteren's, 1960, so that cells with few features count for little).

It does not tell copies from blur: a mean of training features is nearer to them than any fresh one is.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kantor.metrics.distances import Distinct, blocks
from kantor.metrics.neighbours import own_nearest

CELLS = 20
"""At most. Pictures of one class are then in cells of their own, and 1,000 held-out ones give 50 to a cell."""

HELD_OUT_PER_CELL = 20
TRAINING_PER_CELL = 50


@dataclass(frozen=True)
class Memorisation:
    """Whether generated features are nearer to the training data than held-out ones of the same cell are.

    Attributes:
        share_nearer: how often a generated feature is nearer than a held-out one, over pairs within cells, an equal
            distance counting one half: 0.5 on average for a generator that draws from the law of the data or from parts
            of it, towards 1 for one that copies, towards 0 for one that is far from them. NaN where no cell has both.
        p_value: of a share as large as this where both come from one law in each cell; one-sided, in [0, 1].
    """

    share_nearer: float
    p_value: float


def memorisation(training: Tensor, held_out: Tensor, generated: Tensor) -> Memorisation:
    """Of features float64 (N, d), (H, d), (M, d); held-out data that the training data repeat hide copies.

    Any number of features: distances are taken in blocks of rows.
    """
    distinct = Distinct.of(training).features  # of what is there twice, the nearest other one gives the scale
    count = max(min(CELLS, len(held_out) // HELD_OUT_PER_CELL, len(distinct) // TRAINING_PER_CELL), 1)
    centres = cells(distinct, count)
    scales = own_nearest(distinct, 1)[:, 0] if len(distinct) > 1 else distinct.new_ones(1)
    sides = []
    for features in (held_out, generated):
        squares, neighbour = nearest_of(features, distinct)
        sides += [squares / scales[neighbour], nearest_of(features, centres)[1]]
    return compare(*sides)


def cells(features: Tensor, count: int) -> Tensor:
    """Centres (count, d) of Lloyd's k-means, begun at the first of the features float64 (N, d), in random order."""
    from scipy.cluster.vq import kmeans2  # a fifth of a second of import: only where a number is made

    data = features.cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a cell may lose its last feature; nothing is compared there
        centres, _ = kmeans2(data, data[:count].copy(), minit="matrix")
    return torch.from_numpy(centres).to(features)


def nearest_of(features: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """The squared distance of each feature float64 (N, d) from the nearest of others (M, d), and which one this is."""
    found = [block.settle_smallest(1).table.min(1) for block in blocks(features, among)]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])


def compare(held_out: Tensor, held_out_cells: Tensor, generated: Tensor, generated_cells: Tensor) -> Memorisation:
    """Of distances (H,) and (M,) from the nearest training feature, in any increasing unit, with the cells they are in.

    Σ w (U - nm/2) over its standard deviation, with w = 1 / (n + m + 1) in a cell of n held-out and m generated ones,
    is normal where both are of one law in each cell.
    """
    from scipy.stats import norm, rankdata

    above = pairs = variance = 0.0
    for cell in generated_cells.unique():
        fresh, drawn = held_out[held_out_cells == cell].cpu().numpy(), generated[generated_cells == cell].cpu().numpy()
        n, m = len(fresh), len(drawn)
        if n == 0:
            continue
        ranks = rankdata(np.concatenate([fresh, drawn]))
        u = float(ranks[:n].sum()) - n * (n + 1) / 2  # pairs whose generated feature is the nearer one
        _, ties = np.unique(ranks, return_counts=True)
        spread = n * m / 12 * (n + m + 1 - float((ties.astype(float) ** 3 - ties).sum()) / ((n + m) * (n + m - 1)))
        weight = 1 / (n + m + 1)
        above, pairs, variance = above + weight * u, pairs + weight * n * m, variance + weight**2 * spread
    if pairs == 0:
        return Memorisation(math.nan, 1.0)
    z = (above - pairs / 2) / math.sqrt(variance) if variance > 0 else 0.0  # all equally near: nothing is seen
    return Memorisation(above / pairs, float(norm.sf(z)))

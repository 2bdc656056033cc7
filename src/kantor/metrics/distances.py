"""Squared Euclidean distances of all pairs, by a matrix product, and exact wherever a comparison turns on one.

‖x‖² + ‖y‖² - 2x·y rounds in units of ‖x‖²: equal features come out apart, and one pair of features differently in two
tables, so that what is a tie is none. The distances that a score compares with one another are therefore taken again,
as Σ (x - y)², which is 0 for equal features and the same for the same pair wherever it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

BLOCK = 2**24
"""Distances held at once: 128 MiB of float64."""

PAIRS = 2**17
"""Coordinates of differences held at once: a processor's cache holds them."""


@dataclass(frozen=True, eq=False)
class Distinct:
    """The features of a set without repetitions, so that a thousand copies cost no more than one.

    Attributes:
        features: float64 (u, d).
        norms: ‖y‖², (u,).
        first: where in the set each comes first, int64 (u,).
        place: which of them each of the set is, int64 (n,).
    """

    features: Tensor
    norms: Tensor
    first: Tensor
    place: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Distinct":
        """Of features float64 (n, d), in their order."""
        _, group = torch.cat([_row_hash(part) for part in features.split(4096)]).unique(return_inverse=True)
        everywhere = torch.arange(len(features), device=features.device)
        first = everywhere.new_full((int(group.max()) + 1,), len(features)).scatter_reduce(0, group, everywhere, "amin")
        first, order = first.sort()
        place = torch.empty_like(order).scatter_(0, order, everywhere[: len(order)])
        kept = features if len(first) == len(features) else features[first]
        return cls(kept, _norms(kept), first, place[group])

    @property
    def repeats(self) -> bool:
        """Whether some feature occurs twice."""
        return len(self.place) > len(self.first)


@dataclass(frozen=True, eq=False)
class Block:
    """Squared distances of a few features from all distinct ones of a set.

    Attributes:
        rows: which features these are.
        x: they themselves, (r, d).
        y: the set.
        squares: (r, u), at least 0.
    """

    rows: slice
    x: Tensor
    y: Distinct
    squares: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Distinct, rows: slice) -> "Block":
        """Of features float64 (N, d), those in `rows`."""
        x = x[rows]
        squares = torch.addmm(_norms(x)[:, None] + y.norms, x, y.features.T, alpha=-2)
        return cls(rows, x, y, squares.clamp_(min=0))

    @cached_property
    def rounding(self) -> Tensor:
        """How far each may be off, (r, u): 2d roundings of products and sums, each of half a unit."""
        return (_norms(self.x)[:, None] + self.y.norms).mul_((self.x.shape[1] + 4) * torch.finfo(torch.float64).eps)

    def settle_smallest(self, k: int) -> "Block":
        """Make the k smallest of each row exact, and those that might be among them."""
        least = self.squares.topk(min(k, self.squares.shape[1]), largest=False)
        bound = least.values[:, -1:] + self.rounding.gather(1, least.indices).amax(1, keepdim=True)
        return self._settle(self.squares - self.rounding <= bound)

    def settle_below(self, bound: Tensor) -> "Block":
        """Make the smallest of each column exact where it might be below a bound, (u,)."""
        least = torch.minimum((self.squares + self.rounding).amin(0), bound)
        return self._settle(self.squares - self.rounding <= least)

    def settle_around(self, values: Tensor) -> "Block":
        """Make those exact that might equal a value, (r, 1) or (u,)."""
        return self._settle((self.squares - values).abs_() <= self.rounding)

    @property
    def table(self) -> Tensor:
        """From each of the features to each of the whole set, (r, n), to be changed at will."""
        return self.squares[:, self.y.place] if self.y.repeats else self.squares

    def _settle(self, near: Tensor) -> "Block":
        for part in near.nonzero().split(max(PAIRS // self.x.shape[1], 1)):
            row, column = part.T
            self.squares[row, column] = (self.x[row] - self.y.features[column]).square().sum(1)
        return self


def blocks(x: Tensor, y: Tensor) -> Iterator[Block]:
    """Of features float64 (N, d) and (M, d): all of x after one another, with at most `BLOCK` distances at once."""
    assert x.dtype == y.dtype == torch.float64, (x.dtype, y.dtype)  # float32 would lose close neighbours
    step, distinct = max(BLOCK // len(y), 1), Distinct.of(y)
    for start in range(0, len(x), step):
        yield Block.of(x, distinct, slice(start, min(start + step, len(x))))


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Of all pairs of features float64 (N, d) and (M, d), (N, M); exactly 0 for equal ones."""
    assert x.dtype == y.dtype == torch.float64, (x.dtype, y.dtype)
    return Block.of(x, Distinct.of(y), slice(0, len(x))).settle_around(x.new_zeros(1)).table


def exact_distances(x: Tensor, y: Tensor) -> Tensor:
    """The same as Σ (x - y)², every one of them: for small sets."""
    step = max(PAIRS // y.numel(), 1)
    return torch.cat([(part[:, None] - y).square().sum(2) for part in x.split(step)])


def _norms(x: Tensor) -> Tensor:
    return (x * x).sum(1)


def _row_hash(x: Tensor) -> Tensor:
    """Int64 (n,): equal for equal rows of float64 (n, d), different for others but for a chance of 2^-64."""
    bits = (x + 0.0).view(torch.int64)  # no -0.0
    bits = (bits ^ (bits >> 29)) * 0x2545F4914F6CDD1D  # wraps around: so that close numbers are far apart
    weights = torch.randint(-(2**63), 2**63 - 1, (x.shape[1],), generator=torch.Generator().manual_seed(0))
    return ((bits ^ (bits >> 32)) * (2 * weights + 1).to(x.device)).sum(1)

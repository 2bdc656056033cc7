"""The dark squares of a board, evenly filled: a density with edges, which networks can only round off."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from kantor.data import strata
from kantor.data.points import HasDensity, Points
from kantor.data.strata import Labels
from kantor.errors import UserError, require_positive

MOST_CELLS = 64
"""Along each side: who computes a posterior looks at every dark one."""


class Squares(NamedTuple):
    """Equally likely squares that a law fills evenly; no two overlap.

    Attributes:
        corners: the lower left one of each, (K, 2).
        side: of each.
    """

    corners: Points
    side: float


@runtime_checkable
class HasSquares(HasDensity, Protocol):
    """A distribution that fills squares evenly."""

    def squares(self) -> Squares:
        """They."""
        ...


class Filled:
    """A law that fills its squares."""

    def squares(self) -> Squares:
        """They."""
        raise NotImplementedError

    def log_density(self, points: Points) -> np.ndarray:
        """As `HasDensity` has it."""
        corners, side = self.squares()
        beyond = points[:, None] - corners  # (N, K, 2)
        inside = ((beyond >= 0) & (beyond < side)).all(2).any(1)
        return np.where(inside, -math.log(len(corners) * side**2), -np.inf)


@dataclass(frozen=True)
class Square(Filled):
    """One square.

    Attributes:
        corner: the lower left one.
        side: its length.
    """

    corner: tuple[float, float]
    side: float

    def squares(self) -> Squares:
        """Itself."""
        return Squares(np.asarray([self.corner]), self.side)

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2); stratified: one in each of n equal columns and rows."""
        _, u = strata.drawn(np.ones(1), n, rng, numbers=2, stratified=stratified)
        return np.asarray(self.corner) + self.side * u


@dataclass(frozen=True)
class Checkerboard(Filled):
    """Every second square of a board around 0; the class of a point is its square, row by row from below.

    Attributes:
        cells: squares along each side of the board, dark and light.
        reach: from the middle of the board to its sides.

    Raises:
        UserError: there are too few cells, or too many, or the reach is not positive.
    """

    cells: int
    reach: float

    def __post_init__(self) -> None:
        require_positive(reach=self.reach)
        if not 2 <= self.cells <= MOST_CELLS:
            raise UserError(f"cells={self.cells}: expected 2 to {MOST_CELLS} along each side of the board")

    def squares(self) -> Squares:
        """The dark ones."""
        side = 2 * self.reach / self.cells
        dark = [(x, y) for y in range(self.cells) for x in range(self.cells) if (x + y) % 2 == 0]
        return Squares(side * np.asarray(dark) - self.reach, side)

    def class_shares(self) -> np.ndarray:
        """Equal ones."""
        count = len(self.squares().corners)
        return np.full(count, 1 / count)

    def labelled(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> tuple[Points, Labels]:
        """Points and their squares; stratified: one point in each equal column, and in each row, of a square."""
        corners, side = self.squares()
        labels, u = strata.drawn(self.class_shares(), n, rng, numbers=2, stratified=stratified)
        return corners[labels] + side * u, labels

    def sample(self, n: int, rng: np.random.Generator, *, stratified: bool = False) -> Points:
        """`n` float64 points, shape (n, 2)."""
        return self.labelled(n, rng, stratified=stratified)[0]

    def of_class(self, label: int) -> Square:
        """One of them."""
        (x, y), side = self.squares().corners[label].tolist(), self.squares().side
        return Square((x, y), side)

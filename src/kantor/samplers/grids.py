"""Grids: the levels that a sampler visits on its way from noise to data."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError
from kantor.noising.levels import Levels
from kantor.noising.path import Path


class Grid(ABC):
    """Levels of a path, for any number of steps."""

    @abstractmethod
    def levels(self, path: Path, steps: int) -> Levels:
        """`steps + 1` levels, each (steps + 1,), from the noise at t = 1 to the data themselves: the last is (1, 0).

        Raises:
            UserError: the path has not as many.
        """


@dataclass(frozen=True)
class Trailing(Grid):
    """Equal steps of time counted back from t = 1; of a chain the nearest of its steps (Lin et al. 2024,
    arXiv:2305.08891, section 3.3)."""

    def levels(self, path: Path, steps: int) -> Levels:
        """From the last time to the first, and the data."""
        times = torch.arange(steps, 0, -1, dtype=torch.float64) / steps
        if path.steps is not None:
            require_fewer(steps, path.steps)
            times = (times * path.steps).round() / path.steps
        return to_data(path, times)


def to_data(path: Path, times: Tensor) -> Levels:
    """The levels at falling times (n,) and the data after them, (n + 1,)."""
    alpha, sigma = path.at(times)
    return Levels(torch.cat([alpha, alpha.new_ones(1)]), torch.cat([sigma, sigma.new_zeros(1)]))


def require_fewer(steps: int, there: int) -> None:
    """Check that a chain is not asked for more steps than it has.

    Raises:
        UserError: it is.
    """
    if steps > there:
        raise UserError(f"steps={steps}: the model's chain has {there} steps; take at most sampler.steps={there}")

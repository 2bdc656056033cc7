"""Grids: at which levels of noise a path is walked back, from its noisiest one to the data.

Every grid has n + 1 levels for n steps, no two alike; the last is the data themselves (α = 1, σ = 0), whatever the path
begins with. A path's own ends may be at infinity where a grid is made of σ/α: it is then cut at those of EDM
(Karras et al. 2022, arXiv:2206.00364, table 1), and the first level is still the path's noisiest one.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kantor.errors import UserError, require_at_least, require_positive
from kantor.noising.levels import Levels
from kantor.noising.path import Path

LOWEST, HIGHEST = 0.002, 80.0
"""The ends of σ/α where a path has none of its own."""

NO_DATA_LEFT = 1000.0
"""From this σ/α on a path's end counts as infinite: equal steps would be spent where there is nothing to be seen."""


class Grid(ABC):
    """From a path and n to n + 1 levels."""

    @abstractmethod
    def noisy(self, path: Path, steps: int) -> Levels:
        """The levels before the data, float64 (steps,), from noise on."""

    def levels(self, path: Path, steps: int) -> Levels:
        """All levels, float64 (steps + 1,).

        Raises:
            UserError: the path has not so many steps, or the grid is not made for it.
        """
        require_at_least(1, steps=steps)
        if path.steps is not None and steps > path.steps:
            raise UserError(f"steps={steps}: the model's chain has {path.steps} steps; take at most {path.steps}")
        noisy = self.noisy(path, steps)
        return Levels(
            torch.cat([noisy.alpha, torch.ones(1, dtype=torch.float64)]),
            torch.cat([noisy.sigma, torch.zeros(1, dtype=torch.float64)]),
        )


@dataclass(frozen=True)
class Trailing(Grid):
    """Times t_i = 1 − i/n; of a chain the nearest steps. On a continuous path: uniform in time."""

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        if path.steps is None:
            return path.at(_down(1, 1 / steps, steps))
        return _of_chain(path, [round(path.steps * left / steps) for left in range(steps, 0, -1)])


@dataclass(frozen=True)
class Linspace(Grid):
    """Times from 1 to the path's first that has noise, both among them; of a chain the nearest steps, from T to 1."""

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        if path.steps is None:
            return path.at(_down(1, 0.0 if float(_lowest(path).sigma) > 0 else 1 / steps, steps))
        gaps = max(1, steps - 1)
        return _of_chain(path, [1 + round((path.steps - 1) * (gaps - i) / gaps) for i in range(steps)])


@dataclass(frozen=True)
class Leading(Grid):
    """Steps 1, 1 + d, 1 + 2d, … of a chain, d = ⌊T/n⌋: it begins below T, as many public samplers do."""

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        if path.steps is None:
            raise UserError("grid=leading counts a chain's steps, and the model's path is continuous; take trailing")
        if steps == 1:
            raise UserError(
                "steps=1: leading would begin with the chain's first step; take more, or sampler.grid=trailing"
            )
        return _of_chain(path, [1 + i * (path.steps // steps) for i in reversed(range(steps))])


@dataclass(frozen=True)
class Rho(Grid):
    """(σ/α)^(1/ρ) in equal steps (Karras et al. 2022, equation 5).

    Attributes:
        rho: larger ones put more steps near the data; 7 in the paper.
    """

    rho: float

    def __post_init__(self) -> None:
        require_positive(rho=self.rho)

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        high, low = _ends(path)
        roots = _down(high ** (1 / self.rho), low ** (1 / self.rho), steps)
        return _of_ratios(path, roots**self.rho)


@dataclass(frozen=True)
class LogSNR(Grid):
    """log(α²/σ²) in equal steps (Lu et al. 2022, arXiv:2211.01095)."""

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        high, low = _ends(path)
        return _of_ratios(path, _down(math.log(high), math.log(low), steps).exp())


@dataclass(frozen=True)
class UniformU(Grid):
    """u = σ/(α + σ) in equal steps, in which orders show."""

    def noisy(self, path: Path, steps: int) -> Levels:
        """As `Grid` has it."""
        high, low = float(_noisiest(path).u), float(_lowest(path).u)
        count = steps if low > 0 else steps + 1
        u = _down(high, low, count)[:steps]
        return _of_ratios(path, u / (1 - u))


GridName = Literal["trailing", "linspace", "leading", "rho", "log_snr", "u"]
GRIDS: dict[str, Grid] = {
    "trailing": Trailing(),
    "linspace": Linspace(),
    "leading": Leading(),
    "rho": Rho(rho=7),
    "log_snr": LogSNR(),
    "u": UniformU(),
}
"""The grids that have a name."""


def _down(high: float, low: float, count: int) -> Tensor:
    return torch.linspace(high, low, count, dtype=torch.float64)


def _of_chain(path: Path, steps: list[int]) -> Levels:
    assert path.steps is not None
    return path.at(torch.tensor(steps, dtype=torch.float64) / path.steps)


def _noisiest(path: Path) -> Levels:
    return path.at(torch.ones((), dtype=torch.float64))


def _lowest(path: Path) -> Levels:
    """The least noise that the path has beside none."""
    first = 0 if path.steps is None else 1 / path.steps
    return path.at(torch.full((), first, dtype=torch.float64))


def _ends(path: Path) -> tuple[float, float]:
    """σ/α of the path's ends, or where it is cut."""
    high, low = float(_noisiest(path).ratio), float(_lowest(path).ratio)
    return (high if high < NO_DATA_LEFT else HIGHEST), (low if low > 0 else LOWEST)


def _of_ratios(path: Path, ratios: Tensor) -> Levels:
    """The path's levels at some σ/α, of which the first stands for its noisiest."""
    inner = path.at(path.time(Levels(1 / (1 + ratios[1:]), ratios[1:] / (1 + ratios[1:]))))
    first = _noisiest(path)
    return Levels(torch.cat([first.alpha.reshape(1), inner.alpha]), torch.cat([first.sigma.reshape(1), inner.sigma]))

"""Samplers of denoisers: from noise to samples along a grid of levels, chosen after training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from kantor.errors import require_positive
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Path
from kantor.samplers.grids import Grid


@dataclass(frozen=True, kw_only=True)
class DenoisingSampler(ABC):
    """A function of a denoiser.

    Attributes:
        steps: from level to level.
        grid: where the levels lie.
    """

    steps: int
    grid: Grid

    def __post_init__(self) -> None:
        require_positive(steps=self.steps)

    @abstractmethod
    def __call__(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """Samples of noisy ones.

        Args:
            denoiser: of a model, or an exact one.
            x: at the first of the levels, (n, …).
            levels: falling, each (steps + 1,); the last is (1, 0).
            rng: where further noise comes from.

        Returns:
            (n, …), at the last of the levels.
        """

    @property
    @abstractmethod
    def nfe(self) -> int:
        """Evaluations of the denoiser for a sample."""

    def describe(self) -> dict[str, Any]:
        """`sampler`, `nfe` and the settings."""
        settings = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {"sampler": type(self).__name__.lower(), "nfe": self.nfe, **settings}

    def draw(self, denoiser: Denoiser, path: Path, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """Samples from nothing but noise.

        Args:
            denoiser: of the path.
            path: which the denoiser was trained on.
            shape: (n, …).
            rng: where all noise comes from.

        Raises:
            UserError: the path has not as many levels.
        """
        return self(denoiser, path.start * rng.normal(*shape), self.grid.levels(path, self.steps), rng)


def _plain(value: object) -> object:
    """A setting as plain containers: a component by its name and its own settings."""
    if not hasattr(value, "__dataclass_fields__"):
        return value
    inner = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    name = type(value).__name__.lower()
    return {"kind": name, **inner} if inner else name

"""Samplers of denoisers: from noise to samples along levels of noise, chosen after training.

Below, t is a level and s the next one, with less noise; D is what the denoiser makes of x_t, and ε̂ = (x_t − α·D)/σ the
noise that is then in x_t.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

from torch import Tensor

from kantor.errors import UserError, require_at_least
from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Path
from kantor.samplers.clipping import Clipped
from kantor.samplers.grids import GRIDS, Grid, GridName
from kantor.samplers.guidance import Guide


@dataclass(frozen=True, kw_only=True)
class DenoisingSampler(ABC):
    """A function of a denoiser.

    Attributes:
        steps: from level to level.
        clip: whether D is kept in [-1, 1], where pictures are.
        guidance: w of `Guided`, of conditional models or with a guide; 1 for none.
        guide: the run of a worse model, or that model; None for the model itself without its labels.

    Raises:
        UserError: a setting is out of its range, or there is a guide and no guidance.
    """

    name: ClassVar[str]
    """On the command line and in cards."""

    steps: int
    clip: bool
    guidance: float
    guide: str | Guide | None

    def __post_init__(self) -> None:
        require_at_least(1, steps=self.steps)
        require_at_least(0, guidance=self.guidance)
        if self.guide is not None and self.guidance == 1:
            raise UserError(
                f"guide={self.guide}: sampler.guidance=1 asks no guide; take more, such as sampler.guidance=2"
            )

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """How often a sample's denoiser is asked."""

    @property
    def nfe(self) -> int:
        """How often a network is asked for a sample."""
        return self.evaluations if self.guidance == 1 else 2 * self.evaluations

    @property
    def needs_variance(self) -> bool:
        """Whether the denoiser has to tell a variance, too."""
        return False

    @abstractmethod
    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As a call, by a denoiser whose D is clipped where it is to be."""

    def __call__(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """Samples of noisy ones.

        Args:
            denoiser: of a model, or an exact one.
            x: at the first of the levels, (n, …).
            levels: falling, each (steps + 1,); where the last is (1, 0), the data, no noise is left.
            rng: where further noise comes from.

        Returns:
            (n, …), at the last of the levels.
        """
        return self.walk(Clipped(denoiser) if self.clip else denoiser, x, levels, rng)

    @abstractmethod
    def levels(self, path: Path) -> Levels:
        """The levels of a path that the sampler visits, from noise to data, each (steps + 1,).

        Raises:
            UserError: the path has not these.
        """

    def draw(self, denoiser: Denoiser, path: Path, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """Samples from nothing but noise.

        Args:
            denoiser: of the path.
            path: which the denoiser was trained on.
            shape: (n, …).
            rng: where all noise comes from.

        Raises:
            UserError: as `levels`.
        """
        return self(denoiser, path.start * rng.normal(*shape), self.levels(path), rng)

    def with_nfe(self, nfe: int) -> Self:
        """The same sampler with as many steps as so many evaluations allow.

        Raises:
            UserError: they allow none.
        """
        first, second = (replace(self, steps=steps).nfe for steps in (1, 2))
        if nfe < first:
            raise UserError(f"{self.name} takes at least {first} evaluations for a sample, not {nfe}")
        return replace(self, steps=1 + (nfe - first) // (second - first))

    def describe(self) -> dict[str, Any]:
        """`sampler`, `nfe` and the settings; of guidance only where there is some."""
        settings = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        guide = settings.pop("guide")
        if self.guidance == 1:
            del settings["guidance"]
        if guide is not None:
            assert not isinstance(self.guide, str | None), "it was not opened"
            settings |= {"guide": self.guide.name, "guide_digest": self.guide.digest}
        return {"sampler": self.name, "nfe": self.nfe, **settings}


@dataclass(frozen=True, kw_only=True)
class GridSampler(DenoisingSampler):
    """One that goes down from the noisiest level of a path.

    Attributes:
        grid: where the levels lie; one of `GRIDS` by its name, or one's own.
    """

    grid: Grid | GridName

    def levels(self, path: Path) -> Levels:
        """As `DenoisingSampler` has it.

        Raises:
            UserError: the path has not as many, or the grid is not made for it.
        """
        grid = GRIDS[self.grid] if isinstance(self.grid, str) else self.grid
        return grid.levels(path, self.steps)


class Around:
    """What draws by a sampler of its own, and is one to models and cards."""

    sampler: DenoisingSampler

    @property
    def guidance(self) -> float:
        """The sampler's."""
        return self.sampler.guidance

    @property
    def guide(self) -> str | Guide | None:
        """The sampler's."""
        return self.sampler.guide

    def describe(self) -> dict[str, Any]:
        """As the sampler."""
        return self.sampler.describe()


def transitions(levels: Levels) -> Iterator[tuple[Levels, Levels]]:
    """t and s for each step along levels."""
    return pairwise(levels.each(k) for k in range(len(levels.alpha)))


def noise_in(x_t: Tensor, data: Tensor, t: Levels) -> Tensor:
    """ε̂."""
    return (x_t - t.alpha * data) / t.sigma


def noise_like(x: Tensor, rng: Rng) -> Tensor:
    """Standard normal numbers for samples like x."""
    return rng.normal(*x.shape).to(x)


def _plain(value: object) -> object:
    """A setting as plain containers: a component by its name and its own settings."""
    if not hasattr(value, "__dataclass_fields__"):
        return value
    inner = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    name = type(value).__name__.lower()
    return {"kind": name, **inner} if inner else name

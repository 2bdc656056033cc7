"""A walk from noise to a sample as it was taken: any sampler, whose denoiser is listened to."""

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from kantor.keyed import Rng
from kantor.noising.denoiser import Altered, Denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Path
from kantor.samplers.base import Around, DenoisingSampler

MOMENTS = 48
"""Of a walk that are kept, about: one of a thousand steps would fill the memory."""


class Moment(NamedTuple):
    """What the denoiser was asked, and what it said.

    Attributes:
        level: of all samples.
        x: x_t, (n, …).
        data: D(x_t), (n, …).
    """

    level: Levels
    x: Tensor
    data: Tensor


@dataclass
class Recorded(Altered):
    """A denoiser that keeps what it was asked: of calls at one level the last, of many levels each second, fourth, ….

    Attributes:
        denoiser: who answers.
        moments: from noise to data.
    """

    denoiser: Denoiser
    moments: list[Moment] = field(default_factory=list)
    _stride: int = 1
    _place: int = -1
    _level: Levels | None = None

    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """The same."""
        again = self._level is not None and bool((level.sigma == self._level.sigma).all())
        self._place, self._level = self._place + (not again), level
        if self._place % self._stride == 0:
            kept = self.moments[:-1] if again else self.moments
            self.moments = [*kept, Moment(level, x, data)]
            if len(self.moments) > 2 * MOMENTS:
                self.moments, self._stride = self.moments[::2], 2 * self._stride
        return data


@dataclass
class Watched(Around):
    """A sampler, and the walk of what it drew last.

    Attributes:
        sampler: who draws.
        moments: from noise to data, without the samples themselves.
    """

    sampler: DenoisingSampler
    moments: list[Moment] = field(default_factory=list)

    def draw(self, denoiser: Denoiser, path: Path, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """As the sampler."""
        recorded = Recorded(denoiser)
        samples = self.sampler.draw(recorded, path, shape, rng)
        self.moments = recorded.moments
        return samples

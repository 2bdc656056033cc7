"""Drawing a given sample anew: part of it, from a level of noise, or both.

Where a sample is known, the denoiser need not guess: D is the sample there, and that part of x_t is the sample with the
noise of its level all the way. What is drawn around it is guessed from that noisy part, and the less so the later it
clears up: samplers that draw noise make it fit better than those that do not, and steps at each level (annealed
Langevin) better than one walk down. From a level of noise: the sample is noised up to it and walked back (SDEdit: Meng
et al. 2022, arXiv:2108.01073); the less noise, the more of it stays.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.noising.denoiser import Altered, Denoiser
from kantor.noising.levels import Levels, noised
from kantor.noising.path import Path
from kantor.samplers.base import Around, DenoisingSampler


@dataclass(frozen=True)
class Inpainted(Altered):
    """A denoiser that knows part of the sample.

    Attributes:
        denoiser: for the rest.
        sample: what is known, (…), of the shape of one sample.
        drawn: bool, which of it is to be drawn and not known; broadcast to the sample.
    """

    denoiser: Denoiser
    sample: Tensor
    drawn: Tensor

    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """As `Altered` has it."""
        return torch.where(self.drawn, data, self.sample)


@dataclass(frozen=True, eq=False)
class Redrawing(Around):
    """A sampler that draws one given sample anew, each time otherwise.

    Attributes:
        sampler: by whose steps.
        path: on which they are.
        sample: the given one, (…).
        drawn: bool, which of it is drawn anew; None for all.
        strength: from which time on the path, in (0, 1]; 1 is nothing but noise.

    Raises:
        UserError: the strength is out of its range, or below the lowest level that the sampler visits.
    """

    sampler: DenoisingSampler
    path: Path
    sample: Tensor
    drawn: Tensor | None
    strength: float

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise UserError(f"strength={self.strength}: expected a number in (0, 1], 1 for nothing but noise")
        if len(self.levels.alpha) == 1:
            raise UserError(
                f"strength={self.strength}: none of the sampler's {self.sampler.steps} steps begins so low; take more "
                "strength, or more sampler.steps"
            )

    @cached_property
    def levels(self) -> Levels:
        """Those of the sampler's that are no higher than the strength, and the sample itself."""
        levels = self.sampler.levels(self.path)
        times = self.path.time(Levels(levels.alpha[:-1], levels.sigma[:-1]))
        first = int((times > self.strength + 1e-9).sum())
        return Levels(levels.alpha[first:], levels.sigma[first:])

    def describe(self) -> dict[str, Any]:
        """What the sampler says, of the steps that are left of its own."""
        left = replace(self.sampler, steps=len(self.levels.alpha) - 1)
        return self.sampler.describe() | {"nfe": left.nfe, "strength": self.strength}

    def draw(self, denoiser: Denoiser, path: Path, shape: tuple[int, ...], rng: Rng) -> Tensor:
        """As a sampler does, (n, …); what is known stays as it is."""
        noise = rng.normal(*shape)
        sample = self.sample.to(noise)
        begun = noised(sample, noise, self.levels.each(0))
        if self.drawn is None:
            return self.sampler(denoiser, begun, self.levels, rng)
        drawn = self.drawn.to(noise.device)
        return torch.where(drawn, self.sampler(Inpainted(denoiser, sample, drawn), begun, self.levels, rng), sample)

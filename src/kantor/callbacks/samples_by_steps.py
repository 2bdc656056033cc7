"""The same noise, more and more steps: how many a sampler needs."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kantor.callbacks import strips
from kantor.callbacks.denoising import DenoisingPicture
from kantor.callbacks.pictures import Drawing
from kantor.errors import UserError, require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser
from kantor.noising.path import Path
from kantor.samplers.base import DenoisingSampler


@dataclass(eq=False, kw_only=True)
class SamplesBySteps(DenoisingPicture):
    """In each row one noise, in each column a number of steps of the run's sampler.

    Attributes:
        steps: numbers, rising; those that the path or the sampler's grid has not are left out.

    Raises:
        UserError: a size is not positive, or the numbers do not rise.
    """

    steps: Sequence[int]

    name = "samples_by_steps"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(steps=min(self.steps, default=0))
        if sorted(set(self.steps)) != list(self.steps):
            raise UserError(f"steps={list(self.steps)}: expected numbers that rise, such as [1,2,5,10]")

    def draw(self, model: GenerativeModel) -> Drawing:
        """The model as it is now."""
        assert isinstance(model, HasDenoiser)
        samplers = self.samplers(model.path)
        states = [self.drawn(model, sampler)[0] for sampler in samplers]
        headings = [f"{one.steps} step{'' if one.steps == 1 else 's'}" for one in samplers]
        name = self.sampler.describe()["sampler"]
        words = f"the same noise by {name} ({self.scene.caption(model)})"
        return strips.draw([strips.Strip("samples", states)], headings, words, extent=self.extent)

    def samplers(self, path: Path) -> list[DenoisingSampler]:
        """With each of the numbers; the run's own where none is to be had."""
        found = []
        for sampler in (replace(self.sampler, steps=steps) for steps in self.steps):
            with suppress(UserError):
                sampler.levels(path)
                found.append(sampler)
        return found or [self.sampler]

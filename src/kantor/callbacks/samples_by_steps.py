"""The same noise, more and more steps: how many a sampler needs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kantor.callbacks import strips
from kantor.callbacks.denoising import DenoisingPicture
from kantor.callbacks.pictures import Drawing
from kantor.errors import UserError, require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser


@dataclass(eq=False, kw_only=True)
class SamplesBySteps(DenoisingPicture):
    """In each row one noise, in each column a number of steps of the run's sampler.

    Attributes:
        steps: numbers, rising; a chain is left without those that it has not.

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
        there = [steps for steps in self.steps if model.path.steps is None or steps <= model.path.steps]
        samplers = [replace(self.sampler, steps=steps) for steps in there]
        states = [self.drawn(model, sampler)[0] for sampler in samplers]
        headings = [f"{steps} step{'' if steps == 1 else 's'}" for steps in there]
        name = self.sampler.describe()["sampler"]
        words = f"the same noise by {name} ({self.scene.caption(model)})"
        return strips.draw([strips.Strip("samples", states)], headings, words, extent=self.extent)

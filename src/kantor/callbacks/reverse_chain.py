"""The reverse chain: how samples come out of noise, and what the denoiser takes for them on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from kantor.callbacks import strips
from kantor.callbacks.denoising import DenoisingPicture
from kantor.callbacks.pictures import Drawing, rendered, write_animation
from kantor.errors import require_at_least
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser
from kantor.report.pictures import evenly


@dataclass(eq=False, kw_only=True)
class ReverseChain(DenoisingPicture):
    """x_t, and below it what the denoiser takes for the sample, D(x_t) or x̂₀, at some of the levels that the sampler
    visits; at the end all that were kept as figures/reverse_chain.gif.

    Attributes:
        columns: levels, the last of which is the sample.

    Raises:
        UserError: a size is out of range.
    """

    columns: int

    name = "reverse_chain"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, columns=self.columns)

    def draw(self, model: GenerativeModel) -> Drawing:
        """The strip, by the model as it is now."""
        states, headings = self._walk(model)
        chosen = evenly(range(len(headings)), self.columns)
        rows = [strips.Strip(one.words, [one.states[place] for place in chosen], one.colour) for one in states]
        return strips.draw(rows, [headings[place] for place in chosen], self.way(model), extent=self.extent)

    def finish(self, model: GenerativeModel) -> None:
        """The animation."""
        states, headings = self._walk(model)
        write_animation(self._frames(model, states, headings), self.path(model).with_suffix(".gif"))

    def _walk(self, model: GenerativeModel) -> tuple[list[strips.Strip], list[str]]:
        """x_t and D(x_t) at every moment that was kept, and the samples; and what each is called."""
        assert isinstance(model, HasDenoiser)
        samples, moments = self.drawn(model)
        headings = [*(strips.named(one.level, model.path) for one in moments), "sample"]
        noisy = [*(strips.in_view(one.x, one.level) for one in moments), samples]
        guesses = [*(one.data for one in moments), samples]
        return [strips.Strip("x_t", noisy), strips.Strip("D(x_t)", guesses, strips.GUESSED)], headings

    def _frames(self, model: GenerativeModel, states: list[strips.Strip], headings: list[str]) -> Iterator[Image.Image]:
        for place, heading in enumerate(headings):
            yield rendered(strips.frame(states, place, f"{heading} ({self.scene.caption(model)})", extent=self.extent))

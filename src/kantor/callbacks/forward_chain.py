"""The forward chain: how samples of the data become noise. It knows no network."""

from dataclasses import dataclass

from matplotlib.figure import Figure
from PIL import Image

from kantor import keyed
from kantor.callbacks import strips
from kantor.callbacks.denoising import DenoisingPicture
from kantor.errors import require_at_least
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser
from kantor.noising.levels import noised
from kantor.report.palette import REAL


@dataclass(eq=False, kw_only=True)
class ForwardChain(DenoisingPicture):
    """In each row a training sample at times from 0 to 1, with one noise; drawn once, before the first step.

    Attributes:
        columns: times.

    Raises:
        UserError: a size is out of range.
    """

    columns: int

    name = "forward_chain"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(2, columns=self.columns)

    def draw(self, model: GenerativeModel) -> Image.Image | Figure | None:
        """Before the first step."""
        assert isinstance(model, HasDenoiser)
        if model.steps > 0:
            return None
        x, levels = self.real(model.device), strips.at_times(model.path, self.columns)
        noise = keyed.Rng(keyed.seed(self.scene.seed, "picture"), device=model.device).normal(*x.shape)
        states = [strips.in_view(noised(x, noise, level), level) for level in levels]
        headings = ["data", *(strips.named(level, model.path) for level in levels[1:])]
        strip = strips.Strip("x_t", states, REAL)
        return strips.draw([strip], headings, "from data to noise", extent=self.extent)

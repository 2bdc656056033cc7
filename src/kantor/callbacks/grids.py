"""Grids of samples by step: the same noise each time, so that one sees every sample come into being."""

from PIL import Image

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import ImagePicture, step_name, write_gif
from kantor.data import pixels
from kantor.data.module import BlockData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.report.pictures import evenly
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct
from kantor.samples import sheets

FRAMES, WIDTH = 60, 800
"""Of the animation, at most, the width in pixels: it has to travel inside the run's page."""


class Grids(ImagePicture):
    """Writes samples/step_NNNNNNNN.png by step, EMA samples of fixed noise, and samples/samples.gif at the end.

    Args:
        directory: whose samples/ is written.
        data: pictures.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between grids.
        side: the grid has side × side samples.

    Raises:
        UserError: the data are points, or a size is not positive.
    """

    def __init__(
        self, *, directory: RunDirectory, data: BlockData, clock: Clock, seed: int, every: int, side: int
    ) -> None:
        super().__init__(directory=directory, data=data, clock=clock, seed=seed, every=every)
        require_positive(side=side)
        self.side = side

    def draw(self, model: GenerativeModel) -> None:
        """One grid of the model as it is now."""
        rng = keyed.Rng(keyed.seed(self.seed, "picture"), device=model.device)
        samples = pixels.to_uint8(Sampling(model.default_weights, Direct())(model, self.side**2, rng=rng))
        grid = sheets.titled(sheets.tile(samples, self.side), f"step {model.steps:,}")
        with replacing(self.directory.samples / step_name(model.steps)) as temporary:
            sheets.beside([grid]).save(temporary, format="PNG", optimize=True)

    def finish(self, model: GenerativeModel) -> None:
        """The animation of the grids, of at most `FRAMES` of them."""
        frames = evenly(sorted(self.directory.samples.glob("step_*.png")), FRAMES)
        if frames:
            with Image.open(frames[-1]) as last:
                reduce = -(-last.width // WIDTH)
            write_gif(frames, self.directory.samples / "samples.gif", reduce=reduce)

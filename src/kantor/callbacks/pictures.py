"""What every callback that draws has in common: it is due now and then, draws on rank 0, and the clock stands still."""

from abc import abstractmethod
from pathlib import Path

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.trigger import due
from kantor.data.images import ImageData
from kantor.data.module import BlockData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.runs.directory import RunDirectory


class Picture(pl.Callback):
    """Draws every `every` steps, before the first, and after the last.

    Args:
        directory: whose samples/ and figures/ are written.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between pictures.
    """

    def __init__(self, *, directory: RunDirectory, clock: Clock, seed: int, every: int) -> None:
        require_positive(every=every)
        self.directory, self.clock, self.seed, self.every = directory, clock, seed, every

    @abstractmethod
    def draw(self, model: GenerativeModel) -> None:
        """Draw the model as it is now."""

    def finish(self, model: GenerativeModel) -> None:
        """Draw what needs all steps; called once when training ends."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The picture before the first step."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.is_global_zero and pl_module.steps == 0:
            with self.clock.paused():
                self.draw(pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Draw if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.is_global_zero and due(trainer, pl_module, self.every):
            with self.clock.paused():
                self.draw(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The pictures that need all steps."""
        assert isinstance(pl_module, GenerativeModel)
        if trainer.is_global_zero:
            with self.clock.paused():
                self.finish(pl_module)


class ImagePicture(Picture):
    """A `Picture` of images.

    Args:
        directory: whose samples/ and figures/ are written.
        data: pictures.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between pictures.

    Attributes:
        images: the data.

    Raises:
        UserError: the data are points.
    """

    def __init__(self, *, directory: RunDirectory, data: BlockData, clock: Clock, seed: int, every: int) -> None:
        super().__init__(directory=directory, clock=clock, seed=seed, every=every)
        self.images = ImageData.require(data, purpose="it draws", remedy="pictures=points")


def step_name(step: int) -> str:
    """The file name of a picture, so that names sort by step."""
    return f"step_{step:08d}.png"


def write_gif(frames: list[Path], path: Path, *, seconds: float = 6.0, reduce: int = 1) -> None:
    """Put pictures of equal size together as an endless animation of about `seconds`; the last is held for 2 s more.

    Args:
        frames: PNG files; none of them: nothing is written.
        path: of the GIF.
        seconds: without the last frame.
        reduce: how many pixels, along each axis, become one.
    """
    from PIL import Image

    from kantor.atomic import replacing

    if not frames:
        return
    images = []
    for frame in frames:
        with Image.open(frame) as image:
            small = image.convert("RGB").reduce(reduce)
            octree = small.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            images.append(octree)  # median cut spends its colours on the background, and dulls the points
    each = max(40, int(1000 * seconds / len(images)))
    with replacing(path) as temporary:
        images[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=[each] * (len(images) - 1) + [each + 2000],
            loop=0,
        )

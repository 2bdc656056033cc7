"""Real images beside generated ones."""

import numpy as np

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.data.module import BlockData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct
from kantor.samples import sheets


class SideBySide(ImagePicture):
    """Writes figures/real_and_generated.png, anew each time: training images on the left, EMA samples on the right.

    Args:
        directory: whose figures/ is written.
        data: pictures.
        clock: stands still meanwhile.
        seed: the run's seed; the real images and the noise are the same each time.
        every: steps between versions.
        side: side × side images of either kind.

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
        """The model as it is now, beside the data."""
        train = self.images.train
        philox = np.random.Philox(key=keyed.seed(self.seed, "picture real"))
        chosen = np.random.Generator(philox).permutation(len(train))[: self.side**2]
        rng = keyed.Rng(keyed.seed(self.seed, "picture"), device=model.device)
        generated = pixels.to_uint8(Sampling(model.default_weights, Direct())(model, self.side**2, rng=rng))
        panels = [
            sheets.titled(sheets.tile(train.take(chosen), self.side), "real (training)"),
            sheets.titled(sheets.tile(generated, self.side), f"generated (EMA, step {model.steps:,})"),
        ]
        with replacing(self.directory.figures / "real_and_generated.png") as temporary:
            sheets.beside(panels).save(temporary, format="PNG", optimize=True)

"""Real images beside generated ones."""

from dataclasses import dataclass

from PIL import Image

from kantor import keyed
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.samples import sheets


@dataclass(eq=False, kw_only=True)
class SideBySide(ImagePicture):
    """Training images on the left, samples on the right; the same images and the same noise each time.

    Attributes:
        side: side × side images of either kind.

    Raises:
        UserError: a size is not positive.
    """

    side: int

    name = "real_and_generated"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(side=self.side)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now, beside the data."""
        train = self.images.train
        chosen = keyed.generator(self.scene.seed, "picture real").permutation(len(train))[: self.side**2]
        generated = pixels.to_uint8(self.scene.samples(model, self.side**2))
        panels = [
            sheets.titled(sheets.tile(train.take(chosen), self.side), "real (training)"),
            sheets.titled(sheets.tile(generated, self.side), f"generated ({self.scene.caption(model)})"),
        ]
        return sheets.beside(panels)

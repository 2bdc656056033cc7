"""Held-out pictures, and what encoder and decoder make of them."""

from dataclasses import dataclass

from PIL import Image

from kantor.callbacks.codes import CodePicture
from kantor.data import pixels
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasCode
from kantor.samples import sheets


@dataclass(eq=False, kw_only=True)
class Reconstructions(CodePicture):
    """Held-out pictures, below them what the model observes of them where that is binary, and what is decoded of their
    latent vectors."""

    name = "reconstructions"

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now."""
        assert isinstance(model, HasCode)
        real, observed, z, _ = self.codes(model)
        rows = {"held out": real}
        if model.observation.observes == "binary":
            rows["binary"] = pixels.to_uint8(2 * observed - 1)
        rows["reconstructed"] = self.decoded(model, z)
        blocks = [sheets.titled(sheets.tile(images, len(images)), words) for words, images in rows.items()]
        return sheets.beside([sheets.titled(sheets.under(blocks), self.scene.caption(model))])

"""Grids of samples by step: the same noise each time, so that one sees every sample come into being."""

from dataclasses import dataclass

from PIL import Image

from kantor.callbacks.pictures import CLASSES, ImagePicture, Series, in_turn
from kantor.data import pixels
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.samples import sheets


@dataclass(eq=False, kw_only=True)
class Grids(Series, ImagePicture):
    """Samples of fixed noise, in a square; of a conditional model one class in each column.

    Attributes:
        side: samples in a column, and in a row where there are no classes.

    Raises:
        UserError: a size is not positive.
    """

    side: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(side=self.side)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """One grid of the model as it is now."""
        if model.classes is None:
            grid = sheets.tile(pixels.to_uint8(self.scene.samples(model, self.side**2)), self.side)
            return sheets.beside([sheets.titled(grid, self.scene.caption(model))])
        columns = min(model.classes, CLASSES)
        n = self.side * columns
        samples = pixels.to_uint8(self.scene.samples(model, n, condition=in_turn(model, n)))  # row by row
        grid = sheets.headed(sheets.tile(samples, columns), [str(label) for label in range(columns)])
        return sheets.beside([sheets.titled(grid, f"{self.scene.caption(model)}, by class")])

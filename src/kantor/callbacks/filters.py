"""What each unit of a network looks for, as pictures: the weights between it and the pixels."""

from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasFilters
from kantor.samples import sheets


@dataclass(eq=False, kw_only=True)
class Filters(ImagePicture):
    """The units whose weights are largest, the largest first; grey is 0, and black and white are the largest of all.

    Attributes:
        rows, columns: of units, at most.

    Raises:
        UserError: a size is not positive.
    """

    rows: int
    columns: int

    name = "filters"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(rows=self.rows, columns=self.columns)

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs weights that are as large as a picture."""
        if not isinstance(model, HasFilters) or model.filters(model.weights(self.scene.sampling.weights)) is None:
            return f"units with a weight for each pixel are expected, {type(model).__name__} has none"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now."""
        assert isinstance(model, HasFilters)
        found = model.filters(model.weights(self.scene.sampling.weights))
        assert found is not None
        shown, largest = strongest(found, self.rows * self.columns)
        sheet = sheets.tile(pixels.to_uint8(shown / largest.clamp(min=1e-12)), self.columns)
        count = f"weights of {len(shown)} of {len(found)} units, white is {float(largest):.2g}"
        words = f"{count} ({self.scene.caption(model)})"
        return sheets.beside([sheets.titled(sheet, words)])


def strongest(weights: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n of weights (N, C, H, W) whose squares sum to most, and the largest absolute value of all."""
    order = weights.square().flatten(1).sum(1).argsort(descending=True, stable=True)
    return weights[order[:n]], weights.abs().max()

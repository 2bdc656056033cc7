"""A walk along single latent dimensions: what each of them changes in a picture."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from kantor.callbacks.codes import CodePicture
from kantor.callbacks.pictures import write_animation
from kantor.errors import require_at_least, require_positive
from kantor.models.base import GenerativeModel
from kantor.samples import sheets

SHOWN = 4
"""Pictures that the animation walks from."""


@dataclass(eq=False, kw_only=True)
class Traversal(CodePicture):
    """In each row one dimension of the first held-out picture's latent vector goes from -reach to reach standard
    deviations of what it is over held-out pictures; at the end the same of some pictures as figures/traversal.gif.

    Attributes:
        dimensions: how many, those that vary most.
        columns: places on the way.
        reach: how far, in standard deviations.

    Raises:
        UserError: a size is out of range.
    """

    dimensions: int
    columns: int
    reach: float

    name = "traversal"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(dimensions=self.dimensions, reach=self.reach)
        require_at_least(2, columns=self.columns)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now."""
        walked = self.walked(model)  # (SHOWN, dimensions, columns, dim)
        images = self.decoded(model, walked[0].flatten(0, 1))
        return self._titled(model, sheets.tile(images, self.columns))

    def finish(self, model: GenerativeModel) -> None:
        """The animation, there and back."""
        walked = self.walked(model)
        there = list(range(self.columns))
        frames = self._frames(model, walked, [*there, *there[-2:0:-1]])
        write_animation(frames, self.path(model).with_suffix(".gif"))

    def walked(self, model: GenerativeModel) -> Tensor:
        """The latent vectors on the way, (pictures, dimensions, columns, dim)."""
        z = self.codes(model).z
        deviation, chosen = z.std(0).sort(descending=True)
        chosen = chosen[: self.dimensions]
        way = torch.linspace(-self.reach, self.reach, self.columns, device=z.device)
        starts = z[:SHOWN]
        whole = starts[:, None, None].repeat(1, len(chosen), self.columns, 1)
        for row, dimension in enumerate(chosen.tolist()):
            whole[:, row, :, dimension] = z[:, dimension].mean() + way * deviation[row]
        return whole

    def _frames(self, model: GenerativeModel, walked: Tensor, places: list[int]) -> Iterator[Image.Image]:
        for place in places:
            images = self.decoded(model, walked[:, :, place].transpose(0, 1).flatten(0, 1))  # dimension by dimension
            yield self._titled(model, sheets.tile(images, len(walked)))

    def _titled(self, model: GenerativeModel, sheet: Image.Image) -> Image.Image:
        return sheets.beside([sheets.titled(sheet, f"a dimension a row ({self.scene.caption(model)})")])

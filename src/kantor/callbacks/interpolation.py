"""From one sample to another through the latent space: a model that has understood changes little by little."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from kantor.callbacks.pictures import ImagePicture, in_turn
from kantor.data import pixels
from kantor.errors import require_at_least, require_positive
from kantor.models.base import GenerativeModel
from kantor.models.latent import Latent, Normal
from kantor.models.protocols import HasLatentSpace
from kantor.samples import sheets

Path = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(a, b, t): from each row of a, (n, dim), at t = 0 to that of b at t = 1, for t (m,): (n, m, dim)."""


def linear(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(1 - t)·a + t·b, (n, m, dim)."""
    t = t[:, None]  # (m, 1)
    return (1 - t) * a[:, None] + t * b[:, None]


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(sin((1 - t)ω)·a + sin(tω)·b) / sin ω with ω the angle between a and b, (n, m, dim).

    Normal noise has a length near √dim, which a straight line between two vectors falls short of (White 2016,
    arXiv:1609.04468, section 2.1). Where a and b point the same or opposite ways the path is straight.
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1)[:, None, None].clamp(-1, 1)
    omega = cosine.acos()  # (n, 1, 1)
    t_ = t[:, None]  # (m, 1)
    curved = (((1 - t_) * omega).sin() * a[:, None] + (t_ * omega).sin() * b[:, None]) / omega.sin()
    return torch.where(omega.sin().abs() > 1e-4, curved, linear(a, b, t))


def path_through(latent: Latent) -> Path:
    """Along which vectors stay likely: spherical for normal noise, linear for uniform (and any other)."""
    return spherical if isinstance(latent, Normal) else linear


@dataclass(eq=False, kw_only=True)
class Interpolation(ImagePicture):
    """In each row samples on the way between two latent vectors, the same each time; of a conditional model each row
    stays in one class. Where a latent vector is all that a sample is made of, rows begin at the first of the grids.

    Attributes:
        rows: pairs of latent vectors.
        columns: images in a row, both ends included.

    Raises:
        UserError: a size is out of range.
    """

    rows: int
    columns: int

    name = "interpolation"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(rows=self.rows)
        require_at_least(2, columns=self.columns)

    def refusal(self, model: GenerativeModel) -> str | None:
        """A model without a latent space has no way through it."""
        if not isinstance(model, HasLatentSpace):
            return f"a latent space is expected, {type(model).__name__} has none"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now."""
        assert isinstance(model, HasLatentSpace)
        ends = model.latent(2 * self.rows, self.scene.noise(model))  # (2·rows, dim)
        t = torch.linspace(0, 1, self.columns, device=ends.device)
        z = path_through(model.latent)(ends[: self.rows], ends[self.rows :], t).flatten(0, 1)  # (rows·columns, dim)
        labels = in_turn(model, self.rows)
        condition = None if labels is None else labels.repeat_interleave(self.columns)
        between = "between two samples" if labels is None else "between two samples of a class"
        images = pixels.to_uint8(model.decode(z, weights=self.scene.sampling.weights, condition=condition))
        words = f"{between} ({self.scene.caption(model)})"
        return sheets.beside([sheets.titled(sheets.tile(images, self.columns), words)])

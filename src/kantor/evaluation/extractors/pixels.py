"""Pixels as features: averaged where there are too many, flattened."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from kantor.errors import require_positive
from kantor.evaluation.extractors.base import Features, check_images


@dataclass(frozen=True)
class Pixels:
    """The pixels themselves, as levels / 256, flattened.

    Divided by 256 rather than 255, levels and their averages over 2 × 2 or 4 × 4 pixels are binary fractions, whose
    inner products float64 holds exactly: distances do not depend on threads or machine, and ties are ties.

    Attributes:
        size: pixels along each side down to which larger pictures are averaged; None leaves all as they are.

    Raises:
        UserError: the size is not positive.
    """

    size: int | None
    classes: ClassVar[None] = None

    def __post_init__(self) -> None:
        if self.size is not None:
            require_positive(size=self.size)

    def __call__(self, images: Tensor) -> Features:
        """Features in [0, 1), float64 (n, C*h*w), of uint8 images (n, C, H, W); no logits.

        Raises:
            UserError: the images are no such pictures.
        """
        check_images(images, name="pixels", channels=())
        levels = images.double()
        for dim in (2, 3):
            if self.size is not None and images.shape[dim] > self.size:
                weights = area_weights(images.shape[dim], self.size).to(levels.device)
                levels = torch.tensordot(levels, weights, dims=([dim], [1])).movedim(-1, dim)
        return Features(levels.div_(256).flatten(1), None)

    def identity(self) -> dict[str, Any]:
        """What determines the features."""
        return {"name": "pixels", **asdict(self), "resize": "area average", "unit": "levels / 256"}

    def prepare(self) -> None:
        """There are no weights to load."""


def area_weights(length: int, size: int) -> Tensor:
    """The matrix (size, length), float64, that averages `length` pixels over `size` equal stretches, size ≤ length.

    Row i holds the shares of pixels in the stretch from i·length/size to (i+1)·length/size; each row adds up to 1.
    """
    edges = torch.arange(size + 1, dtype=torch.float64) * length / size
    pixels = torch.arange(length, dtype=torch.float64)
    covered = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return covered.clamp_(min=0) * size / length

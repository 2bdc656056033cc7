"""Samples beside the training images nearest to them: a model that copies its data shows it here."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kantor import keyed
from kantor.callbacks.pictures import ImagePicture, in_turn
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.samples import sheets

SEARCHED = 20_000
"""Training images that are compared, at most."""

BLOCK = 500
"""Training images in memory at once."""


def nearest(queries: Tensor, images: ImageSet, rows: np.ndarray, k: int, *, mirrored: bool) -> Tensor:
    """The training images nearest to each query, by the Euclidean distance of their pixels.

    Args:
        queries: uint8 (n, C, H, W), on the device that computes.
        images: where to look.
        rows: which of them, ascending int64 (m,), m ≥ k.
        k: how many are wanted of each.
        mirrored: whether an image is as near as its mirror image is.

    Returns:
        Their indices in `images`, nearest first, int64 (n, k).
    """
    x = pixels.to_model(queries)
    x = torch.stack([x, x.flip(-1)] if mirrored else [x]).flatten(2)  # (1 or 2, n, C·H·W)
    distances = torch.empty(len(queries), 0, device=x.device)
    indices = torch.empty(len(queries), 0, dtype=torch.int64, device=x.device)
    for start in range(0, len(rows), BLOCK):
        here = rows[start : start + BLOCK]
        y = pixels.to_model(images.take(here).to(x.device)).flatten(1)  # (block, C·H·W)
        squared = x.square().sum(2, keepdim=True) + y.square().sum(1) - 2 * x @ y.T  # (1 or 2, n, block)
        distances = torch.cat([distances, squared.amin(0)], dim=1)
        indices = torch.cat([indices, torch.from_numpy(here).to(x.device).expand(len(queries), -1)], dim=1)
        kept = distances.topk(min(k, distances.shape[1]), largest=False).indices
        distances, indices = distances.gather(1, kept), indices.gather(1, kept)
    return indices


@dataclass(eq=False, kw_only=True)
class Neighbours(ImagePicture):
    """In each row a sample, then the training images nearest to it; the samples are the first of the grids.

    At most `SEARCHED` training images are compared, the same each time; when images are mirrored while training, their
    mirror images are too. Pixels know nothing of content: a shifted copy is far away.

    Attributes:
        samples: how many.
        neighbours: of each.

    Raises:
        UserError: a size is not positive.
    """

    samples: int
    neighbours: int

    name = "neighbours"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(samples=self.samples, neighbours=self.neighbours)

    def draw(self, model: GenerativeModel) -> Image.Image:
        """The model as it is now."""
        train = self.images.train
        rows = np.sort(keyed.generator(self.scene.seed, "neighbours").permutation(len(train))[:SEARCHED])
        generated = pixels.to_uint8(self.scene.samples(model, self.samples, condition=in_turn(model, self.samples)))
        k = min(self.neighbours, len(rows))
        closest = nearest(generated, train, rows, k, mirrored=self.images.flip).cpu()
        searched = f"{'all ' if len(rows) == len(train) else ''}{len(rows):,}"
        words = f"nearest of {searched} training images ({self.scene.caption(model)})"
        panels = [
            sheets.titled(sheets.tile(generated, 1), "sample"),
            sheets.titled(sheets.tile(train.take(closest.flatten().numpy()), k), words),
        ]
        return sheets.beside(panels, gap=2 * sheets.MARGIN)

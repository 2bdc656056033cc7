"""Samples beside the training images nearest to them: a model that copies its data shows it here."""

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import ImagePicture
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.data.module import BlockData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct
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


class Neighbours(ImagePicture):
    """Writes figures/neighbours.png, anew each time: in each row an EMA sample, then the training images nearest to it.

    At most `SEARCHED` training images are compared, the same each time; when images are mirrored while training, their
    mirror images are too. Pixels know nothing of content: a shifted copy is far away.

    Args:
        directory: whose figures/ is written.
        data: pictures.
        clock: stands still meanwhile.
        seed: the run's seed; the noise is the same as that of the grids.
        every: steps between versions.
        samples: how many.
        neighbours: of each.

    Raises:
        UserError: the data are points, or a size is not positive.
    """

    def __init__(
        self,
        *,
        directory: RunDirectory,
        data: BlockData,
        clock: Clock,
        seed: int,
        every: int,
        samples: int,
        neighbours: int,
    ) -> None:
        super().__init__(directory=directory, data=data, clock=clock, seed=seed, every=every)
        require_positive(samples=samples, neighbours=neighbours)
        self.samples, self.neighbours = samples, neighbours

    @torch.no_grad()
    def draw(self, model: GenerativeModel) -> None:
        """The model as it is now."""
        train = self.images.train
        philox = np.random.Philox(key=keyed.seed(self.seed, "neighbours"))
        rows = np.sort(np.random.Generator(philox).permutation(len(train))[:SEARCHED])
        rng = keyed.Rng(keyed.seed(self.seed, "picture"), device=model.device)
        generated = pixels.to_uint8(Sampling(model.default_weights, Direct())(model, self.samples, rng=rng))
        k = min(self.neighbours, len(rows))
        found = nearest(generated, train, rows, k, mirrored=self.images.flip).cpu()
        words = f"nearest of {'all ' if len(rows) == len(train) else ''}{len(rows):,} training images"
        panels = [
            sheets.titled(sheets.tile(generated, 1), "sample"),
            sheets.titled(sheets.tile(train.take(found.flatten().numpy()), k), words),
        ]
        with replacing(self.directory.figures / "neighbours.png") as temporary:
            sheets.beside(panels, gap=2 * sheets.MARGIN).save(temporary, format="PNG", optimize=True)

"""How the features of a data set's pictures are made: by which extractor, and how many at once."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kantor.data.images import ImageSet
from kantor.evaluation.extractors.base import Extractor, Features
from kantor.evaluation.feature_cache import as_chunk, from_chunk, joined_chunks, real_features
from kantor.evaluation.generation import Chunk
from kantor.models.base import GenerativeModel
from kantor.progress_bar import ProgressBar


@dataclass(frozen=True)
class PictureFeatures:
    """An extractor at work.

    Attributes:
        extractor: makes the features.
        chunk: pictures that are in memory at once.
    """

    extractor: Extractor
    chunk: int

    def of_chunk(self, pictures: Tensor) -> Chunk:
        """Of uint8 pictures (n, C, H, W), on their device."""
        return as_chunk(self.extractor(pictures))

    def of_arrays(self, pictures: np.ndarray) -> Features:
        """Of uint8 pictures (n, C, H, W) in memory, with a bar."""
        with ProgressBar("features", len(pictures), unit="pictures") as bar:
            found = []
            for start in range(0, len(pictures), self.chunk):
                part = torch.from_numpy(pictures[start : start + self.chunk])
                found.append(self.of_chunk(part))
                bar.add(len(part))
        return from_chunk(joined_chunks(found))

    def of_real(
        self, images: ImageSet, rows: np.ndarray, *, device: torch.device, title: str = "", shown: bool = False
    ) -> Features:
        """Of the pictures at int64 rows (n,), kept in kantor's cache.

        Args:
            images: where they are.
            rows: which.
            device: where they are made.
            title: of the bar.
            shown: whether there is one.
        """
        return real_features(
            images,
            rows,
            self.extractor,
            chunk=self.chunk,
            device=device,
            bar=ProgressBar(title, len(rows), unit="pictures", shown=shown),
        )


def device_of(model: GenerativeModel) -> torch.device:
    """Where features of a model's pictures are made, and those of real ones: float64 is needed, which MPS lacks."""
    return model.device if model.device.type == "cuda" else torch.device("cpu")

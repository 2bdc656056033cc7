"""Bright corners."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kantor.data.images import ImageData, ImageSet


@dataclass(eq=False, kw_only=True)
class Corners(ImageData):
    count: int
    side: int
    licence: ClassVar[str] = "none"

    @property
    def sample_shape(self):
        return 1, self.side, self.side

    def describe(self):
        return {"kind": "corners", "count": self.count, "side": self.side}

    def load(self, split):
        rng = np.random.default_rng(split == "train")
        pictures = rng.integers(0, 90, (self.count, 1, self.side, self.side)).astype(np.uint8)
        half = self.side // 2
        for picture, corner in zip(pictures, rng.integers(4, size=self.count), strict=True):
            picture[0, corner // 2 * half :, corner % 2 * half :][:half, :half] += 150
        return ImageSet(pictures)

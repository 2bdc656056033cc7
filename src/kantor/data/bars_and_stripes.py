"""Bars and stripes (MacKay 2003, section 43.4): black and white pictures, of which a fair coin chooses rows or columns,
and another one for each of them whether it is on. Every probability is known, and so is the most that a model can
reach.

Of s × s pixels there are 2·2^s equally likely throws and 2·2^s - 2 different pictures: all off and all on come from
rows and from columns."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kantor.data.images import ImageData, ImageSet, Split
from kantor.errors import UserError

LARGEST = 8
"""Pixels along a side: 512 throws."""

COPIES: dict[Split, int] = {"train": 64, "test": 32}
"""Of each throw: with as many of each, a mean over the pictures is one over the law itself."""


@dataclass(eq=False, kw_only=True)
class BarsAndStripes(ImageData):
    """All throws, equally often.

    Attributes:
        image_size: s.

    Raises:
        UserError: it is out of its range.
    """

    image_size: int

    licence: ClassVar[str] = "made by kantor, none needed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.image_size <= LARGEST:
            raise UserError(f"image_size={self.image_size}: expected 2 to {LARGEST} pixels along a side")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(1, s, s)."""
        return 1, self.image_size, self.image_size

    @property
    def entropy(self) -> float:
        """Of the law of the pictures, nats: no model's mean log-likelihood is above minus this."""
        throws = 2 ** (self.image_size + 1)
        return math.log(throws) - 4 / throws * math.log(2)  # two pictures come from two throws each

    @property
    def split_rule(self) -> str:
        """The same throws."""
        return "the same pictures: the law is known, and both splits are all of it"

    def describe(self) -> dict[str, Any]:
        """The side, and how often each throw is there."""
        return {"kind": "bars and stripes", "side": self.image_size, "copies": dict(COPIES)}

    def load(self, split: Split) -> ImageSet:
        """Each throw as often as `COPIES` says."""
        return ImageSet(np.tile(throws(self.image_size), (COPIES[split], 1, 1, 1)))


def throws(side: int) -> np.ndarray:
    """The pictures of all equally likely throws, uint8 (2·2^side, 1, side, side), 0 or 255: rows, then columns."""
    bits = (np.arange(2**side)[:, None] >> np.arange(side)) & 1  # (2^side, side)
    rows = np.broadcast_to(bits[:, :, None], (2**side, side, side))
    both = np.concatenate([rows, rows.transpose(0, 2, 1)])
    return (255 * both[:, None]).astype(np.uint8)

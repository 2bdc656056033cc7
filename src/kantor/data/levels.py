"""Levels: what numbers of more than 8 bits mean, as uint8.

Files of 16 bits often hold numbers of 8, 10, 12 or 14, and then are almost black when they are taken for what they
declare. How many bits they have is a matter of a whole set: a dark picture has small numbers too. So each picture tells
its largest, and `check()` looks at all of them.
"""

import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kantor.errors import UserError

DECLARED = 16
CHOICES = (8, 10, 12, 14, 16)
"""Bits that files of 16 hold."""
NEARLY_BLACK = (1 << 12) - 1
"""Where no level is above, a set of 16 bits is not believed."""

COLOURS = re.compile(r"(LA?|RGB[AaX]?|CMYK);16[BLN]?")
"""Pillow's names of layouts of which it reads the upper 8 of 16 bits."""
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a tag of TIFF, and its value


class WrongLevels(Exception):
    """Levels that no rule covers; the message says which."""


@dataclass(frozen=True)
class Layout:
    """How the levels of a picture lie in its file.

    Attributes:
        names: Pillow's, of the layouts of its parts.
        white_is_zero: whether high levels are dark, in a TIFF.
    """

    names: tuple[str, ...]
    white_is_zero: bool

    @classmethod
    def of(cls, image: Image.Image) -> "Layout":
        """That of an image that is not loaded yet."""
        arguments = [tile[3] for tile in getattr(image, "tile", [])]
        names = [one[0] if isinstance(one, tuple) and one else one for one in arguments]
        photometric = getattr(image, "tag_v2", {}).get(PHOTOMETRIC)
        return cls(tuple(name for name in names if isinstance(name, str)), photometric == WHITE_IS_ZERO)

    @property
    def has_colours_of_16_bits(self) -> bool:
        """Whether Pillow reads the upper half of each level alone."""
        return any(COLOURS.fullmatch(name) for name in self.names)

    @property
    def declared(self) -> int:
        """Bits of a picture of mode I, by its file."""
        return 12 if any(name.startswith("I;12") for name in self.names) else DECLARED


def upper_half(image: Image.Image, bits: int | None) -> int:
    """The largest level that a picture of 16-bit colours may hold, of which Pillow has read the upper 8 bits.

    Raises:
        WrongLevels: they are said to have fewer bits, so that nothing was read.
    """
    if bits not in (None, DECLARED):
        raise WrongLevels(f"16-bit colours of {bits} bits cannot be read; save them with 8")
    highest = [int(image.getchannel(band).getextrema()[1]) for band in image.getbands() if band not in "AaX"]  # type: ignore[arg-type]
    return max(highest) * 256 + 255


def grey(image: Image.Image, layout: Layout, bits: int | None) -> tuple[Image.Image, int | None]:
    """A picture of grey levels of more than 8 bits with 8: the highest becomes 255, in between to the nearest.

    Pillow's own conversion clips at 255 in some versions.

    Args:
        image: of mode I or one that begins so.
        layout: of its file.
        bits: how many the levels have; None for as many as the file declares.

    Returns:
        It, and its largest level where its file declares 16 bits.

    Raises:
        WrongLevels: levels lie outside.
    """
    deep = layout.declared == DECLARED
    top = (1 << (bits or DECLARED if deep else layout.declared)) - 1
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > top:
        known = "" if bits in (None, DECLARED) else f", by data.bits={bits}"
        raise WrongLevels(f"grey levels from {levels.min()} to {levels.max()}, expected 0 to {top}{known}")
    largest = int(levels.max()) if deep else None
    if layout.white_is_zero:
        levels = top - levels
    eight = Image.fromarray(((levels * 255 + top // 2) // top).astype(np.uint8))
    if "icc_profile" in image.info:
        eight.info["icc_profile"] = image.info["icc_profile"]
    return eight, largest


def check(title: str, pictures: int, largest: int, *, bits: int | None, coloured: int = 0) -> None:
    """Check that a set's pictures of 16 bits have them.

    Args:
        title: of the set.
        pictures: how many of 16 bits there are.
        largest: level of them all.
        bits: as the user said; None where he did not.
        coloured: how many of them are of colours.

    Raises:
        UserError: they would be almost black.
    """
    if pictures and bits is None and 0 < largest <= NEARLY_BLACK:
        fitting = next(choice for choice in CHOICES if largest < 1 << choice)
        named = f"say how many bits they have, data.bits={fitting} (of data=folder; 16 if they are as dark as that)"
        if coloured:
            named = "say that they are as dark as that, data.bits=16 (of data=folder; fewer are not read of colours)"
        raise UserError(
            f"{title}: the {pictures:,} pictures of 16 bits hold levels up to {largest:,} of {(1 << DECLARED) - 1:,}, "
            f"and would be almost black: {named}, or save them with 8"
        )

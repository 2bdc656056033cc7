"""Encoded pictures as uint8 arrays of one size, by Pillow: the central square, resized, without trusting the file.

A file is broken when Pillow cannot read all of it, or when it declares more pixels than `MAX_PIXELS`, which is checked
before any are decoded. Of an animation the first frame counts; the orientation in EXIF is applied.
"""

import functools
import io
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 1 << 26
"""Of one picture before it is cut: 8192 × 8192, 256 MiB in memory."""

UNREAD = frozenset({"BUFR", "EPS", "FITS", "GRIB", "HDF5", "ICNS", "ICO", "MPEG", "WMF"})
"""Formats that Pillow knows by name only, or reads by starting another program; and icons, in which lies a picture that
may be larger than they declare, and is decoded with them."""

DECODER = 1
"""Goes up with every change of what becomes of a file: it is part of what the pixels are."""

BACKGROUNDS = {"black": (0, 0, 0, 255), "white": (255, 255, 255, 255)}


class BrokenImage(Exception):
    """A file that is no whole picture; the message says in what way."""


@dataclass(frozen=True)
class Decoder:
    """How the bytes of a file become an array.

    Attributes:
        image_size: height and width of the array.
        crop: side of the central square that is kept, in pixels of the file; None for its shorter side.
        mode: RGB, or L for grey (ITU-R 601-2 luma).
        alpha: the background that shows through transparent pixels.
    """

    image_size: int
    crop: int | None
    mode: Literal["RGB", "L"]
    alpha: Literal["black", "white"]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the array."""
        return 3 if self.mode == "RGB" else 1, self.image_size, self.image_size

    def describe(self) -> dict[str, Any]:
        """The settings that change a pixel, as plain containers."""
        return {**asdict(self), "filter": "bilinear, antialiased (Pillow)", "decoder": DECODER}

    def __call__(self, content: bytes) -> np.ndarray:
        """A file's picture, uint8 (C, H, W).

        Raises:
            BrokenImage: it is none.
        """
        try:
            with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BrokenImage(f"{image.width} × {image.height} pixels, more than the {MAX_PIXELS:,} allowed")
                image.load()
                return self._array(ImageOps.exif_transpose(image))
        except BrokenImage:
            raise
        except UnidentifiedImageError as error:
            raise BrokenImage("no picture in a format that can be read") from error
        except Exception as error:  # Pillow's readers raise whatever a damaged file leads them into
            raise BrokenImage(f"{type(error).__name__}: {error}") from error

    def _array(self, image: Image.Image) -> np.ndarray:
        square = self._coloured(centre_square(image, self.crop or min(image.size)))
        if square.width != self.image_size:
            square = square.resize((self.image_size, self.image_size), Image.Resampling.BILINEAR)
        return np.asarray(square, dtype=np.uint8).reshape(self.image_size, self.image_size, -1).transpose(2, 0, 1)

    def _coloured(self, image: Image.Image) -> Image.Image:
        if image.mode.startswith("I"):
            image = eight_bits(image)
        elif image.mode == "F":
            raise BrokenImage("pixels are floating-point numbers, whose range nobody knows")
        elif image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUNDS[self.alpha]), image)
        return image if image.mode == self.mode else image.convert(self.mode)


class ExactDecoder(Decoder):
    """Neither cuts nor resizes nor takes colours away: a picture of another size, or in colours where grey ones are
    expected, is broken."""

    def _array(self, image: Image.Image) -> np.ndarray:
        if image.size != (self.image_size, self.image_size):
            raise BrokenImage(f"{image.width} × {image.height} pixels")
        return super()._array(image)

    def _coloured(self, image: Image.Image) -> Image.Image:
        if self.mode == "L" and image.mode in ("RGB", "RGBA", "P", "CMYK", "YCbCr"):
            channels = np.asarray(image.convert("RGB"))
            if (channels != channels[..., :1]).any():
                raise BrokenImage("a picture in colours")
        return super()._coloured(image)


def centre_square(image: Image.Image, side: int) -> Image.Image:
    """The central square; where it cannot lie exactly, half a pixel to the left and to the top.

    Raises:
        BrokenImage: the image is smaller.
    """
    if side > min(image.size):
        raise BrokenImage(f"{image.width} × {image.height} pixels, smaller than the crop of {side}")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def eight_bits(image: Image.Image) -> Image.Image:
    """A picture of 16-bit grey levels with 8 bits: 65535 becomes 255, in between to the nearest.

    Pillow's own conversion clips at 255 in some versions.

    Raises:
        BrokenImage: levels lie outside 16 bits, or are 32-bit numbers that fit in 8 bits, so that nobody knows which
            they are.
    """
    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise BrokenImage(f"grey levels from {levels.min()} to {levels.max()}, expected 0 to 65535")
    if image.mode == "I" and 0 < levels.max() <= 255:
        raise BrokenImage(f"32-bit grey levels up to {levels.max()}, of 255 or of 65535; save it with 8 or 16 bits")
    return Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """What Pillow can read here, by its names."""
    Image.init()
    return tuple(name for name in Image.ID if name not in UNREAD)


@functools.cache
def extensions() -> frozenset[str]:
    """The endings of files in `readable_formats()`, lower case, with the dot."""
    formats = set(readable_formats()) | {"MPO"}  # a kind of JPEG
    return frozenset(ending for ending, format in Image.registered_extensions().items() if format in formats)

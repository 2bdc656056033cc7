"""Encoded pictures as uint8 arrays of one size, by Pillow: the central square, resized, without trusting the file.

A file is broken when Pillow cannot read all of it, or when it declares more pixels than `MAX_PIXELS`, which is checked
before any are decoded. Of several pages or frames the first counts; the orientation in EXIF and embedded colour
profiles are applied.
"""

import contextlib
import functools
import importlib
import io
import warnings
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kantor.data import codecs, levels, profiles

MAX_PIXELS = 1 << 26
"""Of one picture before it is cut: 8192 × 8192, 256 MiB in memory."""
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # of more pixels than that

READ = frozenset(
    {
        "AVIF", "BLP", "BMP", "CUR", "DCX", "DDS", "DIB", "FLI", "FTEX", "GBR", "GIF", "HEIF", "IM", "IMT", "JPEG",
        "JPEG2000", "JXL", "MCIDAS", "MPO", "MSP", "PCD", "PCX", "PIXAR", "PNG", "PPM", "PSD", "QOI", "SGI", "SPIDER",
        "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM", "XVTHUMB",
    }
)  # fmt: skip
"""Formats whose own decoder makes the pixels. Not those that Pillow reads by starting another program (EPS and WMF), or
as a picture of any format inside another (IPTC, and icons, which may hold a larger one than they declare)."""

PLUGINS = {"pillow_heif": "register_heif_opener", "pillow_avif": None, "pillow_jxl": None}
"""Packages that teach Pillow formats, where they are installed, and what has to be called in them."""

NEEDED = {
    ".heic": "pillow-heif",
    ".heif": "pillow-heif",
    ".hif": "pillow-heif",
    ".jxl": "pillow-jxl-plugin",
    ".avif": "pillow-avif-plugin",
}
"""What has to be installed for files of these endings."""

DECODER = 2
"""Goes up with every change of what becomes of a file: it is part of what the pixels are."""

BACKGROUNDS = {"black": (0, 0, 0, 255), "white": (255, 255, 255, 255)}


class BrokenImage(Exception):
    """A file that is no whole picture; the message says in what way."""


@dataclass(frozen=True)
class Decoded:
    """A picture, and what a user may want to know of its file.

    Attributes:
        pixels: uint8 (C, H, W).
        codec: what may have lost levels, such as "jpeg"; None for nothing.
        deep: the largest level of a file of 16 bits; None of any other.
        remarks: what was done to the picture or left out, each in words that go on "20 pictures".
        coloured: whether a file of 16 bits is one of colours, of which fewer bits cannot be read.
    """

    pixels: np.ndarray
    codec: str | None
    deep: int | None
    remarks: tuple[str, ...]
    coloured: bool = False


@dataclass(frozen=True)
class Decoder:
    """How the bytes of a file become an array.

    Attributes:
        image_size: height and width of the array.
        crop: side of the central square that is kept, in pixels of the file; None for its shorter side.
        mode: RGB, or L for grey (ITU-R 601-2 luma).
        alpha: the background that shows through transparent pixels.
        bits: how many the levels of files of 16 bits have; None where nobody said, which is 16.
    """

    image_size: int
    crop: int | None
    mode: Literal["RGB", "L"]
    alpha: Literal["black", "white"]
    bits: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the array."""
        return 3 if self.mode == "RGB" else 1, self.image_size, self.image_size

    def describe(self) -> dict[str, Any]:
        """The settings that change a pixel, as plain containers."""
        bits = levels.DECLARED if self.bits is None else self.bits
        return {**asdict(self), "bits": bits, "filter": "bilinear, antialiased (Pillow)", "decoder": DECODER}

    def __call__(self, content: bytes) -> np.ndarray:
        """A file's picture, uint8 (C, H, W).

        Raises:
            BrokenImage: it is none.
        """
        return self.read(content).pixels

    def read(self, content: bytes) -> Decoded:
        """A file's picture, with what may be worth knowing of it.

        Raises:
            BrokenImage: it is none.
        """
        try:
            with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BrokenImage(f"{image.width} × {image.height} pixels, more than the {MAX_PIXELS:,} allowed")
                return self._decoded(image, content)
        except BrokenImage:
            raise
        except levels.WrongLevels as error:
            raise BrokenImage(str(error)) from error
        except UnidentifiedImageError as error:
            raise BrokenImage("no picture in a format that can be read") from error
        except Exception as error:  # Pillow's readers raise whatever a damaged file leads them into
            raise BrokenImage(f"{type(error).__name__}: {error}") from error

    def _decoded(self, image: Image.Image, content: bytes) -> Decoded:
        codec, layout = codecs.lossy(image, content), levels.Layout.of(image)
        image.load()
        deep = levels.upper_half(image, self.bits) if layout.has_colours_of_16_bits else None
        square = self._square(ImageOps.exif_transpose(image))
        if square.mode.startswith("I"):
            square, deep = levels.grey(square, layout, self.bits)
        square, converted = profiles.in_srgb(square)
        remarks = [converted] if converted is not None else []
        if is_transparent(square):
            remarks.append(f"are transparent in places, where {self.alpha} shows through")
        square = self._coloured(square)
        if square.width < self.image_size:
            remarks.append(f"are smaller than {self.image_size} × {self.image_size} pixels, and enlarged")
        if square.width != self.image_size:
            square = square.resize((self.image_size, self.image_size), Image.Resampling.BILINEAR)
        if _has_more(image):
            remarks.append("are of several pages or frames, of which the first is read")
        array = np.asarray(square, dtype=np.uint8).reshape(self.image_size, self.image_size, -1).transpose(2, 0, 1)
        return Decoded(array, codec, deep, tuple(remarks), layout.has_colours_of_16_bits)

    def _square(self, image: Image.Image) -> Image.Image:
        return centre_square(image, self.crop or min(image.size))

    def _coloured(self, image: Image.Image) -> Image.Image:
        if image.mode == "F":
            raise BrokenImage("pixels are floating-point numbers, whose range nobody knows")
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUNDS[self.alpha]), image)
        return image if image.mode == self.mode else image.convert(self.mode)


class ExactDecoder(Decoder):
    """Neither cuts nor resizes nor takes colours away: a picture of another size, or in colours where grey ones are
    expected, is broken."""

    def _square(self, image: Image.Image) -> Image.Image:
        if image.size != (self.image_size, self.image_size):
            raise BrokenImage(f"{image.width} × {image.height} pixels")
        return super()._square(image)

    def _coloured(self, image: Image.Image) -> Image.Image:
        if self.mode == "L" and image.mode in ("RGB", "RGBA", "P", "CMYK", "YCbCr"):
            channels = np.asarray(image.convert("RGB"))
            if (channels != channels[..., :1]).any():
                raise BrokenImage("a picture in colours")
        return super()._coloured(image)


def lossy_codec(content: bytes) -> str | None:
    """What a file's picture was coded by where that may have changed its levels, asked of its head; None of others.

    Raises:
        BrokenImage: it is no picture.
    """
    try:
        with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
            return codecs.lossy(image, content)
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them into
        raise BrokenImage(f"{type(error).__name__}: {error}") from error


def centre_square(image: Image.Image, side: int) -> Image.Image:
    """The central square; where it cannot lie exactly, half a pixel to the left and to the top.

    Raises:
        BrokenImage: the image is smaller.
    """
    if side > min(image.size):
        raise BrokenImage(f"{image.width} × {image.height} pixels, smaller than the crop of {side}")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def is_transparent(image: Image.Image) -> bool:
    """Whether something shows through an image."""
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255)


def _has_more(image: Image.Image) -> bool:
    """Whether a file has further pages or frames; what is wrong with them is no fault of the first."""
    with contextlib.suppress(Exception):
        return bool(getattr(image, "is_animated", False))
    return False


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """What Pillow can read here, by its names."""
    Image.init()
    for package, register in PLUGINS.items():
        with contextlib.suppress(ImportError):
            plugin = importlib.import_module(package)
            if register is not None:
                getattr(plugin, register)()
    return tuple(name for name in Image.ID if name in READ)


@functools.cache
def extensions() -> frozenset[str]:
    """The endings of files in `readable_formats()`, lower case, with the dot."""
    formats = set(readable_formats()) | {"MPO"}  # a kind of JPEG
    return frozenset(ending for ending, format in Image.registered_extensions().items() if format in formats)

"""Pictures of a run: PNG and GIF files, as kantor writes them, and read by no other decoder; anybody may have put
something else there, such as a program in PostScript.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from kantor.errors import UserError
from kantor.runs import door

FORMATS = ("PNG", "GIF")
MAX_PIXELS = 1 << 26
"""That one may declare: 8192 × 8192."""


class NoPicture(Exception):
    """A file that is no picture as kantor writes them; the message says in what way."""


def content(path: Path) -> bytes:
    """The bytes of a picture's file, whose head has been read.

    Raises:
        NoPicture: it is none, or too large.
    """
    with opened(path) as (_, found):
        return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Image.Image, bytes]]:
    """A picture, and the bytes of its file.

    Raises:
        NoPicture: it is none, or too large, when it is opened or while its pixels are read.
    """
    try:
        found = door.content(path, door.PICTURE_BYTES)
    except UserError as error:
        raise NoPicture(str(error)) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(found), formats=FORMATS)
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them into
        raise NoPicture(f"{path} is no picture as kantor writes them, PNG or GIF") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise NoPicture(f"{path} has {image.width} × {image.height} pixels, more than the {MAX_PIXELS:,} allowed")
        try:
            yield image, found
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            raise NoPicture(f"{path} is damaged: {error}") from error

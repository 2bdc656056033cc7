"""Seals: a file's last bytes are the SHA-256 of all before them, so that a bit that is lost is found.

Behind an array of numpy's they are in nobody's way, and at the end of a zip, such as torch's archives, they are its
comment. A zip's own checksums cover neither the names in it nor what is between its members.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from kantor.causes import explained
from kantor.errors import UserError
from kantor.plain_files import is_plain

NAME = b"kantor sha256 "
"""Begins a seal; 64 hex digits follow."""

LENGTH = len(NAME) + 64
"""Bytes of a seal."""


def seal(file: BinaryIO) -> None:
    """End a file that is open for reading and writing with its seal."""
    size = file.seek(0, os.SEEK_END)
    digest = _digest(file, size)
    file.seek(size)
    file.write(NAME + digest)


def seal_zip(file: BinaryIO) -> None:
    """The same for a zip without a comment."""
    file.seek(-2, os.SEEK_END)  # the length of the comment
    file.write(struct.pack("<H", LENGTH))
    seal(file)


def is_whole(path: Path) -> bool:
    """Whether a sealed file is there, and to the bit what was sealed.

    Raises:
        UserError: it cannot be read, which says nothing of what is in it.
    """
    if not is_plain(path):
        return False
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END) - LENGTH
            if size < 0:
                return False
            file.seek(size)
            found = file.read()
            return found.startswith(NAME) and found == NAME + _digest(file, size)
    except OSError as error:
        raise UserError(explained(error, path)) from error


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first bytes of a file, 64 hex digits."""
    found, rest = hashlib.sha256(), size
    file.seek(0)
    while rest and (block := file.read(min(rest, 1 << 16))):
        found.update(block)
        rest -= len(block)
    return found.hexdigest().encode()

"""Small files that promise or hold more than they should, for the tests of whatever opens files of strangers."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path


def huge_png(side: int) -> bytes:
    """A header that promises side × side pixels, and a few bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def declare(path: Path, sizes: Mapping[str, int]) -> Path:
    """Let members of a zip claim other sizes (in bytes, by name), in both of their headers."""
    packed = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at, infos = archive.start_dir, archive.infolist()
    for info in infos:
        if info.filename in sizes:
            size = struct.pack("<I", sizes[info.filename])
            packed[info.header_offset + 22 : info.header_offset + 26] = packed[at + 24 : at + 28] = size
        at += 46 + sum(struct.unpack_from("<HHH", packed, at + 28))  # its name, extra field and comment
    path.write_bytes(packed)
    return path

"""Pictures of 16 bits a level that Pillow reads and does not write."""

import struct
import zlib

import numpy as np


def deep_png(levels: np.ndarray) -> bytes:
    """A PNG of 16 bits of levels (H, W) or (H, W, 3)."""
    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    colour = 0 if levels.ndim == 2 else 2
    parts = [(b"IHDR", struct.pack(">2I5B", width, height, 16, colour, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    chunks = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in [*parts, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

"""Sameness: which pictures are one, whatever their files are called and however they are coded: those of equal levels
as the data set holds them, and a picture and its mirror image, which training may show."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from kantor.data import cache

BYTES = 16
"""Of a digest."""


def digest(picture: np.ndarray) -> bytes:
    """The same for every picture (C, H, W), uint8, that is one with this."""
    return min(_of_bytes(picture), _of_bytes(picture[..., ::-1]))


def kept(path: Path, pictures: np.ndarray) -> np.ndarray:
    """The digests of pictures (n, C, H, W), uint8 (n, BYTES), from a .npy file, made first when it is not there; the
    caller holds the lock."""

    def fill(rows: np.ndarray, start: int, stop: int) -> None:
        joined = b"".join(map(digest, pictures[start:stop]))
        rows[...] = np.frombuffer(joined, dtype=np.uint8).reshape(rows.shape)

    return cache.array(path, shape=(len(pictures), BYTES), dtype="uint8", fill=fill)


def chosen(order: np.ndarray, digests: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the pictures with `digests` (n, BYTES), each with all that are one with it; bool (n,).

    They are taken in an order, a permutation of n; passed over is what has more copies than there is room for. Where
    that is everything, the picture with the fewest copies is taken.

    Raises:
        ValueError: all are one.
    """
    keys = [one.tobytes() for one in digests]
    copies = Counter(keys[place] for place in order)  # in this order
    if len(copies) < 2:
        raise ValueError("all are one")
    taken: set[bytes] = set()
    for key, count in copies.items():
        if count <= most:
            taken.add(key)
            most -= count
    taken = taken or {min(copies, key=copies.__getitem__)}
    return np.array([key in taken for key in keys], dtype=bool)


def _of_bytes(picture: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=BYTES).digest()

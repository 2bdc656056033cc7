"""Sameness: which pictures are one, whatever their files are called and however they are coded: those of equal levels
as the data set holds them, and a picture and its mirror image, which training may show."""

import hashlib
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


def with_copies(chosen: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """Those that are chosen, bool (n,), and all that are one with one of them; by `digests` (n, BYTES)."""
    keys = [one.tobytes() for one in digests]
    wanted = {key for key, taken in zip(keys, chosen, strict=True) if taken}
    return np.array([key in wanted for key in keys], dtype=bool)


def _of_bytes(picture: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=BYTES).digest()

"""Drawing exactly n samples, in chunks of fixed size, by any number of processes.

Chunk c has its own key and belongs to rank c mod world; it is computed as one batch with a fixed number of threads in
full float32, always whole, and then cut. Chunks are put together in their order, whoever drew them. Chunks that an
interrupted evaluation has kept are not drawn again; the others are shared anew.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from kantor import interrupts, keyed
from kantor.digests import sha256
from kantor.evaluation import tensor_files
from kantor.processes import Processes

SampleChunk = Callable[[int, keyed.Rng], Tensor]
"""(number of the chunk, its random numbers) → samples (chunk size, …)."""

T = TypeVar("T")

Chunk = dict[str, Tensor]
"""What is made of the samples of a chunk, each tensor (chunk size, …), on the CPU."""


def pieces(make: Callable[[int], T], count: int, processes: Processes) -> list[T]:
    """Pieces 0 … count-1, each made by its own process, on every process; none begins when the command was stopped."""

    def made(c: int) -> T:
        interrupts.check()
        return make(c)

    return _together({c: made(c) for c in processes.mine(count)}, count, processes)


def generate(
    sample: SampleChunk, n: int, *, chunk: int, key: Callable[[int], int], processes: Processes, device: torch.device
) -> np.ndarray:
    """`n` samples on every process, (n, …), in the order of chunks.

    Args:
        sample: draws one chunk.
        n: how many samples in all.
        chunk: samples in a chunk.
        key: the 64-bit key of chunk c.
        processes: who shares the work.
        device: where the noise goes.
    """

    def make(c: int) -> np.ndarray:
        found: np.ndarray = sample(c, keyed.Rng(key(c), device=device)).cpu().numpy()
        return found

    return np.concatenate(pieces(make, -(-n // chunk), processes))[:n]


class Finished:
    """The finished chunks of a piece of work, in a directory that lasts until the whole is done.

    Args:
        home: where the directory is made; None keeps nothing.
        key: all that determines a chunk, as plain containers: another key never finds these chunks.
    """

    def __init__(self, home: Path | None, key: Mapping[str, Any]) -> None:
        self._key = key
        self._directory = None if home is None else home / f".partial-{sha256(key)[:16]}"

    def read(self, c: int) -> Chunk | None:
        """Chunk c as it was made; None when it was not, or its file is damaged."""
        return None if self._directory is None else tensor_files.read(self._path(c), self._key_of(c))

    def write(self, c: int, chunk: Chunk) -> None:
        """Keep chunk c, if the disk allows it."""
        if self._directory is not None:
            with contextlib.suppress(OSError):  # the work itself goes on
                tensor_files.write(self._path(c), chunk, self._key_of(c))

    def forget(self) -> None:
        """Delete them: the whole is done. Another process that makes the same may do so, or keep some there still."""
        if self._directory is not None:
            with contextlib.suppress(OSError):
                for file in self._directory.iterdir():
                    file.unlink(missing_ok=True)
                self._directory.rmdir()

    def _key_of(self, c: int) -> dict[str, Any]:
        return {**self._key, "number": c}

    def _path(self, c: int) -> Path:
        assert self._directory is not None
        return self._directory / f"{c:06d}.safetensors"


def remaining_pieces(
    make: Callable[[int], Chunk | None],
    count: int,
    finished: Finished,
    processes: Processes,
    *,
    found: Callable[[int], None],
) -> list[Chunk] | None:
    """Chunks 0 … count-1 on every process: those that were finished before, and those that are made now and kept.

    Args:
        make: makes one; None when it cannot, and then nobody gets anything.
        count: how many.
        finished: where they are kept.
        processes: who shares the work: of the missing ones, the i-th is made by rank i mod world.
        found: is told, before the work begins, how many were there.
    """
    own = {c: chunk for c in processes.mine(count) if (chunk := finished.read(c)) is not None}
    there = {c for part in processes.gather(sorted(own)) for c in part}
    found(len(there))
    missing = [c for c in range(count) if c not in there]
    made: dict[int, Chunk | None] = dict(own)
    for i in processes.mine(len(missing)):
        c = missing[i]
        made[c] = chunk = make(c)
        if chunk is None:
            break
        finished.write(c, chunk)
    if any(processes.gather(any(chunk is None for chunk in made.values()))):
        return None
    return [chunk for chunk in _together(made, count, processes) if chunk is not None]


def _together(own: dict[int, T], count: int, processes: Processes) -> list[T]:
    everyone = {c: piece for part in processes.gather(own) for c, piece in part.items()}
    return [everyone[c] for c in range(count)]

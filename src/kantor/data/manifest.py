"""What the pictures below a directory are: their names and the digests of their contents, which the cache remembers
until a name or a file is another."""

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from kantor.data import cache, decode
from kantor.data.decode import BrokenImage
from kantor.digests import sha256
from kantor.errors import UserError

MAX_BYTES = 1 << 29
"""Of one file of a picture."""


@dataclass(frozen=True)
class Manifest:
    """The pictures of a directory, of any depth, by name.

    What counts as one is said at `is_picture()`. Links are followed, but never back into a directory above them.

    Attributes:
        root: the directory.
    """

    root: Path

    @cached_property
    def stats(self) -> dict[str, os.stat_result]:
        """By relative name with "/", sorted by name.

        Raises:
            UserError: a directory cannot be read.
        """
        try:
            return dict(sorted(_walk(self.root, "", ())))
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read ({error.strerror}): mend or remove it") from error

    @property
    def names(self) -> list[str]:
        """Of the pictures, sorted."""
        return list(self.stats)

    @cached_property
    def digests(self) -> list[str]:
        """SHA-256 of each picture's bytes, in the order of `names`; "" of a file that cannot be read."""
        traces = [[name, *cache.trace(found)] for name, found in self.stats.items()]
        memory = cache.memory_of([str(self.root.resolve()), traces])
        known = cache.recall(memory)
        if known is not None:
            return known
        with ThreadPoolExecutor(threads()) as pool:
            digests = list(pool.map(self._digest, self.names))
        # who may read a file can change without a trace
        if "" not in digests and all(map(cache.settled, self.stats.values())):
            cache.remember(memory, digests)
        return digests

    def _digest(self, name: str) -> str:
        try:
            return hashlib.sha256(self.read(name)).hexdigest()
        except BrokenImage:
            return ""

    def describe(self) -> dict[str, Any]:
        """How many pictures, their bytes in all, and a digest of names and contents."""
        sizes = [found.st_size for found in self.stats.values()]
        rows = list(zip(self.names, sizes, self.digests, strict=True))
        return {"files": len(rows), "bytes": sum(sizes), "sha256": sha256(rows)}

    def read(self, name: str) -> bytes:
        """The content of a picture's file.

        Raises:
            BrokenImage: it cannot be read, or is larger than `MAX_BYTES`.
        """
        try:
            with (self.root / name).open("rb") as handle:
                content = handle.read(MAX_BYTES + 1)
        except OSError as error:
            raise BrokenImage(f"cannot be read: {error.strerror}") from error
        if len(content) > MAX_BYTES:
            raise BrokenImage(f"more than the {MAX_BYTES:,} bytes allowed for one picture")
        return content


def is_picture(name: str) -> bool:
    """Whether a relative name with "/" is that of a picture: its ending is one of a picture's, and neither it nor a
    directory in it begins with a dot, as the ._NAME files of macOS do that are put beside every picture of a zip."""
    pure = PurePosixPath(name)
    return pure.suffix.lower() in decode.extensions() and not any(part.startswith(".") for part in pure.parts)


def _walk(root: Path, name: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.stat_result]]:
    at = os.stat(root / name)
    here = (at.st_dev, at.st_ino)
    if here in above:  # a link to a directory that it lies in
        return
    with os.scandir(root / name) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir():
                yield from _walk(root, f"{name}{entry.name}/", (*above, here))
            elif is_picture(entry.name):
                try:
                    found = entry.stat()
                except OSError:  # a link to nothing, a picture that cannot be read
                    found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
                    yield f"{name}{entry.name}", found


def threads() -> int:
    """How many this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

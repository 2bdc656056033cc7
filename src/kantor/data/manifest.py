"""What the pictures below a directory are: their names and the digests of their contents, which the cache remembers
until a name or a file is another."""

import hashlib
import os
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from kantor import marks, plain_files
from kantor.data import cache, decode
from kantor.data.decode import BrokenImage
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.plain_files import Unreadable

MAX_BYTES = 1 << 29
"""Of one file of a picture."""
ENDINGS = 5
"""Endings of files, or directories, that a sentence names."""


@dataclass
class Listing:
    """What lies below a directory.

    Attributes:
        pictures: by relative name with "/".
        unread: how many files are none, by ending in small letters.
        ours: directories that kantor wrote, which are not looked into.
    """

    pictures: dict[str, os.stat_result] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)
    ours: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """The pictures of a directory, of any depth, by name.

    What counts as one is said at `is_picture()`. Links are followed, but never back into a directory above them.
    Directories below that kantor wrote are left out.

    Attributes:
        root: the directory.
    """

    root: Path

    @cached_property
    def listing(self) -> Listing:
        """What is there.

        Raises:
            UserError: a directory cannot be read.
        """
        found = Listing()
        try:
            _walk(self.root, "", (), found)
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read ({error.strerror}): mend or remove it") from error
        found.pictures = dict(sorted(found.pictures.items()))
        return found

    @property
    def stats(self) -> dict[str, os.stat_result]:
        """By relative name with "/", sorted by name."""
        return self.listing.pictures

    def remarks(self) -> list[str]:
        """What a user may want to know: which files are not read, by ending, and which directories are left out."""
        said = unread_remarks(self.listing.unread)
        if self.listing.ours:
            named = sorted(self.listing.ours)[:ENDINGS]
            said.append(
                f"left out, since kantor wrote it: {', '.join(named)}{', …' * (len(self.listing.ours) > ENDINGS)}"
            )
        return said

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
            return plain_files.read(self.root / name, most=MAX_BYTES)
        except Unreadable as error:
            raise BrokenImage(str(error)) from error


def unread_remarks(unread: Counter[str]) -> list[str]:
    """The sentence about so many files that are not read, by ending; none of none."""
    if not unread:
        return []
    most = unread.most_common(ENDINGS)
    named = [f"{count:,} {ending or 'without an ending'}{_help(ending)}" for ending, count in most]
    more = unread.total() - sum(count for _, count in most)
    return [f"not read as pictures: {', '.join(named)}" + (f" and {more:,} others" if more else "")]


def is_picture(name: str) -> bool:
    """Whether a relative name with "/" is that of a picture: its ending is one of a picture's, and neither it nor a
    directory in it begins with a dot, as the ._NAME files of macOS do that are put beside every picture of a zip."""
    pure = PurePosixPath(name)
    return pure.suffix.lower() in decode.extensions() and not any(part.startswith(".") for part in pure.parts)


def _walk(root: Path, name: str, above: tuple[tuple[int, int], ...], found: Listing) -> None:
    at = os.stat(root / name)
    here = (at.st_dev, at.st_ino)
    if here in above:  # a link to a directory that it lies in
        return
    with os.scandir(root / name) as scanned:
        entries = list(scanned)
    if name and marks.is_claimed({entry.name for entry in entries}):
        found.ours.append(name)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            _walk(root, f"{name}{entry.name}/", (*above, here), found)
        elif not is_picture(entry.name):
            found.unread[PurePosixPath(entry.name).suffix.lower()] += 1
        else:
            stats = _stat(entry)
            if stat.S_ISREG(stats.st_mode) or stat.S_ISLNK(stats.st_mode):
                found.pictures[f"{name}{entry.name}"] = stats


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat()
    except OSError:  # a link to nothing, a picture that cannot be read
        return entry.stat(follow_symlinks=False)


def _help(ending: str) -> str:
    package = decode.NEEDED.get(ending)
    return "" if package is None else f" (pip install {package}, to have them read)"


def threads() -> int:
    """How many this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

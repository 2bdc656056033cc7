"""Where prepared data lie, and how they get there: arrays in one file each, built in the background of a `.partial`
sibling, gone on with when interrupted, and named by the fingerprint of what they were made from.

What is kept is sealed: a file that has changed since it was written is made again.
"""

import contextlib
import hashlib
import json
import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kantor import locks, plain_files, seals
from kantor.atomic import naming, write_text
from kantor.causes import DENIED, is_full
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.marks import claim
from kantor.messages import say
from kantor.places import cache_root
from kantor.plain_files import Unreadable

CLOCK_NS = 2_000_000_000
"""Nanoseconds between two ticks of a file system's clock, at most (FAT)."""
CHUNK = 512
"""Images between the moments at which a builder writes down how far it is."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One builder at a time; the others wait, and then find the work done. What is prepared in a directory that may
    only be read is read without a lock.

    Raises:
        UserError: something has to be written there, and cannot.
    """
    remedy = "name another cache, KANTOR_CACHE=DIR"
    with contextlib.ExitStack() as stack:
        try:
            claim(cache_root())
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.locked(directory / "lock", wait=True))
        except OSError as error:
            if error.errno not in DENIED or not directory.is_dir():
                raise UserError(f"the cache {directory} cannot be written ({error.strerror}): {remedy}") from error
        try:
            yield
        except OSError as error:
            if error.errno in DENIED and error.filename is not None and directory in Path(error.filename).parents:
                raise UserError(f"the cache {directory} cannot be written ({error.strerror}): {remedy}") from error
            raise


def array(
    path: Path,
    *,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    fill: Callable[[np.ndarray, int, int], None],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The array in a .npy file, mapped read-only; built first when it is not there, or damaged.

    Rows are filled in chunks into PATH.partial, whose progress is written beside it, so that an interrupted build goes
    on where it was; one of another shape or kind is begun again. The caller holds the lock.

    Args:
        path: ends in .npy.
        shape: rows first.
        dtype: of the elements, such as "uint8" or a structure of several numbers.
        fill: `fill(rows, start, stop)` writes rows start … stop-1 into `rows`, (stop - start, …).
        progress: is told (rows done, rows in all).

    Raises:
        UserError: the disk has no room for it.
    """
    if not is_whole(path):
        if path.is_file():
            say(f"{path} is {'of an earlier version' if _is_bare(path) else 'damaged'}: making it again")
        _build(path, shape, dtype, fill, progress)
    return mapped(path)


def mapped(path: Path) -> np.ndarray:
    """A whole array, mapped read-only."""
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    if hasattr(mmap, "MADV_RANDOM") and found.nbytes > _memory():  # a miss would read megabytes that nobody asks for
        found._mmap.madvise(mmap.MADV_RANDOM)
    return found


def is_whole(path: Path) -> bool:
    """Whether a file is there that was made here and has not changed since; its bytes are read once, and again when its
    `trace()` is another."""
    if not plain_files.is_plain(path):
        return False
    found = path.stat()
    memory = memory_of(["whole", str(path.resolve()), trace(found)])
    if recall(memory) is True:
        return True
    whole = seals.is_whole(path)
    if whole and settled(found):
        remember(memory, whole)
    return whole


def _is_bare(path: Path) -> bool:
    """Whether a file is an array and nothing else: without a seal, as earlier versions left it."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.offset + found.nbytes == path.stat().st_size)


def forget(path: Path) -> None:
    """Have an array built from its beginning."""
    for one in (path, *_beside(path)):
        one.unlink(missing_ok=True)


def _beside(path: Path) -> tuple[Path, Path]:
    """The array that is being built, and how far it is."""
    return path.with_name(f"{path.name}.partial"), path.with_name(f"{path.name}.progress.json")


def _memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _build(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    fill: Callable[[np.ndarray, int, int], None],
    progress: Callable[[int, int], None] | None,
) -> None:
    partial, state = _beside(path)
    rows, done = _begun(partial, state, shape, dtype)
    if rows is None:
        state.unlink(missing_ok=True)  # first: it would vouch for the new file's empty rows
        rows = _empty(partial, shape, dtype)
    for start in range(done, shape[0], CHUNK):
        stop = min(start + CHUNK, shape[0])
        fill(rows[start:stop], start, stop)
        rows.flush()
        write_text(state, json.dumps({"done": stop}))
        if progress is not None:
            progress(stop, shape[0])
    size = rows.offset + rows.nbytes
    del rows
    with naming(path), partial.open("r+b") as handle:
        handle.truncate(size)  # somebody may have been killed here
        seals.seal(handle)
    os.replace(partial, path)
    state.unlink(missing_ok=True)


def _begun(partial: Path, state: Path, shape: tuple[int, ...], dtype: DTypeLike) -> tuple[np.memmap | None, int]:
    """The array of an interrupted build and how many of its rows are done; (None, 0) where there is none like that."""
    with contextlib.suppress(OSError, EOFError, ValueError, KeyError, TypeError):
        done = json.loads(state.read_text(encoding="utf-8"))["done"]
        there = partial.stat().st_size  # before numpy lengthens a file that was cut
        rows = np.load(partial, mmap_mode="r+", allow_pickle=False)
        alike = rows.shape == shape and rows.dtype == np.dtype(dtype)
        whole = 0 <= there - rows.offset - rows.nbytes <= seals.LENGTH
        if alike and whole and isinstance(done, int) and 0 < done <= shape[0]:
            return rows, done
    return None, 0


def _empty(partial: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap:
    """A new array of zeros in a file.

    Raises:
        UserError: the disk has no room for it. A disk that fills up later would end the process at a write to the map.
    """
    rows = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
    try:
        if hasattr(os, "posix_fallocate"):
            with partial.open("r+b") as handle:
                os.posix_fallocate(handle.fileno(), 0, partial.stat().st_size)
    except OSError as error:
        if is_full(error):  # others: a file system that cannot reserve
            partial.unlink()
            raise UserError(
                f"{partial} cannot be written ({error.strerror}): {rows.nbytes / 2**20:,.0f} MiB are needed there; "
                "make room, or name another cache, KANTOR_CACHE=DIR"
            ) from error
    return rows


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; remembered in the cache until its `trace()` is another.

    Raises:
        UserError: it is no plain file, or cannot be read.
    """
    try:
        with plain_files.opened(path) as handle:
            before = os.fstat(handle.fileno())
            memory = memory_of([str(path.resolve()), trace(before)])
            known = recall(memory)
            if known is not None:
                return known
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except Unreadable as error:
        raise UserError(f"{path} {error}: expected a file of the data set") from error
    if settled(before):
        remember(memory, digest)
    return digest


def trace(found: os.stat_result) -> list[int]:
    """What tells a file from every other that lay in its place: size and time of change can be copied (rsync -t and
    unzip do so), the inode and the time at which it was last touched in any way cannot."""
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev, found.st_ctime_ns]


def settled(found: os.stat_result) -> bool:
    """Whether a further change would show in the file's `trace()`: clocks of file systems are coarse."""
    return time.time_ns() - found.st_ctime_ns > CLOCK_NS


def memory_of(key: object) -> Path:
    """Where the digests of something are remembered."""
    return cache_root() / "digests" / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"


def recall(memory: Path) -> Any:
    """What is remembered; None where nothing is."""
    with contextlib.suppress(ValueError, OSError):
        return json.loads(memory.read_text(encoding="ascii"))
    return None


def remember(memory: Path, digests: object) -> None:
    """Keep digests for the next time; a memory that cannot be kept is no error."""
    with contextlib.suppress(OSError):
        write_text(memory, json.dumps(digests))


def write_note(path: Path, value: object) -> None:
    """Keep plain containers beside an array, with their digest; as ASCII: names of files may hold bytes that are no
    UTF-8."""
    write_text(path, json.dumps({"sha256": sha256(value), "value": value}, indent=1))


def read_note(path: Path) -> Any:
    """What was kept; None where nothing was, or it is damaged."""
    with contextlib.suppress(ValueError, OSError, KeyError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["sha256"] == sha256(kept["value"]):
            return kept["value"]
    return None


def describe_file(path: Path) -> dict[str, Any]:
    """Name, size in bytes and SHA-256 of a file."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_digest(path)}

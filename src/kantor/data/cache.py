"""Where prepared data lie, and how they get there: arrays in one file each, built in the background of a `.partial`
sibling, gone on with when interrupted, and named by the fingerprint of what they were made from.

The directory is KANTOR_CACHE when set, else XDG_CACHE_HOME/kantor, else ~/.cache/kantor.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kantor.errors import UserError
from kantor.rundir import replacing

CHUNK = 512
"""Images between the moments at which a builder writes down how far it is."""


def cache_root() -> Path:
    """The directory of everything that can be made again."""
    if "KANTOR_CACHE" in os.environ:
        return Path(os.environ["KANTOR_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "kantor"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One builder at a time; the others wait, and then find the work done."""
    import fcntl

    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / "lock").open("w")
    except OSError as error:
        raise UserError(
            f"the cache {directory} cannot be written ({error.strerror}): name another, KANTOR_CACHE=DIR"
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def array(
    path: Path,
    *,
    shape: tuple[int, ...],
    dtype: str,
    fill: Callable[[np.ndarray, int, int], None],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The array in a .npy file, mapped read-only; built first when it is not there.

    Rows are filled in chunks into PATH.partial, whose progress is written beside it, so that an interrupted build goes
    on where it was. The caller holds the lock.

    Args:
        path: ends in .npy.
        shape: rows first.
        dtype: numpy's name, such as "uint8".
        fill: `fill(rows, start, stop)` writes rows start … stop-1 into `rows`, (stop - start, …).
        progress: is told (rows done, rows in all).
    """
    if not path.is_file():
        _build(path, shape, dtype, fill, progress)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _build(
    path: Path,
    shape: tuple[int, ...],
    dtype: str,
    fill: Callable[[np.ndarray, int, int], None],
    progress: Callable[[int, int], None] | None,
) -> None:
    partial, state = path.with_suffix(".partial"), path.with_suffix(".progress.json")
    what = {"shape": list(shape), "dtype": dtype}
    done = 0
    if partial.is_file() and state.is_file():
        with contextlib.suppress(ValueError, OSError):
            noted = json.loads(state.read_text(encoding="utf-8"))
            done = noted["done"] if {key: noted.get(key) for key in what} == what else 0
    if not done:
        np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape).flush()
    rows = np.load(partial, mmap_mode="r+", allow_pickle=False)
    for start in range(done, shape[0], CHUNK):
        stop = min(start + CHUNK, shape[0])
        fill(rows[start:stop], start, stop)
        rows.flush()
        with replacing(state) as temporary:
            temporary.write_text(json.dumps({**what, "done": stop}), encoding="utf-8")
        if progress is not None:
            progress(stop, shape[0])
    del rows
    os.replace(partial, path)
    state.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits; remembered in the cache by path, size and time of change."""
    stat = path.stat()
    key = json.dumps([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    memory = cache_root() / "digests" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.txt"
    if memory.is_file():
        return memory.read_text(encoding="ascii")
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    with contextlib.suppress(OSError), replacing(memory) as temporary:  # a memory that cannot be kept is no error
        temporary.write_text(digest.hexdigest(), encoding="ascii")
    return digest.hexdigest()


def describe_file(path: Path) -> dict[str, Any]:
    """Name, size in bytes and SHA-256 of a file."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_digest(path)}

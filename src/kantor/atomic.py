"""Files that are written whole or not at all: a temporary sibling, fsynced, then renamed. Appended rows are the one
exception.

What lies below a directory of which this process holds a lease is written only while it does (`kantor.fences`): out of
the lease's scratch directory, where the temporaries lie then.

Libraries write through a file of ours: whatever they make of a full disk, what comes out is the system's own error, and
it names the file.
"""

import contextlib
import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from kantor import fences
from kantor.fences import Guard
from kantor.temporaries import temporary, unique

BUFFER = 1 << 17
"""Bytes that are written at once."""

CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EROFS}
"""How a file system says that it knows no fsync; it then keeps what it is given as well as it can."""

NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
"""How a file system says that a file has one name only, as those of cloud drives do."""


class _Sink(io.RawIOBase):
    """A file without a descriptor to show, so that nobody writes past Python; it remembers why it could not be written.

    Args:
        file: where everything goes.

    Attributes:
        error: the first failure; None while there is none.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As a raw file."""
        return self._file.readinto(buffer)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a raw file."""
        return self._file.seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        """As a raw file."""
        return self._file.truncate(size)

    def write(self, block: Any) -> int | None:
        """As a raw file."""
        with self._remembering():
            written = self._file.write(block)
        return written

    def sync(self) -> None:
        """Have what was written on the disk, where the file system can."""
        with self._remembering():
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                if error.errno not in CANNOT_SYNC:
                    raise

    def close(self) -> None:
        """As a raw file."""
        if not self._file.closed:
            with self._remembering():
                self._file.close()
        super().close()

    @contextlib.contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
            raise


@contextlib.contextmanager
def replacing(path: Path, *, keep: Path | None = None) -> Iterator[BinaryIO]:
    """Yield a file to write to, which takes the place of `path` when the block ends without an error.

    Args:
        path: of the file.
        keep: what lay there is called from then on; None keeps nothing.

    Raises:
        OSError: it cannot be written; `filename` is `path`, whatever the block made of the failure.
        LeaseLost: somebody else has taken the directory, or taken it away; nothing is written.
    """
    guard = fences.over(path)
    with naming(path), guard.holding():
        aside = _aside(path, guard)
        guard.make(path.parent)
        sink = _Sink(aside.open("x+b", buffering=0))
    try:
        with io.BufferedRandom(sink, BUFFER) as file:
            yield cast(BinaryIO, file)
            file.flush()
            sink.sync()
        if keep is not None:
            with contextlib.suppress(FileNotFoundError):
                second_name(path, keep)
        with naming(path), guard.holding():
            aside.replace(path)
    except Exception as error:
        if sink.error is None:
            raise
        if sink.error.errno in fences.GONE:
            guard.check()
        raise _named(sink.error, path) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def second_name(path: Path, other: Path) -> None:
    """Give a file another name besides its own, in the place of what has that. On file systems without hard links it is
    renamed, and then a process that stands still just before that may do it when it has lost its lease.

    Raises:
        OSError: it cannot be done; `filename` is `path`.
        LeaseLost: as of `replacing`.
    """
    guard = fences.over(path)
    with naming(path), guard.holding():
        aside = _aside(path, guard)
        try:
            os.link(path, aside)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            path.replace(other)
            return
        try:
            aside.replace(other)
        finally:
            aside.unlink(missing_ok=True)  # it stays where both were names of one file already


def remove(path: Path) -> None:
    """Take a file or a directory away, if it is there.

    Raises:
        OSError: it cannot be done; `filename` is `path`.
        LeaseLost: as of `replacing`.
    """
    guard = fences.over(path)
    with naming(path), guard.holding():
        if guard:  # not where it lies: see `kantor.fences`
            aside = _aside(path, guard)
            try:
                path.replace(aside)
            except FileNotFoundError:
                guard.check()
                return
            path = aside
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _aside(path: Path, guard: Guard) -> Path:
    return guard.scratch / unique(path.name) if guard else temporary(path)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the system name the file that was asked for."""
    try:
        yield
    except OSError as error:
        raise _named(error, path) from error


def _named(error: OSError, path: Path) -> OSError:
    return OSError(error.errno, error.strerror or str(error), str(path))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def copy_file(source: Path, target: Path) -> None:
    """Copy what is in a file, whole or not at all; neither its times nor its rights: not every file system has them."""
    with source.open("rb") as original, replacing(target) as file:
        shutil.copyfileobj(original, file, BUFFER)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all; bytes of a file's name that are no UTF-8 stand as `\\udcff`."""
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: object) -> None:
    """Write indented JSON whole or not at all; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_rows(path: Path, names: list[str], rows: Sequence[Mapping[str, object]], *, whole: bool = False) -> None:
    """Append CSV rows to `path`, which is there, or with `whole` replace the file by a header and these rows.

    Whoever takes a directory over replaces the file before it appends: what its former holder still appends to one that
    it has opened goes nowhere.

    Raises:
        OSError: they cannot be written; `filename` is `path`.
        LeaseLost: as of `replacing`.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    if whole:
        writer.writeheader()
    writer.writerows(rows)
    if whole:
        write_text(path, text.getvalue())
    else:
        guard = fences.over(path)
        with naming(path), guard.holding(), path.open("r+b") as handle:
            handle.seek(0, os.SEEK_END)
            guard.check()  # of the file that is open now
            handle.write(text.getvalue().encode())

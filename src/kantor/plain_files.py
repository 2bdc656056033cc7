"""Plain files: what somebody hands over is opened only where it is one (a pipe would be waited for, a device read for
ever), and read up to a limit."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from kantor.causes import explained
from kantor.errors import UserError

KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

NOTHING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
"""How the system says that nothing lies there. Whatever else it says, something may: a disk that fails for a moment
makes nothing of a file."""


class Unreadable(Exception):
    """A file that is not read; the message says why, in words that go on after its path."""


def kind(mode: int) -> str | None:
    """What a thing in a directory is instead of a plain file, by its mode; None of a plain file."""
    return next((name for is_so, name in KINDS if is_so(mode)), None)


def is_plain(path: Path, *, follow: bool = True) -> bool:
    """Whether a plain file lies there.

    Args:
        path: where.
        follow: whether a link to one counts.

    Raises:
        UserError: it cannot be found out.
    """
    found = _found(path, follow=follow)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_there(path: Path) -> bool:
    """Whether anything lies there, if only a link.

    Raises:
        UserError: it cannot be found out.
    """
    return _found(path, follow=False) is not None


def _found(path: Path, *, follow: bool) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except ValueError:  # a path that no file can have
        return None
    except OSError as error:
        if error.errno in NOTHING:
            return None
        raise UserError(explained(error)) from error


def opened(path: Path, *, follow: bool = True) -> BufferedReader:
    """A plain file, open for reading.

    Args:
        path: of the file.
        follow: whether a link to one counts.

    Raises:
        Unreadable: it is something else, or cannot be opened.
    """
    flags = getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        _check(os.stat(path, follow_symlinks=follow))
        handle = open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags))  # noqa: SIM115
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Unreadable("is missing") from error
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Unreadable(f"is no path ({error})") from error
    try:
        _check(os.fstat(handle.fileno()))
    except Unreadable:
        handle.close()
        raise
    return handle


def read(path: Path, *, most: int, follow: bool = True) -> bytes:
    """The content of a plain file.

    Args:
        path: of the file.
        most: bytes that it may have.
        follow: whether a link to one counts.

    Raises:
        Unreadable: it is something else, larger, or cannot be read.
    """
    with opened(path, follow=follow) as handle:
        try:
            content = handle.read(most + 1)
        except OSError as error:
            raise Unreadable(f"cannot be read ({error.strerror})") from error
    if len(content) > most:
        raise Unreadable(f"has more than the {most:,} bytes allowed")
    return content


def _check(found: os.stat_result) -> None:
    other = kind(found.st_mode)
    if other is not None:
        raise Unreadable(f"is {other}, no plain file")

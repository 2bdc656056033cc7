"""The files of leases: their names, what is in them, and how one is made that nobody else has made before.

A file always has the same number of bytes, so that its beat can be raised where there is no room for more.
"""

import contextlib
import errno
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from kantor import fences, plain_files
from kantor.atomic import CANNOT_SYNC, NO_LINKS
from kantor.causes import explained
from kantor.errors import UserError
from kantor.fences import CONTENT
from kantor.plain_files import Unreadable
from kantor.runs.owners import Life, Owner
from kantor.temporaries import temporary

LEASE = ".lease"
"""Of a run: whoever holds it trains it."""

PUBLICATION = ".publication"
"""Of a run's evaluations and what is made of them."""

ASKING = ".asking"
"""Of a search: whoever holds it asks for the next trial."""

BEAT = 10.0
"""Seconds between two beats, where KANTOR_BEAT names no other number."""

BEATS = (0.05, 120.0)
"""Between which it may lie."""

NUMBERS = 999_999_998
"""Highest number of a lease that is followed by another one."""


held_here: set[str] = set()
"""Tokens of the leases that this process holds or is about to: one that it could not let go of is held no more."""


def kind_of(name: str) -> str | None:
    """What something in a run's directory is, by its name: the file or the scratch directory of a lease, else None."""
    match = fences.OF_LEASES.fullmatch(name)
    if match is None or match[1] not in (LEASE, PUBLICATION):
        return None
    return "a file" if match[3] is None else "a directory"


@dataclass(frozen=True)
class Found:
    """The newest lease of a directory, as it was read.

    Attributes:
        path: of its file.
        number: of the lease.
        content: of the file, which changes with each beat.
        released: whether its owner has let go of it.
        period: seconds between its beats.
        owner: None where the file does not say, such as one that is just being written.
        token: what no other lease has.
        file: the number that the file system had for it when it was made: a copy has another.
    """

    path: Path
    number: int
    content: bytes
    released: bool = False
    period: float = BEAT
    owner: Owner | None = None
    token: str = ""
    file: int = 0

    def life(self) -> Life:
        """What is known of its owner; nothing of a copy's, whose owner holds the original."""
        if self.owner is None:
            return Life.UNKNOWN
        if self.owner.is_this_process and self.token not in held_here:
            return Life.GONE
        life = self.owner.life()
        if life is Life.GOING:
            with contextlib.suppress(OSError):
                return life if self.path.stat(follow_symlinks=False).st_ino == self.file else Life.UNKNOWN
        return life


def newest(root: Path, name: str) -> Found | None:
    """The newest lease of a directory; None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    while number := fences.newest(root, name):
        path = root / f"{name}.{number}"
        try:
            content = plain_files.read(path, most=CONTENT, follow=False)
        except Unreadable as error:
            if str(error) == "is missing":  # taken over since
                continue
            if isinstance(error.__cause__, OSError):
                raise UserError(explained(error.__cause__, path)) from error
            raise UserError(f"{path} {error}: expected a lease of kantor's; take it away") from error
        if number > NUMBERS:
            raise UserError(f"{path}: expected a number that another one can follow; take it away")
        return _read(path, number, content)
    return None


def _read(path: Path, number: int, content: bytes) -> Found:
    """What a lease's file says; nothing where it is damaged, so that it is watched."""
    try:
        told = json.loads(content)
        owner, period = Owner(**told["owner"]), float(told["period"])
        names = (owner.host, owner.place, owner.started)
        good = all(isinstance(one, str) and re.fullmatch(r"[\x20-\x7e]{0,160}", one) for one in names)
        if not good or type(owner.process) is not int or not 0 < owner.process < 1 << 31:
            raise ValueError
        if not BEATS[0] <= period <= BEATS[1] or type(told["file"]) is not int or type(told["token"]) is not str:
            raise ValueError
        return Found(path, number, content, told["state"] == "released", period, owner, told["token"], told["file"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Found(path, number, content)


def beat_period() -> float:
    """Seconds between beats.

    Raises:
        UserError: KANTOR_BEAT is none.
    """
    given, (least, most) = os.environ.get("KANTOR_BEAT"), BEATS
    with contextlib.suppress(ValueError):
        period = BEAT if given is None else float(given)
        if least <= period <= most:
            return period
    raise UserError(f"KANTOR_BEAT={given}: expected seconds between {least:g} and {most:g}, such as 30")


def linked(path: Path, content: dict[str, object]) -> tuple[int, dict[str, object]] | None:
    """Make a lease's file with all that is in it, open; None where there is one."""
    aside = temporary(path)
    file, content = _made(aside, content)
    try:
        os.link(aside, path)
    except FileExistsError:
        if os.fstat(file).st_nlink != 2:  # on a network the first answer may be lost, and the second is no
            os.close(file)
            return None
    except OSError as error:
        os.close(file)
        if error.errno not in NO_LINKS:
            raise
        with contextlib.suppress(FileExistsError):  # for a moment it is there with nothing in it, and is watched
            return _made(path, content)
        return None
    finally:
        aside.unlink(missing_ok=True)
    return file, content


def _made(path: Path, content: dict[str, object]) -> tuple[int, dict[str, object]]:
    """A new file, open, and what is in it.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be written; then it is not.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        content = {**content, "file": os.fstat(file).st_ino}
        write(file, content)
    except BaseException:
        path.unlink(missing_ok=True)
        os.close(file)
        raise
    return file, content


def write(file: int, content: dict[str, object]) -> None:
    """Overwrite a lease's file in place, which takes no room on a full disk."""
    text = json.dumps(content)
    assert len(text) < CONTENT, text
    if os.pwrite(file, text.ljust(CONTENT - 1).encode() + b"\n", 0) < CONTENT:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        os.fsync(file)  # a network shows it to others then
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise

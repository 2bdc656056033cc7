"""Fences: what a process may write in a directory of which it holds a lease, and only for as long as it does.

A lease (`kantor.runs.lease`) is a file with a number. Somebody else may take the next number from a process that stands
still; when that wakes, it must write nothing. So whoever writes below a leased directory looks first whether the number
is still the newest. A process may be stopped between that look and the write: therefore what it writes comes out of the
lease's own scratch directory, by a rename, and whoever takes the next number takes that directory away before anything
else. The rename then finds nothing to rename.

Leases stand in an environment variable, so that the workers that a holder starts are fenced as it is.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from kantor.errors import LeaseLost

VARIABLE = "KANTOR_FENCES"

CONTENT = 512
"""Bytes of a lease's file, always as many."""

GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
"""How the system says that something is not there any more; a network's, of what another machine has taken away."""

OF_LEASES = re.compile(r"(\.[a-z]+)\.([1-9]\d{0,8})(\.[0-9a-f]{16}\.d)?")
"""Names of leases, `.lease.8`, and of their scratch directories, `.lease.8.0123456789abcdef.d`."""

_changing = threading.Lock()


@dataclass(frozen=True)
class Fence:
    """A lease as its holder knows it.

    Attributes:
        root: the directory, without links in its path.
        name: of the lease: `.lease`.
        number: of the lease.
        token: what no other lease has in its file.
        scratch: the directory out of which its holder writes.
    """

    root: str
    name: str
    number: int
    token: str
    scratch: str

    def check(self) -> None:
        """Check that the lease is the newest.

        Raises:
            LeaseLost: it is not, or the directory is gone.
        """
        path = os.path.join(self.root, self.name)
        if self.token not in _content(f"{path}.{self.number}") or os.path.lexists(f"{path}.{self.number + 1}"):
            raise LeaseLost(self._lost())

    def _lost(self) -> str:
        if not os.path.isdir(self.root):
            return (
                f"{self.root} is gone: it was deleted or moved while it was written to; this process stops and makes "
                "nothing again"
            )
        return (
            f"{self.root}: lost to {newest(self.root, self.name)}: this process held {self.name}.{self.number} and "
            "stood still for so long that another one has taken over; it stops and writes nothing more"
        )


@dataclass(frozen=True)
class Guard:
    """What fences a path: the leases that this process holds of directories above it, in the order of their taking."""

    fences: tuple[Fence, ...]

    def __bool__(self) -> bool:
        return bool(self.fences)

    @property
    def scratch(self) -> Path:
        """Where files are written before they have their name."""
        return Path(self.fences[-1].scratch)

    def check(self) -> None:
        """Check that all of them hold.

        Raises:
            LeaseLost: one does not.
        """
        for fence in self.fences:
            fence.check()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Do one thing to files that only whoever holds the leases may do.

        Raises:
            LeaseLost: they are lost, before or meanwhile.
        """
        self.check()
        try:
            yield
        except OSError as error:
            if error.errno in GONE:
                self.check()
            raise

    def make(self, directory: Path) -> None:
        """Make a directory and those above it, if they are not there; but none that is leased, which was."""
        if not self:
            directory.mkdir(parents=True, exist_ok=True)
            return
        root, below = self.fences[-1].root, os.path.realpath(directory)
        for part in Path(below).relative_to(root).parts:
            root = os.path.join(root, part)
            if not os.path.isdir(root):
                made = os.path.join(self.scratch, secrets.token_hex(8))
                os.mkdir(made)
                os.rename(made, root)


def over(path: Path) -> Guard:
    """What fences a path."""
    held = _held()
    if not held:
        return Guard(())
    place = os.path.join(os.path.realpath(path.parent), path.name)
    return Guard(tuple(fence for fence in held if place.startswith(fence.root + os.sep)))


def check() -> None:
    """Check all leases that this process holds, or that its parent does.

    Raises:
        LeaseLost: one is lost.
    """
    Guard(tuple(_held())).check()


@contextlib.contextmanager
def raised(fence: Fence) -> Iterator[None]:
    """Fence a directory for as long as the block lasts, for this process and those that it starts."""
    with _changing:
        _hold([*_held(), fence])
    try:
        yield
    finally:
        with _changing:
            _hold([one for one in _held() if one != fence])


def newest(root: str | os.PathLike[str], name: str) -> int:
    """The highest number of a directory's leases of a name; 0 where there is none, or no directory."""
    return max((number for number, scratch in numbered(root, name).values() if not scratch), default=0)


def numbered(root: str | os.PathLike[str], name: str) -> dict[str, tuple[int, bool]]:
    """The leases of a name in a directory, and their scratch directories: by file name, the number and whether it is
    one of these."""
    try:
        entries = os.listdir(root)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = ((entry, OF_LEASES.fullmatch(entry)) for entry in entries if entry.startswith(f"{name}."))
    return {entry: (int(match[2]), match[3] is not None) for entry, match in found if match and match[1] == name}


def _held() -> list[Fence]:
    return [Fence(*one) for one in json.loads(os.environ.get(VARIABLE, "[]"))]


def _hold(fences: list[Fence]) -> None:
    if fences:
        os.environ[VARIABLE] = json.dumps([astuple(fence) for fence in fences])
    else:
        os.environ.pop(VARIABLE, None)


def _content(path: str) -> str:
    """What is in a lease's file; opened anew, since networks ask the server then; nothing where it is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in GONE:
            return ""
        raise
    try:
        return os.read(file, CONTENT).decode("ascii", errors="replace")
    finally:
        os.close(file)

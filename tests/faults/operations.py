"""What a process does to files, operation by operation, so that it can die at any one of them.

An operation is what Python's audit events tell of before it happens, below one directory: a file opened to be written,
a rename, a removal, a directory made or removed; and, where they are asked for, a block half written to a file. They
are counted from 0; the process dies before the chosen one.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kantor.atomic import _Sink

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")

Chosen = Callable[[int, str], bool]
"""(number of the operation, its words) → whether the process dies before it."""


class Killed(BaseException):
    """In place of a death by SIGKILL: nothing that comes after it, in any handler, reaches the disk."""


@dataclass
class Watch:
    """The operations below a directory.

    Attributes:
        root: the directory.
        chosen: where the process dies.
        die: how.
        seen: the words of each, such as `os.rename status.json`; the last is that at which it died.
        dead: whether it has.
    """

    root: str
    chosen: Chosen
    die: Callable[[], None]
    seen: list[str] = field(default_factory=list)
    dead: bool = False

    def look(self, event: str, arguments: tuple) -> None:
        """Count an operation, and die before it if it is the chosen one."""
        name = named(event, arguments, self.root)
        if name is None:
            return
        if not self.dead:
            self.seen.append(f"{event} {name}")
            self.dead = self.chosen(len(self.seen) - 1, self.seen[-1])
        if self.dead:
            self.die()


_watch: Watch | None = None


def _hook(event: str, arguments: tuple) -> None:
    if _watch is not None and (event == "open" or event in EVENTS):
        _watch.look(event, arguments)


_installed = False


@contextmanager
def watched(root: Path, chosen: Chosen, die: Callable[[], None]) -> Iterator[Watch]:
    """Watch this process's operations below `root` for as long as the block lasts."""
    global _installed, _watch
    if not _installed:  # a hook stays for the life of a process
        sys.addaudithook(_hook)
        _installed = True
    _watch = Watch(str(root.resolve()) + os.sep, chosen, die)
    try:
        yield _watch
    finally:
        _watch = None


def watch_writes() -> None:
    """From now on a block that kantor writes to a file is an operation too, when half of it is there."""
    whole = _Sink.write

    def in_halves(sink: _Sink, block: memoryview) -> int:
        half = len(block) // 2
        written = whole(sink, block[:half]) or 0
        if written == half and _watch is not None:
            _watch.look("write", (sink._file.name,))
            written += whole(sink, block[half:]) or 0
        return written

    _Sink.write = in_halves  # type: ignore[method-assign,assignment]


def by_signal() -> None:
    """Die as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def by_exception() -> None:
    """Die without a process of one's own; the operation is not done, nor any after it."""
    raise Killed


def named(event: str, arguments: tuple, root: str) -> str | None:
    """The file that an event changes, below a directory; None for any other, and where it changes nothing."""
    path = arguments[1] if event in ("os.rename", "os.link") else arguments[0]
    if event == "open" and not arguments[2] & WRITES:
        return None
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(path)
    within = arguments[1] if event in ("os.remove", "os.rmdir") else -1  # a directory, as shutil.rmtree names it
    if within != -1:
        return path
    path = os.path.abspath(path)
    if os.path.lexists(path) == (event == "os.mkdir") and event in ("os.mkdir", "os.remove"):
        return None
    return path.removeprefix(root) if path.startswith(root) else None

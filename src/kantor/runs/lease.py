"""Leases: who holds a directory, on any file system that several machines share.

A lease is a file with a number, `.lease.8`, that names its owner and holds a counter, its beat, which the owner raises
every few seconds. The newest number counts, and stays when its owner lets go, so that numbers only grow. It is free
when it was let go of, when its owner was a process of this machine that has ended, or when its beat has stood still for
three of its periods by the clock of whoever waits: clocks are never compared. To take it is to make the file of the
next number, which of several processes one alone can do: by a hard link, or by exclusive creation where there are none.
What the former owner may still be about to write is fenced off before anything else (`kantor.fences`).
"""

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kantor import fences
from kantor.atomic import naming
from kantor.errors import Held, UserError
from kantor.fences import Fence
from kantor.messages import say_once
from kantor.runs.lease_files import BEAT, Found, beat_period, held_here, kind_of, linked, newest, write
from kantor.runs.owners import Life, Owner

PATIENCE = 3
"""Beats that may be missing before somebody else takes over."""

LOOKS = 20
"""At a lease, in one of its beats, while it is watched."""


def is_held(root: Path, name: str) -> bool:
    """Whether somebody seems to hold a directory now. Quick: of owners elsewhere the age of the last beat tells, whose
    clock may be another; who asks again and again is told by its own."""
    try:
        found = newest(root, name)
    except UserError:
        return False
    if found is None or found.released:
        return False
    watch = _watch(found)
    life = found.life()
    if life is not Life.UNKNOWN or watch.is_dead(found.period):
        return life is Life.GOING and not watch.is_dead(found.period)
    with contextlib.suppress(OSError):
        return time.time() - found.path.stat(follow_symlinks=False).st_mtime < PATIENCE * found.period
    return False


@contextlib.contextmanager
def held(root: Path, name: str, *, wait: bool) -> Iterator[None]:
    """Hold a directory for as long as the block lasts; whoever loses it meanwhile cannot write below it any more.

    Args:
        root: the directory.
        name: of the lease: `.lease`.
        wait: for whoever holds it, however long; otherwise only to see whether an owner elsewhere lives, which takes up
            to three beats.

    Raises:
        Held: somebody else holds it, and nobody waits.
        LeaseLost: by whatever writes below the directory: somebody else has taken it, or taken it away.
        UserError: KANTOR_BEAT is no number of seconds, or the lease that lies there cannot be read.
        OSError: the lease cannot be written.
    """
    lease = _taken(Path(os.path.realpath(root)), name, wait=wait)
    try:
        with fences.raised(lease.fence):
            yield
    finally:
        lease.release()


@dataclass
class Watch:
    """How long a lease has stood still, by this process's own clock. Between two looks no more than a beat is counted:
    this process may have stood still itself, and with it the owner, as all do that are frozen together.

    Attributes:
        still: seconds.
        beaten: when it was last seen to have changed; None while it was not.
    """

    still: float = 0.0
    beaten: float | None = None
    _content: bytes | None = field(default=None, repr=False)
    _looked: float = 0.0

    def look(self, content: bytes, period: float, now: float) -> None:
        """Take in what the lease holds now."""
        if content == self._content:
            self.still += min(now - self._looked, period)
        else:
            lately = self._content is not None and now - self._looked < PATIENCE * period
            self.still, self.beaten = 0.0, now if lately else None
        self._content, self._looked = content, now

    def is_dead(self, period: float) -> bool:
        """Whether it has stood still for too long."""
        return self.still >= PATIENCE * period

    def is_alive(self, period: float) -> bool:
        """Whether it had changed not long ago when it was looked at."""
        return self.beaten is not None and self._looked - self.beaten < PATIENCE * period


_watches: dict[str, Watch] = {}
"""By the leases' paths without their number. A process that looks at one again and again, as workers of a sweep do,
need not wait each time."""


def _watch(found: Found) -> Watch:
    """What is known of a lease that has been looked at now."""
    watch = _watches.setdefault(os.path.realpath(found.path.with_suffix("")), Watch())
    watch.look(found.content, found.period, time.monotonic())
    return watch


def _taken(root: Path, name: str, *, wait: bool) -> "Lease":
    while True:
        found = newest(root, name)
        if found is None:
            lease = _claimed(root, name, 1)
        else:
            watch, life = _watch(found), found.life()
            if found.released or life is Life.GONE or watch.is_dead(found.period):
                lease = _claimed(root, name, found.number + 1)
            elif not wait and (life is Life.GOING or watch.is_alive(found.period)):
                raise _held(root, found)
            else:
                lease = None
                if life is Life.UNKNOWN:
                    seconds = PATIENCE * found.period
                    say_once(f"{root} is held{_by(found)}: watching for up to {seconds:.3g} s whether that still works")
                time.sleep(min(found.period, BEAT) / LOOKS / (10 if wait else 1))
        if lease is not None:
            return lease


def _held(root: Path, found: Found) -> Held:
    return Held(
        f"{root} is in use by another kantor process{_by(found)}: wait for it or stop it (`kantor status` shows it), "
        "then give the command again"
    )


def _by(found: Found) -> str:
    return f" ({found.owner.process} on {found.owner.host})" if found.owner is not None else ""


class Lease:
    """A lease that this process holds; its beat is raised by a thread.

    Args:
        fence: what it is.
        file: its file, open: another one of the same name is not written to.
        content: what is in the file besides the beat.
    """

    def __init__(self, fence: Fence, file: int, content: dict[str, object]) -> None:
        self.fence = fence
        self._file, self._content, self._process = file, content, os.getpid()
        self._done = threading.Event()
        self._beating = threading.Thread(target=self._beat, name=f"beat of {fence.name}.{fence.number}", daemon=True)
        self._beating.start()

    def _beat(self) -> None:
        count = 0
        while not self._done.wait(float(str(self._content["period"]))):
            count += 1
            with contextlib.suppress(OSError):  # the disk is full or away for a moment: the next one may come through
                write(self._file, {**self._content, "beat": count})

    def release(self) -> None:
        """Let go; not in a process that was forked from the holder."""
        if os.getpid() != self._process:
            return
        held_here.discard(self.fence.token)
        self._done.set()
        self._beating.join()
        shutil.rmtree(self.fence.scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # then it is free when this process has ended
            write(self._file, {**self._content, "state": "released"})
        os.close(self._file)


def _claimed(root: Path, name: str, number: int) -> Lease | None:
    """Take a number; None where somebody else has, or has taken a higher one."""
    token, period = secrets.token_hex(8), beat_period()
    content = {"state": "held", "token": token, "period": period, "owner": asdict(Owner.here()), "beat": 0}
    fence = Fence(str(root), name, number, token, str(_scratch(root, name, number, token)))
    lease = None
    held_here.add(token)
    try:
        with naming(root / f"{name}.{number}"):
            lease = _fenced(fence, content)
        return lease
    finally:
        if lease is None:
            held_here.discard(token)


def _fenced(fence: Fence, content: dict[str, object]) -> Lease | None:
    """A lease, once its file is there and nobody else can write."""
    root, path = Path(fence.root), Path(fence.root) / f"{fence.name}.{fence.number}"
    made = linked(path, content)
    if made is None:
        return None
    file, content = made
    try:
        os.mkdir(fence.scratch)
        if fences.newest(root, fence.name) != fence.number:  # this process stood still, and the numbers went by
            os.rmdir(fence.scratch)
            path.unlink(missing_ok=True)
            os.close(file)
            return None
        _fence_off(root, fence)
    except BaseException:
        with contextlib.suppress(OSError):
            write(file, {**content, "state": "released"})
        os.close(file)
        raise
    return Lease(fence, file, content)


def _scratch(root: Path, name: str, number: int, token: str) -> Path:
    """Where the holder of a lease writes; within that of a lease which it holds of the same directory already, so that
    to lose either is to lose it."""
    outer = fences.over(root / name)
    return (outer.scratch if outer else root) / f"{name}.{number}.{token}.d"


def _fence_off(root: Path, fence: Fence) -> None:
    """Take away what lower numbers have left, their scratch directories at one blow each: from then on whatever their
    holders still rename out of them is not found."""
    own = Path(fence.scratch)
    for place in [root, *(entry for entry in root.iterdir() if kind_of(entry.name) == "a directory")]:
        for entry, (number, is_scratch) in fences.numbered(place, fence.name).items():
            if number < fence.number and is_scratch:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(place / entry, own / entry)
            elif number < fence.number:
                (place / entry).unlink(missing_ok=True)
    for left in list(own.iterdir()):
        shutil.rmtree(left, ignore_errors=True)

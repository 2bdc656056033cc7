"""Locks between processes of one user's caches and of what a command writes by itself: the kernel's, which lets go
however a process ends; only POSIX systems have them. Runs, which several machines may work on, have leases.

Some file systems have none, such as those of cloud drives and some networks. Then a file in this user's directory for
temporary files is locked in place of the one that was named: processes of this machine see that, others do not.
"""

import contextlib
import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kantor import places
from kantor.errors import UserError
from kantor.messages import say_once

try:
    import fcntl
except ImportError:
    SERVED = False
else:
    SERVED = True

ATTEMPTS = 20
"""At a file that others take away while it is being locked; some file systems number an open file and a named one
differently, and there all are in vain."""

NONE_HERE = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""How a file system says that it has no locks."""


def check_platform() -> None:
    """Check that kantor runs here.

    Raises:
        UserError: it does not.
    """
    if not SERVED:
        raise UserError(
            f"kantor runs on Linux and macOS, and this is {sys.platform}, whose files have no such locks; on Windows "
            "take WSL, the Linux in it"
        )


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a file, which is made, for as long as the block lasts.

    Args:
        path: of the file.
        wait: for whoever holds it.

    Raises:
        BlockingIOError: another process holds it, and nobody waits.
        OSError: the file cannot be opened to write to it.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(ATTEMPTS):
            stack.close()
            held = _lock(stack, path, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _lies_at(path, held):
                break
        yield


def _lies_at(path: Path, held: IO[bytes]) -> bool:
    """Whether a file still has its name: whoever held the lock before may have moved it or taken it away."""
    try:
        return os.path.samestat(os.fstat(held.fileno()), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _lock(stack: contextlib.ExitStack, path: Path, kind: int) -> IO[bytes]:
    """Lock a file until the stack unwinds, or what stands for it; the file."""
    file = stack.enter_context(_opened(path))
    if _locks(file, kind):
        return file
    say_once(f"{path.parent} is on a file system without locks: take care that one machine at a time works there")
    substitute = places.temporary()
    if substitute is not None:
        name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
        _locks(stack.enter_context(_opened(substitute / f"{name}.lock")), kind)
    return file


def _locks(handle: IO[bytes], kind: int) -> bool:
    """Lock an open file; False on a file system that cannot."""
    try:
        fcntl.flock(handle, kind)
    except OSError as error:
        if error.errno not in NONE_HERE:
            raise
        return False
    return True


def _opened(path: Path) -> IO[bytes]:
    """A file, no link to another, opened without waiting for anybody."""
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666))

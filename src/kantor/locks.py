"""Locks on files, which the kernel lets go of however their process ends: what only POSIX systems have."""

import sys
from typing import IO, Any

from kantor.errors import UserError

try:
    import fcntl
except ImportError:
    SERVED = False
else:
    SERVED = True


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


def lock(handle: IO[Any], *, wait: bool) -> None:
    """Lock an open file for this process.

    Raises:
        BlockingIOError: another has it, and this one does not wait.
        OSError: the file system has no locks.
    """
    fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)

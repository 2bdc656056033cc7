"""Commands in children that are forked from this process, which has imported everything: a trial costs no start, what
crashes or swells takes only itself down, and root's rights to pass over permissions are given up.
"""

import ctypes
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60.0
"""After which a command hangs."""
MEMORY = 6 << 30
"""Bytes of address space beyond what this process has."""


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code, negative for a signal; None where it hung.
        out: what it printed.
        err: what it complained of.
        memory: bytes that it held at most, those of this process among them.
    """

    code: int | None
    out: str
    err: str
    memory: int


def forked(work: Callable[[], int], place: Path, home: Path) -> Ended:
    """Let a child do something in a directory.

    Args:
        work: gives the exit code.
        place: where it stands.
        home: a directory for what it prints.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _obey(work, place, home)
    began, ended, hung = time.monotonic(), 0, False
    while not ended:
        time.sleep(0.002)
        ended, status, used = os.wait4(child, os.WNOHANG)
        if not ended and not hung and time.monotonic() - began > SECONDS:
            hung = True
            os.kill(child, signal.SIGKILL)
    out, err = ((home / name).read_text(encoding="utf-8", errors="surrogateescape") for name in ("out", "err"))
    return Ended(None if hung else os.waitstatus_to_exitcode(status), out, err, used.ru_maxrss << 10)


def _obey(work: Callable[[], int], place: Path, home: Path) -> None:
    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(place)
        _as_anybody()
        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 1 << 20
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _as_anybody() -> None:
    """Give up what lets root read and write everything; elsewhere than on Linux there is nothing to do it with."""
    if os.geteuid() == 0 and sys.platform == "linux":
        version, nobody = 0x20080522, 0
        header = (ctypes.c_uint32 * 2)(version, nobody)
        none = (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0

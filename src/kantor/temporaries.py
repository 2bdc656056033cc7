"""Temporaries: hidden siblings under whose names files are written until they are whole. A killed process leaves them;
the name tells by which process of which machine, so that the next one that writes there takes away what nobody writes.
"""

import contextlib
import functools
import os
import platform
import re
import secrets
from pathlib import Path

HOST = re.sub(r"[^A-Za-z0-9-]", "", platform.node())[:24] or "here"
"""This machine; on file systems that several share, the numbers of processes are of one each."""


def temporary(path: Path) -> Path:
    """A new name for what is to become `path`; what killed processes have left beside it is gone."""
    _tidy(path.parent.absolute())
    return path.with_name(unique(path.name))


def unique(name: str) -> str:
    """A name that no other temporary has."""
    return f".{name[:48]}.{HOST}.{os.getpid()}.{secrets.token_hex(4)}.tmp"


def is_written(path: Path) -> bool:
    """Whether another process of this machine is writing a temporary."""
    writer = _writer(path)
    return writer is not None and writer != os.getpid() and _lives(writer)


@functools.cache
def _tidy(directory: Path) -> None:
    """Once a process: some directories hold many files."""
    with contextlib.suppress(OSError):
        for path in directory.glob(f".*.{HOST}.*.tmp"):
            writer = _writer(path)
            if writer is not None and not _lives(writer):
                path.unlink(missing_ok=True)


def _writer(path: Path) -> int | None:
    """The process of this machine that wrote a temporary; None of any other file."""
    found = re.fullmatch(rf"\..+\.{HOST}\.(\d{{1,9}})\.[0-9a-f]{{8}}\.tmp", path.name)
    return None if found is None else int(found[1])


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True

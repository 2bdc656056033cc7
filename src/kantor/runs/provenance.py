"""Who made something and by which code: the command, kantor's version and commit, and the commit of the user's own
project, which is the repository that the command was given in."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from kantor.version import PACKAGE, __version__

given: list[str] = []
"""The words of the command line as they were typed, which Hydra replaces by its own in a sweep; empty from Python."""


def provenance() -> dict[str, Any]:
    """As environments and cards hold it."""
    return {
        "command": given or sys.argv,
        "kantor": {"version": __version__, "git": commit(PACKAGE)},
        "project": commit(Path.cwd()),
    }


def commit(directory: Path) -> dict[str, Any] | None:
    """Commit and dirty flag of the repository that a directory lies in; None outside of one."""
    try:
        found, changes = _git(directory, "rev-parse", "HEAD"), _git(directory, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": found.strip(), "dirty": bool(changes.strip())}


def _git(directory: Path, *words: str) -> str:
    """What git prints. Without its optional locks, which a kill would leave behind for the user to stumble over."""
    command = ["git", "--no-optional-locks", *words]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout

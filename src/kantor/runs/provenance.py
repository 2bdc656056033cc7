"""Who made something and by which code: the command, kantor's version and commit, and the commit of the user's own
project, which is the repository that the command was given in."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kantor.version import PACKAGE, __version__

PARTS = ("index", "objects", "info/exclude")
"""Of a repository, what its status needs."""

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
    """Commit and dirty flag of the repository that a directory lies in; None outside of one.

    The directory may be somebody else's, and a repository's own configuration names commands that `git status` runs
    (core.fsmonitor, filters, hooks). So only what runs none is asked of it, and the status of a repository without
    configuration that borrows its index and objects.
    """
    try:
        found = _git(directory, "rev-parse", "HEAD").strip()
        top, *parts = _git(
            directory, "rev-parse", "--show-toplevel", *(word for part in PARTS for word in ("--git-path", part))
        ).splitlines()
        index, objects, exclude = (directory.absolute() / part for part in parts)
        with tempfile.TemporaryDirectory() as place:
            for name in ("refs", "info"):
                (Path(place) / name).mkdir()
            if exclude.is_file():
                shutil.copyfile(exclude, Path(place) / "info" / "exclude")
            (Path(place) / "HEAD").write_text(f"{found}\n", encoding="ascii")
            where = (f"--git-dir={place}", f"--work-tree={top}", "-c", "core.fsmonitor=false")
            borrowed = {"GIT_INDEX_FILE": str(index), "GIT_OBJECT_DIRECTORY": str(objects)}
            changes = _git(Path(top), *where, "status", "--porcelain", "--ignore-submodules=dirty", **borrowed)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"commit": found, "dirty": bool(changes.strip())}


def _git(directory: Path, *words: str, **variables: str) -> str:
    """What git prints. Without its optional locks, which a kill would leave behind for the user to stumble over."""
    command = ["git", "--no-optional-locks", *words]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout

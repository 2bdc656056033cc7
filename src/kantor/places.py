"""Directories of this user's own, where there are any: for what can be made again, and for what outlives no restart."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from kantor.errors import UserError
from kantor.messages import say_once
from kantor.paths import path_of


def cache_root() -> Path:
    """The directory of everything that can be made again: KANTOR_CACHE when set, else XDG_CACHE_HOME/kantor, else
    ~/.cache/kantor; without a home that can be written to, in the directory for temporary files."""
    if "KANTOR_CACHE" in os.environ:
        return path_of(os.environ["KANTOR_CACHE"])
    home = path_of(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "kantor"
    if home.parts[0] != "~" and _can_be_made(home):  # "~": this user has none
        return home
    substitute = temporary()
    if substitute is None:
        raise UserError(
            f"there is no place for kantor's cache ({home} cannot be written to): name one, KANTOR_CACHE=DIR"
        )
    say_once(f"{home} cannot be written to, so the cache is {substitute}; KANTOR_CACHE=DIR names another")
    return substitute / "cache"


def temporary() -> Path | None:
    """A directory of this user's for what may be lost, which nobody else can write to; None where there is none."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    with contextlib.suppress(OSError):
        place = Path(tempfile.gettempdir()) / f"kantor-{user}"
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022:
            return place
    return None


def _can_be_made(place: Path) -> bool:
    """Whether a directory is there, or may be made where the first above it is."""
    above = next(one for one in (place, *place.parents) if os.path.lexists(one))
    return above == place or os.access(above, os.W_OK | os.X_OK)

"""Lookalikes: files and directories that seem to be those of a data set, in another place or under another name than
expected. Who has them is told so; nothing is downloaded beside them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

DEPTH, ENTRIES = 4, 50_000
"""How far below a directory is looked, and at how many entries."""
NAMED = 4
"""Lookalikes that a sentence names."""


def lookalikes(root: Path, pattern: str) -> list[Path]:
    """What lies below a directory with a name like that, sorted; nothing hidden, and not more than `ENTRIES` deep.

    Args:
        root: need not exist.
        pattern: all of a name in small letters, with "-" for dots, blanks and underscores.
    """
    like = re.compile(pattern)
    return sorted(path for path in _below(root) if like.fullmatch(re.sub(r"[ ._]", "-", path.name.lower())))


def _below(root: Path) -> Iterator[Path]:
    """The entries of directories of at most `DEPTH` levels, those near the top first."""
    level, seen = [root], 0
    for _ in range(DEPTH):
        below: list[Path] = []
        for directory in level:
            try:
                entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
            except OSError:  # not there, or not ours to read
                continue
            for entry in entries:
                seen += 1
                if seen > ENTRIES:
                    return
                if not entry.name.startswith("."):
                    yield Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        below.append(Path(entry.path))
        level = below


def pointed_at(paths: list[Path]) -> str:
    """A sentence about lookalikes; "" of none."""
    if not paths:
        return ""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return f"; it may be what lies there as {', '.join(map(str, paths[:NAMED]))}{more}: rename or link that"

"""Paths as a user gives them: `~` is the home directory, and nothing else in them means anything."""

import os
from pathlib import Path

KEYS = ("outputs", "data.root", "data.archive", "extractor.weights", "sampler.guide")
"""Keys of the configuration that are paths; of others, values that begin as one of `BEGINNINGS`."""

BEGINNINGS = ("/", "./", "../", "~/")


def path_of(given: str | os.PathLike[str]) -> Path:
    """Where a path leads; `~somebody` whom this machine does not know is a name like any other."""
    return Path(os.path.expanduser(given))


def is_path(key: str, value: str) -> bool:
    """Whether `key=value` gives a path, so that the value is taken as it is."""
    return (key in KEYS and value not in ("", "null")) or value.startswith(BEGINNINGS)

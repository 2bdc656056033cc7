"""Marks: directories that kantor wrote are told from the user's own by a small hidden file, so that pictures of samples
do not become data. A run's directory is known by its files too."""

from collections.abc import Collection, Iterable
from pathlib import Path

from kantor.atomic import write_text
from kantor.errors import UserError
from kantor.paths import path_of

MARK = ".kantor"
TEXT = "kantor wrote this directory: what is in it belongs to no data set.\n"
OF_RUNS = {"status.json", "config.yaml"}


def claim(directory: Path, ours: Collection[str] = ()) -> None:
    """Make a directory, and mark it where nothing lies in it yet but files with names of ours: what lies there is the
    user's."""
    directory.mkdir(parents=True, exist_ok=True)
    if is_ours(directory, ours) and not (directory / MARK).exists():
        write_text(directory / MARK, TEXT)


def is_ours(directory: Path, ours: Collection[str] = ()) -> bool:
    """Whether a directory is marked, or would be by `claim()`; also of one that is not there yet."""
    names = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    names = {name for name in names if not name.startswith(f".{MARK}.")}  # a temporary that was to become one
    return MARK in names or names.issubset(ours)


def is_claimed(names: Collection[str]) -> bool:
    """Whether a directory with entries of these names is one that kantor wrote."""
    return MARK in names or OF_RUNS.issubset(names)


def check_apart(key: str, given: str, inputs: Iterable[Path]) -> None:
    """Check that what is to be written does not lie among data.

    Args:
        key: by which the place was named.
        given: the place.
        inputs: directories of data.

    Raises:
        UserError: it does.
    """
    place = path_of(given).resolve()
    for directory in inputs:
        if place.is_relative_to(directory.resolve()):
            raise UserError(
                f"{key}={given} lies in {directory}, whose pictures are data, and what is written there would become "
                "data too: name a place outside"
            )

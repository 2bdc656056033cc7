"""A directory that is there with all its files, or not at all: it is filled under another name beside its own.

What a killed process has left under that name is taken away by the next one that fills the same directory.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from kantor import locks
from kantor.errors import UserError
from kantor.marks import MARK, claim, is_ours


@contextlib.contextmanager
def filling(directory: Path) -> Iterator[Path]:
    """Yield a marked directory to write to, which becomes `directory` when the block ends without an error.

    Args:
        directory: is not there, or has nothing in it but a mark.

    Raises:
        UserError: another process fills it, or somebody's files lie where it would be filled.
        OSError: it cannot be written.
    """
    directory = directory.resolve()
    aside = directory.with_name(f".{directory.name[:48]}.partial")
    if not is_ours(aside):
        raise UserError(f"out={directory}: {aside} is in the way, and none of kantor's: take it away, or name another")
    claim(aside)
    try:
        with locks.locked(aside / MARK, wait=False):  # which stays in it, so that it is held until all has its name
            try:
                _empty(aside)
                yield aside
                if directory.is_dir() and [entry.name for entry in directory.iterdir()] == [MARK]:
                    (directory / MARK).unlink()
                aside.rename(directory)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
    except BlockingIOError as error:
        raise UserError(f"out={directory} is being written by another kantor process: wait for it") from error


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.name != MARK:
            entry.unlink()

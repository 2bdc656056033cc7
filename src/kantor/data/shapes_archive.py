"""The lecture's archive of shapes, or another of 64×64 pictures, read from front to back into one uint8 array in the
cache (a .tar.gz has no other way), in bounded memory; a build that was interrupted goes on where it was.

A prepared directory holds pixels.npy (N, 3, 64, 64) and digests.npy (N, 16) of the pictures, in the archive's order,
names.json (which member each row is), notes.json (what they are like, by chunks of rows) and unread.json (how many
members are no pictures, by ending).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kantor import keyed
from kantor.data import archives, cache, levels, sameness
from kantor.data.decode import BrokenImage, ExactDecoder
from kantor.data.images import ImageSet, Split
from kantor.data.manifest import is_picture, unread_remarks
from kantor.data.notes import Notes
from kantor.data.shapes import SIDE
from kantor.errors import UserError
from kantor.progress_bar import ProgressBar

BOUNDS = archives.Bounds(member=1 << 26, total=1 << 34, members=500_000)
HELD_OUT = 10  # every so many pictures one of the test split
HOLDOUT_SEED = 0  # everybody holds out the same
DECODER = ExactDecoder(SIDE, None, "RGB", "black")


def describe(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256 of an archive, and how it is split; not its name, which anybody may change."""
    file = cache.describe_file(path)
    return {"bytes": file["bytes"], "sha256": file["sha256"], "held_out": HELD_OUT}


def load(path: Path, directory: Path, split: Split, *, title: str) -> ImageSet:
    """A split of the pictures, sorted by the names of the members, whatever their order in the archive.

    A tenth, rounded down, is the test split: the first of a permutation that depends on the number of pictures alone,
    each with all its copies, but for such as have too many.

    Args:
        path: the archive.
        directory: where the prepared pictures lie, named by what they are made from.
        split: which one.
        title: stands beside the progress bar.

    Raises:
        UserError: the archive is damaged, hostile or has fewer than ten pictures, or no two that differ, or one of them
            is broken or not of 64×64 pixels.
    """
    pixels, names = directory / "pixels.npy", directory / "names.json"
    with cache.locked(directory):
        noted = [cache.read_note(directory / name) for name in ("names.json", "unread.json", "notes.json")]
        if None in noted:
            cache.forget(pixels)
        if not cache.is_whole(pixels):
            every = [name for name, _ in archives.members(path, bounds=BOUNDS)]
            found = list(filter(is_picture, every))
            if len(found) < HELD_OUT:
                raise UserError(
                    f"archive={path}: pictures in it: {len(found)}; expected at least {HELD_OUT} of {SIDE}×{SIDE} "
                    "pixels, to hold a tenth out: name another archive, or render instead, archive=null"
                )
            if None in noted:
                cache.write_note(names, found)
                cache.write_note(directory / "unread.json", _endings(every))
                cache.write_note(directory / "notes.json", {})
            shape = (len(found), *DECODER.shape)
            with ProgressBar(title, None, unit="pictures") as bar:
                fill = _filler(path, directory / "notes.json")
                cache.array(pixels, shape=shape, dtype="uint8", fill=fill, progress=bar.reach)
        array = cache.mapped(pixels)
        digests = sameness.kept(directory / "digests.npy", array)
        try:
            chosen = rows(cache.read_note(names), digests, split)
        except ValueError as error:
            raise UserError(
                f"archive={path}: its {len(array):,} pictures are all one: expected others, to hold a tenth out: name "
                "another archive, or render instead, archive=null"
            ) from error
        return ImageSet(array, None, chosen)


def remarks(directory: Path) -> list[str]:
    """What an archive's files are like, of a prepared directory."""
    unread = Counter(cache.read_note(directory / "unread.json"))
    notes = Notes.gathered(cache.read_note(directory / "notes.json"))
    return [f"coded by: {notes.codec}", *unread_remarks(unread), *notes.sentences()]


def _endings(names: list[str]) -> Counter[str]:
    """How many files are no pictures by their names, nor hidden, by ending."""
    plain = [PurePosixPath(name) for name in names if not is_picture(name)]
    return Counter(
        one.suffix.lower() for one in plain if not any(part.startswith((".", "__MACOSX")) for part in one.parts)
    )


def rows(names: list[str], digests: np.ndarray, split: Split) -> np.ndarray:
    """Which of the pictures belong to a split, in the order of their names; int64 (N,).

    Raises:
        ValueError: all are one.
    """
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    rng = keyed.generator(HOLDOUT_SEED, "holdout", len(names))
    test = sameness.chosen(rng.permutation(len(names)), digests[order], len(names) // HELD_OUT)
    return order[test if split == "test" else ~test]


def _pictures(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the members that are pictures by their names, in the archive's order."""
    for name, content in archives.members(path, bounds=BOUNDS):
        if is_picture(name):
            yield name, content


def _filler(path: Path, notes: Path) -> Callable[[np.ndarray, int, int], None]:
    """Decodes rows start … stop-1 as `cache.array` asks for them; each but the first begins where the last ended."""
    stream, at = _pictures(path), 0

    def fill(rows: np.ndarray, start: int, stop: int) -> None:
        nonlocal at
        whole = []
        for row, (name, content) in zip(rows, islice(stream, start - at, stop - at), strict=True):
            try:
                decoded = DECODER.read(content)
                levels.check(f"{path}: {name}", decoded.deep is not None, decoded.deep or 0, bits=None)
                row[...] = decoded.pixels
                whole.append(decoded)
            except BrokenImage as error:
                raise UserError(
                    f"archive={path}: the member {name!r} is no picture of {SIDE}×{SIDE} pixels ({error}): get the "
                    "archive from its source again, or render instead, archive=null"
                ) from error
        cache.write_note(notes, {**cache.read_note(notes), str(start): Notes.of(whole).plain()})
        at = stop

    return fill

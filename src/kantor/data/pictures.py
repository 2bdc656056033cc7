"""Many files of pictures as one uint8 array in the cache, decoded by all cores in bounded memory; a build that was
interrupted goes on where it was.

A prepared directory holds pixels.npy (M, C, H, W), digests.npy (M, 16) of the pictures, names.json (which file each row
is), notes.json (what the files are like, by chunks of rows) and broken.json (the files that could not be decoded, and
why; their rows are black and belong to no split).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from kantor.data import cache, levels, sameness
from kantor.data.archives import DamagedMember
from kantor.data.decode import BrokenImage, Decoded, Decoder
from kantor.data.images import ImageSet, Split
from kantor.data.manifest import threads
from kantor.data.notes import Notes
from kantor.errors import UserError
from kantor.messages import say
from kantor.progress_bar import ProgressBar

NAMED = 5
"""Broken files that a sentence names."""


class Source(Protocol):
    """Where the bytes of pictures come from."""

    @property
    def names(self) -> list[str]:
        """Of the files, in the order of the rows."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            DamagedMember, BrokenImage: it cannot be had, while others may be whole.
        """
        ...


@dataclass(frozen=True)
class Pictures:
    """Decoded files.

    Attributes:
        title: of the set, in sentences.
        pixels: uint8 (M, C, H, W), mapped.
        digests: uint8 (M, 16), by which pictures are one (`sameness`).
        names: of the files, one a row.
        broken: why, by name of a file that is no whole picture.
        listing: the JSON file that holds `broken`, where any are.
        notes: what the files are like.
    """

    title: str
    pixels: np.ndarray
    digests: np.ndarray
    names: list[str]
    broken: dict[str, str]
    listing: Path
    notes: Notes

    @property
    def whole(self) -> np.ndarray:
        """Which rows are not broken, bool (M,)."""
        return np.array([name not in self.broken for name in self.names], dtype=bool)

    def held_out(self, share: float) -> np.ndarray:
        """`held_out()` of the whole ones, by what their pixels are; bool (M,)."""
        whole = self.whole
        chosen = np.zeros(len(whole), dtype=bool)
        chosen[whole] = held_out([digest.tobytes().hex() for digest in self.digests[whole]], share)
        return chosen

    def copies(self, train: np.ndarray, test: np.ndarray) -> int:
        """How many pictures of a test split, bool (M,), are one with some of a training split, bool (M,)."""
        known = {one.tobytes() for one in self.digests[train & self.whole]}
        return sum(one.tobytes() in known for one in self.digests[test & self.whole])

    def split(self, split: Split, chosen: np.ndarray, labels: np.ndarray | None = None) -> ImageSet:
        """The rows that are chosen, bool (M,), and not broken, as one split.

        Raises:
            UserError: there are none.
        """
        title = f"the {split} split of {self.title}"
        rows = np.flatnonzero(chosen & self.whole)
        if not len(rows):
            raise UserError(
                f"{title} has no whole picture: the files that belong to it, {int(chosen.sum()):,}, are all broken: "
                "mend them, or add others"
            )
        return ImageSet(self.pixels, labels, rows)

    def say(self, remarks: Sequence[str]) -> None:
        """Say remarks, and how many files were skipped, the names of the first and where all are listed."""
        for remark in remarks:
            say(f"{self.title}: {remark}")
        if self.broken:
            counted = f"{len(self.broken)} of {len(self.names)} pictures are broken and left out"
            say(f"{self.title}: {counted}: {_first(self.broken)}; {self.listing} lists all with the reasons")


def prepared(
    directory: Path,
    *,
    source: Callable[[], AbstractContextManager[Source]],
    decoder: Decoder,
    broken: Literal["stop", "skip"],
    title: str,
) -> Pictures:
    """The pictures of a source, built when they are not there yet.

    Args:
        directory: where they lie, named by a fingerprint of what they are made from.
        source: opens it; not called when everything is there.
        decoder: what becomes of a file.
        broken: whether a file that is no whole picture stops the build or is skipped.
        title: stands beside the progress bar and in errors.

    Raises:
        UserError: files are broken and `broken` is stop; the first are named, and those up to them are counted. Or
            their levels have not as many bits as they declare.
    """
    pixels, names, faults = directory / "pixels.npy", directory / "names.json", directory / "broken.json"
    chunks = directory / "notes.json"
    with cache.locked(directory):
        noted = [cache.read_note(path) for path in (names, faults, chunks)]
        if None in noted:
            cache.forget(pixels)
        if not cache.is_whole(pixels):
            with source() as opened, ProgressBar(title, None, unit="pictures") as bar:
                for path, value in ((names, opened.names), (faults, {}), (chunks, {})) if None in noted else ():
                    cache.write_note(path, value)
                cache.array(
                    pixels,
                    shape=(len(opened.names), *decoder.shape),
                    dtype="uint8",
                    fill=_Filler(opened, decoder, faults, chunks, title=title, stop=broken == "stop"),
                    progress=bar.reach,
                )
        listed, known = cache.read_note(names), cache.read_note(faults)
        if broken == "stop" and known:
            raise _stopped(title, known, f"{len(listed)} pictures")
        notes = Notes.gathered(cache.read_note(chunks))
        levels.check(title, notes.deep, notes.largest, bits=decoder.bits, coloured=notes.coloured)
        mapped = cache.mapped(pixels)
        digests = sameness.kept(directory / "digests.npy", mapped)
        return Pictures(title, mapped, digests, listed, known, faults, notes)


class _Filler:
    """Decodes rows start … stop-1 of the array, as `cache.array` asks for them."""

    def __init__(self, source: Source, decoder: Decoder, faults: Path, chunks: Path, *, title: str, stop: bool) -> None:
        self.source, self.decoder, self.faults, self.chunks = source, decoder, faults, chunks
        self.title, self.stop = title, stop
        self.names = source.names

    def __call__(self, rows: np.ndarray, start: int, stop: int) -> None:
        found: dict[str, str] = {}
        whole: list[Decoded] = []
        with ThreadPoolExecutor(threads()) as pool:
            names = self.names[start:stop]
            for row, name, picture in zip(rows, names, pool.map(self._decoded, names), strict=True):
                if isinstance(picture, str):
                    found[name] = picture
                    row[...] = 0
                else:
                    whole.append(picture)
                    row[...] = picture.pixels
        if found and self.stop:  # the rest of the rows is looked at, so that more than one can be named
            raise _stopped(self.title, {**cache.read_note(self.faults), **found}, f"the first {stop} pictures")
        if found:  # before the rows count as done
            cache.write_note(self.faults, {**cache.read_note(self.faults), **found})
        cache.write_note(self.chunks, {**cache.read_note(self.chunks), str(start): Notes.of(whole).plain()})

    def _decoded(self, name: str) -> Decoded | str:
        try:
            return self.decoder.read(self.source.read(name))
        except DamagedMember as error:
            return error.reason
        except BrokenImage as error:
            return str(error)


def _stopped(title: str, broken: dict[str, str], among: str) -> UserError:
    found = f"{len(broken)} of {among} {'is' if len(broken) == 1 else 'are'} broken: {_first(broken)}"
    return UserError(f"{title}: {found}; mend or remove what is broken, or leave it out, data.broken=skip")


def _first(broken: dict[str, str]) -> str:
    """The first broken files with their reasons, and how many more there are."""
    named = [f"{printable(name)} ({reason})" for name, reason in list(broken.items())[:NAMED]]
    return ", ".join(named) + (f" and {len(broken) - NAMED} more" if len(broken) > NAMED else "")


def both_sides(count: int) -> list[str]:
    """The sentence about so many held-out pictures that are one with some to train on."""
    return [f"{count:,} of the held-out pictures are training pictures too, or mirrored ones"] if count else []


def printable(name: str) -> str:
    """A file's name with escapes for bytes that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def held_out(digests: Sequence[str], share: float) -> np.ndarray:
    """A fixed choice of about `share` of the pictures, at least one but not all; bool (N,).

    Those with the lowest digests: whether a picture is chosen does not depend on the order, and hardly on which others
    there are; pictures of equal digests fall on the same side.

    Raises:
        UserError: all are one.
    """
    order = sorted(digests)
    if len(set(order)) < 2:
        raise UserError(
            f"{len(order)} whole pictures are there, no two that differ: expected at least two, to hold one out"
        )
    last = order[max(round(len(order) * share), 1) - 1]
    if last == order[-1]:  # not all
        last = max(digest for digest in order if digest != last)
    return np.array([digest <= last for digest in digests], dtype=bool)

"""digests.csv: what a training's state was at each of its checkpoints, as SHA-256 of weights, optimizers and of what
sampling needs. Bits depend neither on how often a run was stopped nor on when, and so neither does this file.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kantor.atomic import append_rows, remove
from kantor.plain_files import is_there
from kantor.runs import door

BYTES = 1 << 24


class DigestRow(NamedTuple):
    """The state after a step.

    Attributes:
        steps: training steps.
        weights: of all weights, buffers and averages, 64 hex digits.
        optimizers: of what the optimizers keep.
        sampling: of what generator.safetensors holds.
    """

    steps: int
    weights: str
    optimizers: str
    sampling: str


def read_digests(path: Path) -> list[DigestRow]:
    """The rows of a run's digests.csv. No file: no rows; a last one that was torn by a kill is none.

    Raises:
        UserError: it is damaged.
    """
    return list(_rows(path, door.text(path, BYTES))) if is_there(path) else []


def _rows(path: Path, written: str) -> Iterator[DigestRow]:
    lines, before = csv.reader(io.StringIO(written[: written.rfind("\n") + 1])), 0
    for number, cells in enumerate(lines, start=1):
        if number == 1 and cells == list(DigestRow._fields):
            continue
        if len(cells) != 4 or not re.fullmatch(r"[0-9]{1,18}", cells[0]) or int(cells[0]) <= before:
            raise door.damaged(path, f"line {number}: expected {', '.join(DigestRow._fields)}, steps one after another")
        if not all(re.fullmatch(r"[0-9a-f]{64}", cell) for cell in cells[1:]):
            raise door.damaged(path, f"line {number}: expected SHA-256, 64 hex digits each")
        before = int(cells[0])
        yield DigestRow(before, *cells[1:])


def append_digests(path: Path, row: DigestRow) -> None:
    """Add a row."""
    append_rows(path, list(DigestRow._fields), [row._asdict()], whole=not is_there(path))


def write_digests(path: Path, rows: Sequence[DigestRow]) -> None:
    """Write the file anew, of these rows alone; of none there is no file."""
    if rows:
        append_rows(path, list(DigestRow._fields), [row._asdict() for row in rows], whole=True)
    else:
        remove(path)

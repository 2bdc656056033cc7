"""The rows of a run's metrics.csv, read through the door."""

import csv
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path

from kantor.runs import door
from kantor.runs.shapes import LARGEST
from kantor.visible import visible

CSV_BYTES = 1 << 28
COLUMNS = 500


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a run's CSV file as texts that are numbers or empty; a last one that was torn by a kill is none.

    Raises:
        UserError: it is missing or damaged.
    """
    return list(_rows(path, door.text(path, CSV_BYTES)))


def read_last_rows(path: Path, most: int) -> list[dict[str, str]]:
    """The rows in about the last `most` bytes of a CSV file.

    Raises:
        UserError: it is missing, or they are damaged.
    """
    with door.opened(path) as handle, door.reading(path):
        head = handle.readline(most)
        start, end = handle.tell(), handle.seek(0, os.SEEK_END)
        handle.seek(max(start, end - most))
        if handle.tell() > start:
            handle.readline(most)  # begins in the middle of a row
        tail = handle.read(most)
    try:
        return list(_rows(path, (head + tail).decode("utf-8")))
    except UnicodeDecodeError as error:
        raise door.damaged(path, "it is no UTF-8 text") from error


def _rows(path: Path, written: str) -> Iterator[dict[str, str]]:
    """A header first; a last line without its end is torn."""
    reader = csv.reader(io.StringIO(written[: written.rfind("\n") + 1]), strict=True)
    try:
        names = list(map(visible, next(reader, [])))
        if len(set(names)) < len(names) or len(names) > COLUMNS or (names and "steps" not in names):
            raise door.damaged(
                path, f"expected the names of at most {COLUMNS} columns, all different, `steps` among them"
            )
        for cells in reader:
            if len(cells) != len(names):
                raise door.damaged(path, f"line {reader.line_num}: expected {len(names)} cells, found {len(cells)}")
            row = dict(zip(names, cells, strict=True))
            for name, cell in row.items():
                if not _is_number(cell, counted=name == "steps"):
                    raise door.damaged(path, f"line {reader.line_num}: {name} is no number")
            yield row
    except csv.Error as error:
        raise door.damaged(path, f"line {reader.line_num}: {error}") from error


def _is_number(cell: str, *, counted: bool) -> bool:
    if counted:
        return cell.isascii() and cell.isdigit() and len(cell) < 19
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def number(cell: str) -> float | None:
    """What stands in a cell of a CSV file; None where nothing does, or nothing that can be computed with."""
    value = float(cell) if cell else math.nan
    return value if abs(value) < LARGEST else None

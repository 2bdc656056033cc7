"""Files that are written whole or not at all: a temporary sibling, fsynced, then renamed. Appended rows are the one
exception.
"""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces it, fsynced, when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Write indented JSON whole or not at all; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_rows(path: Path, names: list[str], rows: Sequence[Mapping[str, object]], *, whole: bool = False) -> None:
    """Append CSV rows to `path`, or with `whole` replace the file by a header and these rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    if whole:
        writer.writeheader()
    writer.writerows(rows)
    if whole:
        write_text(path, text.getvalue())
    else:
        with path.open("a", encoding="utf-8") as handle:
            handle.write(text.getvalue())

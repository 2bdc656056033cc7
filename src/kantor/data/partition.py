"""The partition of CelebA, as its makers publish it: which pictures are to train on (0), to validate (1), to test (2).

A file of lines such as "000001.jpg 0", or Kaggle's table of the same, "000001.jpg,0" below a line of titles.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kantor.data.archives import Bounds, ZipMembers, magic
from kantor.data.manifest import is_picture
from kantor.errors import UserError
from kantor.plain_files import Unreadable, read

NAMES = ("list_eval_partition.txt", "list_eval_partition.csv")
MAX_BYTES = 1 << 26
TITLES = ("image_id", "partition")


def find(pictures: Path, root: Path) -> Path | None:
    """The file of the partition, beside the pictures or where unpacked archives leave it; None where there is none.

    Args:
        pictures: their directory or archive.
        root: of the data set.
    """
    return next((path for path in _candidates(pictures, root) if path.is_file()), None)


def _candidates(pictures: Path, root: Path) -> Iterator[Path]:
    above = [pictures.parent, pictures, root / "celeba", root]
    if pictures.parent.name.lower() == "img":  # the archive's own three: Img, Eval, Anno
        above.insert(1, pictures.parent.parent)
    for directory in above:
        for place in (directory, directory / "Eval", directory / "eval"):
            yield from (place / name for name in NAMES)


def within(archive: Path, bounds: Bounds) -> tuple[str, bytes] | None:
    """The name and content of the partition in a zip, as Kaggle's has it; None where there is none.

    Raises:
        UserError: the archive is damaged or larger than `bounds`.
    """
    if magic(archive) != b"PK":
        return None
    with ZipMembers(archive, bounds=bounds) as opened:
        for name in opened.names:
            if PurePosixPath(name).name in NAMES and not name.startswith("__MACOSX/"):
                return name, opened.read(name)
    return None


def content(path: Path) -> bytes:
    """Of the file of a partition.

    Raises:
        UserError: it cannot be read, or is larger than one is.
    """
    try:
        return read(path, most=MAX_BYTES)
    except Unreadable as error:
        raise UserError(f"{path} {error}: expected a list of file names with 0, 1 or 2") from error


def parse(content: bytes, source: str) -> dict[str, int]:
    """The number of each picture by its name without the ending: pictures are also published as PNG.

    Args:
        content: of the file.
        source: what the file is called in sentences.

    Raises:
        UserError: a line is another, or a name comes twice.
    """
    numbers: dict[str, int] = {}
    for count, line in enumerate(_text(content).splitlines(), start=1):
        words = re.split(r"[\s,;]+", line.replace('"', " ").strip())
        if words == [""] or (not numbers and tuple(words) == TITLES):
            continue
        name = words[0].rpartition("/")[2]
        stem = name.rpartition(".")[0] if is_picture(name) else name
        if len(words) != 2 or words[1] not in ("0", "1", "2") or stem in numbers:
            raise UserError(
                f"{source}, line {count}: {line[:80]!r}; expected each file name once with 0 (train), 1 (validation) "
                "or 2 (test), as in 000001.jpg 0: get the file from its source again"
            )
        numbers[stem] = int(words[1])
    return numbers


def _text(content: bytes) -> str:
    """Text with or without a byte-order mark, which editors put before it."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")

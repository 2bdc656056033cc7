"""The door: every file of a run directory is read through it, since anybody may have sent the directory.

Nothing in a run is a link, so that nothing outside is read, shown, copied or written to. A file is opened only where it
is a plain one, and read up to a limit. What it holds has to be text, JSON, YAML or CSV of bounded depth, with finite
numbers, of the shape that `kantor.runs.schemas` gives. Everything else is one sentence that names the file.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from kantor import plain_files
from kantor.causes import explained, is_known
from kantor.config.checks import MOST
from kantor.errors import UserError, command
from kantor.marks import MARK
from kantor.plain_files import Unreadable
from kantor.runs.lease_files import kind_of
from kantor.runs.shapes import LARGEST, Shape, Unlike, anything
from kantor.visible import visible

JSON_BYTES = 1 << 24
YAML_BYTES = 1 << 18
PICTURE_BYTES = 24 << 20
"""Of one picture; a page that carries it has to open on a phone."""
DEPTH = 32
"""Of mappings and lists in one another."""
NUMBERS = (int, float)
LEVELS = 8
"""Of directories in one another below one of `OWN`."""
NO_RUN = ".no_run.tmp"
"""Says of what lies in a directory that it is of a run that is being made or taken out: none yet, or no longer."""
OWN = ("samples", "figures", "checkpoints", "evaluations", "verifications")
"""Directories of a run in which everything is kantor's; loggers have their own beside them."""
FILES_BELOW = ("last.ckpt", "previous.ckpt", "best.ckpt", "generator.safetensors", "samples.gif")
FILES = (
    "config.yaml", "environment.json", "status.json", "metrics.csv", "digests.csv", "manifest.json", "card.json",
    "health.json", "wandb.json", "report.html", MARK, NO_RUN,
)  # fmt: skip


def damaged(path: Path, what: str) -> UserError:
    """The error for a file of a run that cannot be read."""
    remedy = "restore the file from a copy of the run"
    if path.name in ("card.json", "report.html"):
        remedy = f"take it away, and {command('evaluate', f'run={path.parent}')} writes it anew"
    elif path.name == "wandb.json":
        remedy = "take it away, and W&B gets another run of it"
    return UserError(f"{path} is damaged ({what}): {remedy}")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read something of a run.

    Raises:
        UserError: the disk does not let it be read, which says nothing of what is in it.
    """
    try:
        yield
    except OSError as error:
        raise UserError(explained(error, path)) from error


def check_plain(directory: Path) -> None:
    """Check that a run's directory holds plain files and directories and nothing else.

    Raises:
        UserError: something in it is a link, a pipe, a socket or a device, or lies too deep to be kantor's.
    """
    pending: list[tuple[str, int]] = []
    for entry in _entries(str(directory)):
        found = _kind(entry)
        expected = "a file" if entry.name in FILES else "a directory" if entry.name in OWN else kind_of(entry.name)
        if found not in ("a file", "a directory") or expected not in (None, found):
            raise _not_plain(entry, found, expected or "a file or a directory")
        pending += [(entry.path, 1)] if entry.name in OWN else []
    while pending:
        place, level = pending.pop()
        if level > LEVELS:
            raise UserError(f"{place} lies {LEVELS} directories deep and more, where nothing is kantor's: take it away")
        for entry in _entries(place):
            found = _kind(entry)
            if found == "a directory" and entry.name in FILES_BELOW:
                raise _not_plain(entry, found, "a file")
            if found == "a directory":
                pending.append((entry.path, level + 1))
            elif found != "a file":
                raise _not_plain(entry, found, "a file or a directory")


def _kind(entry: os.DirEntry[str]) -> str:
    with contextlib.suppress(OSError):
        if entry.is_file(follow_symlinks=False):  # most are, and the directory itself says so
            return "a file"
    with reading(Path(entry.path)):
        try:
            return plain_files.kind(entry.stat(follow_symlinks=False).st_mode) or "a file"
        except FileNotFoundError:  # of a file that was being written
            return "a file"


def _not_plain(entry: os.DirEntry[str], found: str, expected: str) -> UserError:
    why = "" if found in ("a directory", "a file") else ", for nothing in a run may lead out of it"
    return UserError(
        f"{entry.path} is {found}: expected {expected}{why}; take it away, or put what belongs there in its place"
    )


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as scanned:
            return list(scanned)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(explained(error, Path(directory))) from error


def below(root: Path, *names: str) -> list[Path]:
    """Where something of one of these names lies below a directory, however deep, by path; links are not followed, and
    what cannot be looked into is left out."""
    found, pending = [], [str(root)]
    while pending:
        try:
            for entry in _entries(pending.pop()):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                if entry.name in names:
                    found.append(Path(entry.path))
        except UserError:
            continue
    return sorted(found)


def opened(path: Path) -> io.BufferedReader:
    """A file of a run, open for reading.

    Raises:
        UserError: it is missing, or no plain file.
    """
    try:
        return plain_files.opened(path, follow=False)
    except Unreadable as error:
        raise _unreadable(path, error) from error


def content(path: Path, most: int) -> bytes:
    """The bytes of a file of a run.

    Raises:
        UserError: it is missing, no plain file, or larger than `most`.
    """
    try:
        return plain_files.read(path, most=most, follow=False)
    except Unreadable as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Unreadable) -> UserError:
    if str(error) == "is missing":
        return UserError(f"{path} is missing: expected it in a run directory; is the run complete?")
    if isinstance(error.__cause__, OSError) and is_known(error.__cause__):
        return UserError(explained(error.__cause__, path))
    return damaged(path, f"it {error}")


def text(path: Path, most: int) -> str:
    """The text of a file of a run.

    Raises:
        UserError: it cannot be read, or is no UTF-8.
    """
    try:
        return content(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, "it is no UTF-8 text") from error


def read_json(path: Path, shape: Shape = anything) -> dict[str, Any]:
    """One of a run's JSON files; texts in it are made visible.

    Raises:
        UserError: it is missing or damaged, or of another shape.
    """
    try:
        value = json.loads(text(path, JSON_BYTES), parse_constant=_refuse)
    except RecursionError as error:
        raise damaged(path, f"it is nested more than {DEPTH} levels deep") from error
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise damaged(path, "it is not valid JSON") from error
    if not isinstance(value, dict):
        raise damaged(path, "expected a JSON object")
    return of_shape(path, _tame(path, value, shown=True), shape)


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def read_yaml(path: Path, shape: Shape = anything) -> dict[str, Any]:
    """A YAML file of a run: plain values, without aliases, which a few lines of can stand for billions.

    Raises:
        UserError: it is missing or damaged, or of another shape.
    """
    written, loader = text(path, YAML_BYTES), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(written, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise damaged(path, f"it refers to &{visible(str(event.anchor))}, where values have to be written out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH:
                raise damaged(path, f"it is nested more than {DEPTH} levels deep")
        value = yaml.load(written, Loader=loader)
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, TypeError, KeyError, RecursionError) as error:
        # its constructors raise what int(), float() and dates do of a value that is none
        raise damaged(path, "it is not valid YAML") from error
    if not isinstance(value, dict):
        raise damaged(path, "expected a mapping")
    return of_shape(path, _tame(path, value, shown=False), shape)


def of_shape(path: Path, value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """What a file holds, once it is known to be of a shape.

    Raises:
        UserError: it is not.
    """
    try:
        shape(value, "")
    except Unlike as error:
        raise damaged(path, visible(str(error))) from error
    return value


def _tame(path: Path, value: Any, *, shown: bool) -> Any:
    """A value whose numbers can be computed with, and whose texts can be written; made visible where they are `shown`
    to people, and are no setting.

    Raises:
        UserError: there is something else in it, or it is nested too deeply.
    """
    written = visible if shown else partial(_whole, path)

    def tame(value: Any, depth: int) -> Any:  # thousands of times a file: what there is most of comes first
        if depth > DEPTH:
            raise damaged(path, f"it is nested more than {DEPTH} levels deep")
        if isinstance(value, str):
            return written(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, NUMBERS):
            if not abs(value) < (MOST if isinstance(value, int) else LARGEST):
                raise damaged(path, f"{str(value)[:20]} in it is no number that can be computed with")
            return value
        if isinstance(value, list):
            return [tame(entry, depth + 1) for entry in value]
        if not isinstance(value, dict):
            raise damaged(path, f"there is a {type(value).__name__} in it, which is no plain value")
        if not all(isinstance(key, str) for key in value):
            raise damaged(path, "not every key in it is a text")
        return {written(key): tame(entry, depth + 1) for key, entry in value.items()}

    return tame(value, 0)


def _whole(path: Path, text: str) -> str:
    """A text as it is.

    Raises:
        UserError: it cannot be written.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise damaged(path, "there is half a letter in it")
    return text

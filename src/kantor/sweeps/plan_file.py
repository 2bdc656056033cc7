"""What plan.json holds, and how many jobs that are much alike take little room: the first one's configuration stands
there whole, and of each the values by dotted key that it sets or lacks.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kantor.errors import UserError
from kantor.runs import door
from kantor.runs.shapes import Shape, Unlike, anything, count, listed, long_text, mapped, maybe, name, record, text
from kantor.search import terms

BYTES = 1 << 26
MOST_JOBS = 10_000
LAYOUT = 1

Leaves = dict[str, Any]
"""Values by dotted key."""


def difference(base: Leaves, other: Leaves) -> list[Any]:
    """What has to be set and what has to be taken out of `base` for `other`."""
    put = {key: value for key, value in other.items() if key not in base or not _same(base[key], value)}
    return [put, [key for key in base if key not in other]]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def changed(base: Leaves, by: list[Any]) -> Leaves:
    """The other one of a difference."""
    put, out = by
    return {**{key: put.get(key, value) for key, value in base.items() if key not in out}, **put}


def leaves_of(tree: Mapping[str, Any], prefix: str = "") -> Leaves:
    """The innermost values of nested mappings; an empty mapping is one."""
    found: Leaves = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found |= leaves_of(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def tree_of(leaves: Leaves) -> dict[str, Any]:
    """Nested mappings of innermost values."""
    tree: dict[str, Any] = {}
    for key, value in leaves.items():
        *above, last = key.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def _run(value: object, place: str) -> None:
    """Where a run lies below `outputs`, and nowhere else."""
    if value != "":
        parts = str(value).split("/")
        if len(parts) != 2:
            raise Unlike(place, "EXPERIMENT/HASH-sSEED")
        for part in parts:
            name(part, place)


def _patch(value: Any, place: str) -> None:
    if not isinstance(value, list) or len(value) != 2:
        raise Unlike(place, "what is set and what is taken out")
    mapped(anything)(value[0], place)
    listed(text)(value[1], place)


JOB: Shape = record(
    {
        "words": listed(long_text),
        "run": _run,
        "config": _patch,
        "named": _patch,
        "code": count,
        "refused": maybe(long_text),
    }
)
SHAPE: Shape = record(
    {
        "words": listed(long_text),
        "config_dirs": listed(text),
        "stamp": record({"files": text, "code": text, "own": listed(text)}),
        "search": maybe(terms.SHAPE),
        "config": mapped(anything),
        "named": mapped(anything),
        "codes": listed(mapped(text), most=MOST_JOBS),
        "jobs": listed(JOB, most=MOST_JOBS),
        "signature": text,
    }
)


def checked(path: Path) -> dict[str, Any]:
    """What plan.json holds.

    Raises:
        UserError: it is missing or damaged.
    """
    written, what = door.text(path, BYTES), "it is not valid JSON"
    with contextlib.suppress(ValueError, RecursionError, Unlike):
        value: Any = json.loads(written)
        if isinstance(value, dict) and value.get("layout") != LAYOUT:
            what = f"it has layout {value.get('layout')!r}, this kantor reads {LAYOUT}"
            raise ValueError
        what = "it holds no jobs"
        SHAPE(value, "")
        if (value["jobs"] or value["search"]) and all(one["code"] < len(value["codes"]) for one in value["jobs"]):
            return dict(value)
    raise UserError(f"{path} is damaged ({what}): the `kantor train -m …` that made it, given again, makes it anew")

"""Where a card says other than the files that it was put together from: scores, protocol, budget, seed.

A card can be edited, or be that of another run. What is said here proves nothing of a card that no file contradicts:
whoever edits one file can edit all of them, and then only scoring and training again tell.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kantor.digests import sha256
from kantor.plain_files import is_plain
from kantor.runs import door
from kantor.runs.card import RECORD, WHERE_ASKED
from kantor.runs.directory import RunDirectory

Columns = Mapping[str, Sequence[float | None]]


def contradiction(directory: RunDirectory, metrics: Columns) -> str | None:
    """The first field of a card that another file of its run contradicts, with both values; None where there is none.

    Of somebody's samples there is the card alone, and its protocols are held against their hashes. All files are known
    to be of their shapes.

    Args:
        directory: with a card.
        metrics: what was logged, as columns.

    Raises:
        UserError: a file cannot be read.
    """
    for last in (False, True):  # an evaluation is written a moment before the card that has it
        card = _plain(directory.card_json)
        found = next(_contradictions(directory, card, metrics), None)
        if found is None or last:
            return found
    raise AssertionError


def _contradictions(directory: RunDirectory, card: dict[str, Any], metrics: Columns) -> Iterator[str]:
    for place, entry in enumerate(card["evaluations"]):
        yield from _hashes(f"evaluations[{place}]", entry)
    if not is_plain(directory.status_json):
        return
    status, environment = _plain(directory.status_json), _plain(directory.environment_json)
    for name in ("experiment", "config_hash", "seed"):
        yield from _unequal(name, card[name], "environment.json", environment[name])
    if status["state"] == "finished":
        yield from _unequal("status", card["status"], "status.json", status["state"])
        for name in sorted({*card["budget"], *status["counters"]}):
            counted = status["counters"].get(name)
            yield from _unequal(f"budget.{name}", card["budget"].get(name), "status.json", counted)
            logged = max((value for value in metrics.get(name, ()) if value is not None), default=0)
            if counted is not None and logged > counted:
                yield f"budget.{name} is {counted:,}, and {logged:,.0f} in metrics.csv"
    files = {path.name: _plain(path) for path in sorted(directory.evaluations.glob("*.json"))}
    parts = (*RECORD, *WHERE_ASKED)
    records = {name: {part: file[part] for part in parts if part in file} for name, file in files.items()}
    for place, entry in enumerate(card["evaluations"]):
        if entry not in records.values():
            yield _differs(f"evaluations[{place}]", entry, records)
    for name, record in records.items():
        if record not in card["evaluations"]:
            yield f"evaluations has nothing of evaluations/{name}"


def _hashes(place: str, entry: dict[str, Any]) -> Iterator[str]:
    """Where an evaluation's protocol is not what its hashes are of."""
    protocol = entry["protocol"]
    estimators = protocol.get("estimators", {})
    if entry["protocol_hash"] != sha256({**protocol, "estimators": {}}):
        yield f"{place}.protocol is not what its protocol_hash is of"
    for name, score in entry["scores"].items():
        if "protocol_hash" in score and name not in estimators:
            yield f"{place}.protocol.estimators has no {name}"
        elif "protocol_hash" in score and score["protocol_hash"] != sha256(
            {**protocol, "estimators": {name: estimators[name]}}
        ):
            yield f"{place}.protocol.estimators.{name} is not what the score's protocol_hash is of"


def _differs(place: str, entry: dict[str, Any], records: Mapping[str, dict[str, Any]]) -> str:
    """In which field an evaluation of the card is not that of the file that it is most like."""
    if not records:
        return f"{place} is in no file below evaluations/"
    mine = dict(_leaves(entry))
    others = {name: dict(_leaves(record)) for name, record in records.items()}
    unlike = {
        name: [path for path in dict.fromkeys([*mine, *theirs]) if mine.get(path) != theirs.get(path)]
        for name, theirs in others.items()
    }
    name = min(unlike, key=lambda name: len(unlike[name]))
    path = unlike[name][0]
    return next(_unequal(f"{place}.{path}", mine.get(path), f"evaluations/{name}", others[name].get(path)))


def _unequal(field: str, here: object, file: str, there: object) -> Iterator[str]:
    if here != there:
        yield f"{field} is {_said(here)}, and {_said(there)} in {file}"


def _said(value: object) -> str:
    return "absent" if value is None else json.dumps(value)[:80]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _plain(path: Path) -> dict[str, Any]:
    """A JSON object as it stands in a file, with the letters that hashes are of."""
    text = door.text(path, door.JSON_BYTES)
    try:
        value = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise door.damaged(path, "it is not valid JSON") from error
    return value if isinstance(value, dict) else {}

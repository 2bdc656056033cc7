"""The card: scores with protocol, error and floor, budget and cost, put together from the files of a run directory."""

from collections.abc import Collection
from typing import Any

from kantor.atomic import write_json
from kantor.digests import sha256
from kantor.runs.directory import RunDirectory
from kantor.runs.manifest import add_to_manifest
from kantor.runs.provenance import provenance
from kantor.version import __version__

RECORD = ("name", "at_step", "protocol_hash", "protocol", "sampling", "draw", "digest", "made_by", "scores")
"""What a card keeps of an evaluation's file."""

WHERE_ASKED = ("error_budget",)
"""What it keeps besides, where it was asked for."""


MEASURED = ("name", "at_step", "protocol_hash", "sampling", "draw", "digest")
"""What two records share that are of one measurement, whichever scores each has."""


def write_evaluation(directory: RunDirectory, evaluation: dict[str, Any]) -> None:
    """Keep an evaluation beside the others, with who made it. Scores that were made before of the same samples, by the
    same protocol, and are not made again, are kept with it. The caller holds `directory.publishing()`."""
    made = {**evaluation, "made_by": provenance()}
    path = directory.evaluations / f"{made['name']}-{sha256({**_measurement(made), **made['protocol']})[:10]}.json"
    for there in sorted(directory.evaluations.glob("*.json")):
        before = directory.evaluation(there)
        if before is not None and _measurement(before) == _measurement(made) and _agree(before, made):
            path, made = there, _together(before, made)
            break
    write_json(path, made)
    add_to_manifest(directory, path)


def _measurement(evaluation: dict[str, Any]) -> dict[str, Any]:
    return {part: evaluation[part] for part in MEASURED}


def _agree(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether every score that both have is estimated alike."""
    there, here = before["protocol"]["estimators"], now["protocol"]["estimators"]
    return all(there[name] == here[name] for name in there.keys() & here.keys())


def _together(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The record of now with the scores that only the one of before has; the time of both then."""
    kept = {name: score for name, score in before["scores"].items() if name not in now["scores"]}
    besides = {part: before[part] for part in WHERE_ASKED if part in before and part not in now}
    estimators = {**before["protocol"]["estimators"], **now["protocol"]["estimators"]}
    return {
        **now,
        **besides,
        "protocol": {**now["protocol"], "estimators": estimators},
        "scores": {**kept, **now["scores"]},
        "seconds": now["seconds"] + (before["seconds"] if kept or besides else 0.0),
    }


def kept(directory: RunDirectory, evaluation: dict[str, Any], scores: Collection[str]) -> bool:
    """Whether there is a record of an evaluation with these scores, of the same samples by the same protocol."""
    return any(
        _measurement(there) == _measurement(evaluation)
        and _agree(there, evaluation)
        and there["scores"].keys() >= set(scores)
        for there in directory.evaluation_files()
    )


def card_of(directory: RunDirectory, status: dict[str, Any]) -> dict[str, Any]:
    """The card, put together.

    Args:
        directory: the run.
        status: of it, as it is or will be.
    """
    environment, files = directory.environment(), directory.evaluation_files()
    return {
        "kantor": __version__,
        "experiment": environment["experiment"],
        "config_hash": environment["config_hash"],
        "seed": environment["seed"],
        "status": status["state"],
        "processes": environment["processes"],
        "made_by": environment["made_by"],
        "budget": status["counters"],
        "cost": {
            "train_seconds": status["cost"]["train_seconds"],
            "evaluate_seconds": sum(file["seconds"] for file in files),
            "peak_memory_bytes": status["cost"]["peak_memory_bytes"],
            "parameters": environment["parameters"],
        },
        "evaluations": [
            {part: file[part] for part in (*RECORD, *WHERE_ASKED) if part in RECORD or part in file} for file in files
        ],
    }


def write_card(directory: RunDirectory, status: dict[str, Any]) -> dict[str, Any]:
    """Put card.json together and return it."""
    card = card_of(directory, status)
    write_json(directory.card_json, card)
    return card

"""The card: scores with protocol, error and floor, budget and cost, put together from the files of a run directory."""

from typing import Any

from kantor.atomic import write_json
from kantor.digests import sha256
from kantor.runs.directory import RunDirectory
from kantor.runs.provenance import provenance
from kantor.version import __version__

RECORD = ("name", "at_step", "protocol_hash", "protocol", "sampling", "draw", "digest", "made_by", "scores")
"""What a card keeps of an evaluation's file."""


def write_evaluation(directory: RunDirectory, evaluation: dict[str, Any]) -> None:
    """Keep an evaluation beside the others, with who made it; one of equal protocol, sampling, draw and step replaces
    the old one."""
    what = {part: evaluation[part] for part in ("at_step", "protocol", "sampling", "draw")}
    path = directory.evaluations / f"{evaluation['name']}-{sha256(what)[:10]}.json"
    write_json(path, {**evaluation, "made_by": provenance()})


def write_card(directory: RunDirectory) -> dict[str, Any]:
    """Put card.json together and return it."""
    environment, status = directory.environment(), directory.status()
    files = directory.evaluation_files()
    card = {
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
        "evaluations": [{part: file[part] for part in RECORD} for file in files],
    }
    write_json(directory.card_json, card)
    return card

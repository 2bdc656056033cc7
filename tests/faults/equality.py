"""Whether two directories hold the same results: the same files, of the same content but for times and who made it."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from kantor.engine.publication import is_published
from kantor.runs import lease_files
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import find_runs

OF_THE_MOMENT = {
    "seconds", "made_by", "train_seconds", "evaluate_seconds", "peak_memory_bytes", "attempts", "started", "ended",
    "chunks_per_process", "run",
}  # fmt: skip
"""Keys of what differs between two undisturbed runs."""

ELSEWHERE = {"cache", "sweeps"}
"""Directories whose files have names of the moment."""


def differences(one: Path, other: Path) -> list[str]:
    """What of an undisturbed directory another one lacks, has besides, or has otherwise."""
    return [*unequal(one, other), *incomplete(other)]


def unequal(one: Path, other: Path) -> list[str]:
    """Files that one of two directories lacks, or has otherwise."""
    here, there = files(one), files(other)
    found = [f"without {name}" for name in sorted(here - there)] + [f"with {name}" for name in sorted(there - here)]
    return found + [
        f"other {name}" for name in sorted(here & there) if content(one / name, one) != content(other / name, other)
    ]


def incomplete(root: Path) -> list[str]:
    """Runs below a directory that are not finished, or whose card or page is not of what is there."""
    return [sentence for run in find_runs(root) for sentence in unfinished(run)]


def files(root: Path) -> set[str]:
    """All, by path, but those of `ELSEWHERE`, and leases, whose numbers count the attempts."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {str(path) for path in paths if not ELSEWHERE & set(path.parts) and lease_files.kind_of(path.name) is None}


def unfinished(run: RunDirectory) -> Iterator[str]:
    """What a run's own files contradict."""
    if run.status()["state"] != "finished":
        yield f"{run.path.name} is {run.status()['state']}"
    if not is_published(run):
        yield f"{run.path.name}: card or page are not of what is there"
    if 'http-equiv="refresh"' in run.report_html.read_text():
        yield f"{run.path.name}: its page reloads"


def content(path: Path, root: Path) -> Any:
    """What two files of one name have in common when nothing differs."""
    if path.suffix == ".ckpt":
        saved = torch.load(path, weights_only=True)
        return plain({key: saved[key] for key in ("state_dict", "optimizer_states", "global_step", "kantor_counters")})
    if path.name == "manifest.json":  # of files that hold times
        return sorted(json.loads(path.read_text())["files"])
    if path.suffix == ".json":
        return timeless(json.loads(path.read_text()))
    if path.suffix == ".yaml":
        return {**yaml.safe_load(path.read_text().replace(str(root.resolve()), "")), "rerun": None}
    if path.name == "metrics.csv":
        with path.open() as file:
            return [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    if path.suffix == ".html":  # written from the other files, which are compared, and of the moment
        return path.read_text().splitlines()[0]
    return hashlib.sha256(path.read_bytes()).hexdigest()


def timeless(value: Any) -> Any:
    """Plain JSON without what is of the moment."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in OF_THE_MOMENT}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """A checkpoint's content with tensors as bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value

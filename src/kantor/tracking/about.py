"""What a tracker is told of a run before its first row: read off the files of its directory, and of nothing else."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kantor.digests import sha256
from kantor.runs.directory import RunDirectory

SWEEP = "KANTOR_SWEEP"
"""The environment variable in which a sweep's worker says of which sweep the run is."""


@contextlib.contextmanager
def of_sweep(name: str) -> Iterator[None]:
    """What is trained in the block, and in processes that begin there, is of a sweep."""
    before = os.environ.get(SWEEP)
    os.environ[SWEEP] = name
    try:
        yield
    finally:
        os.environ.pop(SWEEP)
        if before is not None:
            os.environ[SWEEP] = before


@dataclass(frozen=True, kw_only=True)
class About:
    """A run, as trackers are told of it.

    Attributes:
        id: 16 hex digits of experiment, configuration's hash, seed and code: every attempt at the run, and every copy
            of its directory, has the same.
        directory: of the run.
        name: `EXPERIMENT/HASH-sSEED`.
        experiment: what it is called.
        group: the sweep that it is of, else the experiment.
        tags: experiment, data, kind of model.
        configuration: resolved, as config.yaml has it.
        environment: versions, device, data, commit.
        counters: names of the columns of metrics.csv that count.
        began: seconds since 1970 of its first attempt; 0 of a run without one.
        reached: the last step that its files tell of.
    """

    id: str
    directory: Path
    name: str
    experiment: str
    group: str
    tags: tuple[str, ...]
    configuration: Mapping[str, Any]
    environment: Mapping[str, Any]
    counters: tuple[str, ...]
    began: float
    reached: int


def about(run: RunDirectory, *, reached: int = 0) -> About:
    """What there is to tell of a run.

    Args:
        run: begun.
        reached: the step that is known to be reached, by a checkpoint for instance; its files may tell of a later one.

    Raises:
        UserError: one of its files is missing or damaged.
    """
    configuration, environment, status = run.config(), run.environment(), run.status()
    experiment, seed, whole = environment["experiment"], environment["seed"], environment["config_hash"]
    first_code = [*environment.get("code_before", []), environment["code"]][0]  # an attempt may go on with other code
    started = next((one["started"] for one in status["attempts"] if one.get("started")), None)
    steps = [reached, *(int(row["steps"]) for row in run.metric_rows()[-1:]), *(step for step, _ in sheets(run))]
    return About(
        id=sha256([experiment, whole, seed, first_code])[:16],
        directory=run.path,
        name=f"{experiment}/{whole[:10]}-s{seed}",
        experiment=experiment,
        group=os.environ.get(SWEEP) or experiment,
        tags=tuple(dict.fromkeys([experiment, *_kinds(configuration)])),
        configuration=configuration,
        environment=_summary(environment),
        counters=tuple(status["counters"]),
        began=datetime.fromisoformat(started).timestamp() if started else 0.0,
        reached=max(steps),
    )


def sheets(run: RunDirectory) -> list[tuple[int, Path]]:
    """The pictures that a run keeps of every step, with their steps, in order."""
    found = [(path.stem.removeprefix("step_"), path) for path in run.samples.glob("step_*.png")]
    return sorted((int(step), path) for step, path in found if step.isascii() and step.isdigit())


def _kinds(configuration: Mapping[str, Any]) -> list[str]:
    """Of data their name, of the model its class."""
    kind = str(configuration.get("model", {}).get("_target_", "")).rpartition(".")[2]
    return [word for word in (configuration["data"].get("name"), kind) if isinstance(word, str) and word]


def _summary(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What of environment.json is worth a column; the sources' hashes are not."""
    parts = ("kantor", "config_hash", "device", "processes", "precision", "data", "python", "platform", "packages")
    told = {part: environment[part] for part in (*parts, "parameters") if part in environment}
    made_by = environment["made_by"] or {}
    git = (made_by.get("kantor") or {}).get("git") or {}
    return {**told, "commit": git.get("commit"), "dirty": git.get("dirty")}

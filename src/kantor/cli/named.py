"""The runs and plans that words of a command line name, and those that a shell completes."""

from pathlib import Path

from kantor.errors import UserError
from kantor.paths import path_of
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import find_runs, latest
from kantor.sweeps.plan import PLAN
from kantor.sweeps.words import SWEEPS


def open_run(given: dict[str, str]) -> RunDirectory:
    """The run of `run=DIR` or `run=latest`.

    Raises:
        UserError: none is named, or there is none.
    """
    if "run" not in given:
        raise UserError("run= is missing: give run=DIR, or run=latest for the newest below outputs/")
    return latest(Path("outputs")) if given["run"] == "latest" else RunDirectory.open(path_of(given["run"]))


def run_paths() -> list[str]:
    """The runs below outputs/."""
    return [str(run.path) for run in find_runs(Path("outputs"))]


def run_names() -> list[str]:
    """What `run=` may name."""
    return ["latest", *run_paths()]


def plan_paths() -> list[str]:
    """The plans below outputs/."""
    return [str(path.parent) for path in sorted(Path("outputs", SWEEPS).glob(f"*/{PLAN}"))]

"""The runs and plans that words of a command line name, and those that a shell completes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def check_changes(
    directory: RunDirectory,
    overrides: Sequence[tuple[str, Any]],
    chosen: Mapping[str, str],
    config_dirs: list[str],
) -> None:
    """Check that a run's configuration has what is changed of it, before torch is there.

    Args:
        directory: the run.
        overrides: values for dotted keys.
        chosen: other options of groups.
        config_dirs: directories with further groups.

    Raises:
        UserError: there is no such option or key.
    """
    from kantor.config.compose import changed
    from kantor.config.schema import Configuration

    plain = directory.config()
    changed(Configuration(plain), chosen=chosen, overrides=overrides, config_dirs=config_dirs)


def run_paths() -> list[str]:
    """The runs below outputs/."""
    return [str(run.path) for run in find_runs(Path("outputs"))]


def run_names() -> list[str]:
    """What `run=` may name."""
    return ["latest", *run_paths()]


def plan_paths() -> list[str]:
    """The plans below outputs/."""
    return [str(path.parent) for path in sorted(Path("outputs", SWEEPS).glob(f"*/{PLAN}"))]

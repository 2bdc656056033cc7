"""`kantor train run=DIR budget.…`: on with a finished run to a larger budget, as a new run."""

import shutil
from collections.abc import Sequence
from typing import Any

from kantor.atomic import write_json
from kantor.config.compose import load_options, replaced, resolved, trusted
from kantor.config.schema import Configuration
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check
from kantor.engine.train import carry_out, write_config
from kantor.errors import UserError
from kantor.runs.attempts import new_status
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import config_hash

UNCHANGED = ("seed", "experiment")
"""Of the run that is gone on with: its name."""

OUTSIDE_WEIGHTS = ("sampler", "evaluation", "extractor", "likelihood", "pictures", "logger", "trainer")
"""Groups of which another option can be chosen."""


def extend(
    directory: RunDirectory, overrides: Sequence[tuple[str, Any]], *, config_dirs: list[str] | None = None
) -> RunDirectory:
    """Go on with a finished run to a larger budget, as a new run that starts from a copy of the old one.

    Raises:
        UserError: the run is not finished, the budget is not larger, or something else of the weights differs.
    """
    run = assemble(extended(directory, overrides, config_dirs=config_dirs))
    check(run)
    check_larger(directory, run)
    if not run.directory.exists:
        copy_run(directory, run)
    carry_out(run)
    return run.directory


def extended(
    directory: RunDirectory, overrides: Sequence[tuple[str, Any]], *, config_dirs: list[str] | None = None
) -> Configuration:
    """The configuration of the longer run.

    Args:
        directory: the finished run.
        overrides: options of `OUTSIDE_WEIGHTS`, and values for dotted keys.
        config_dirs: directories with further groups.

    Raises:
        UserError: the run is not finished, or something of the weights but the budget differs.
    """
    old = trusted(directory.config()).plain
    for key, value in overrides:
        if key in UNCHANGED:
            raise UserError(
                f"train run={directory.path}: {key}={value} would make it pass for another run; only the budget can "
                "grow: leave it out"
            )
    beside = str(directory.path.resolve().parents[1])  # the old run may have been moved
    chosen = {key: value for key, value in overrides if key in OUTSIDE_WEIGHTS}
    rest = [(key, value) for key, value in overrides if key not in chosen]
    new = replaced({**old, **load_options(chosen, config_dirs)}, [("rerun", False), ("outputs", beside), *rest])
    if directory.status()["state"] != "finished":
        raise UserError(f"run={directory.path} is not finished: `kantor train experiment=…` goes on with it as it is")
    if config_hash({**new, "budget": old["budget"]}) != config_hash(old):
        named = ", ".join(f"{key}={value}" for key, value in overrides if not key.startswith("budget."))
        raise UserError(
            f"train run={directory.path}: {named} would make another model; only the budget can grow: budget.…=…"
        )
    return resolved(new, dict(overrides))


def copy_run(directory: RunDirectory, run: Assembly) -> None:
    """Make the new run's directory of what the old one has had."""
    target = run.directory
    target.create()
    for part in (directory.checkpoints, directory.samples):
        if part.is_dir():
            shutil.copytree(part, target.path / part.name, dirs_exist_ok=True)
    shutil.copy2(directory.metrics_csv, target.metrics_csv)
    write_json(target.environment_json, {**directory.environment(), "config_hash": run.hash})
    write_config(target, run.configuration)
    counters = dict.fromkeys(run.model.counters(), 0)
    status = new_status(counters, steps=run.budget_steps, minutes=run.configuration.budget.minutes)
    write_json(target.status_json, {**status, "extends": str(directory.path)})


def check_larger(directory: RunDirectory, run: Assembly) -> None:
    """Check that a budget goes beyond what a run has had.

    Raises:
        UserError: it does not.
    """
    status, steps = directory.status(), run.budget_steps
    done = status["counters"]["steps"]
    if steps is not None and steps <= done:
        raise UserError(f"the new budget is {steps} steps, the run has had {done}: expected more")
    minutes, had = run.configuration.budget.minutes, status["cost"]["train_seconds"] / 60
    if minutes is not None and minutes <= had:
        raise UserError(f"budget.minutes={minutes}: the run has had {had:.1f}, expected more")

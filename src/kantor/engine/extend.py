"""`kantor train run=DIR budget.…`: on with a finished run to a larger budget, as a new run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from kantor.atomic import copy_file, remove, write_json
from kantor.callbacks.first_batch import FIRST_BATCH
from kantor.config.checks import at, keys
from kantor.config.compose import changed
from kantor.config.schema import ASKED, Configuration
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check, check_data_root
from kantor.engine.resumption import check_resumable
from kantor.engine.train import carry_out, described, first_status, write_config
from kantor.errors import UserError, as_given
from kantor.plain_files import is_plain
from kantor.report.health import health_json
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import HASHED_TRAINER, UNHASHED_DATA, config_hash, determining

UNCHANGED = ("seed", "experiment")
"""Of the run that is gone on with: its name."""

OUTSIDE_WEIGHTS = ("sampler", "evaluation", "extractor", "likelihood", "pictures", "logger", "trainer")
"""Groups of which another option can be chosen."""

MAY_DIFFER = (
    "budget, sampler, evaluation, extractor, likelihood, primary_score, pictures, logger, outputs, "
    f"{', '.join(f'data.{name}' for name in UNHASHED_DATA)}, and trainer but {', '.join(HASHED_TRAINER)}"
)


def extend(
    directory: RunDirectory, overrides: Sequence[tuple[str, Any]], *, config_dirs: list[str] | None = None
) -> RunDirectory:
    """Go on with a finished run to a larger budget, as a new run that starts from a copy of the old one.

    Raises:
        UserError: the run is not finished, the budget is not larger, or something else of the weights differs.
    """
    directory = begun_from(directory, overrides, config_dirs=config_dirs)
    run = assemble(extended(directory, overrides, config_dirs=config_dirs))
    check(run)
    check_data_root(run.configuration)
    check_larger(directory, run)
    checkpoint, _ = checkpoints.to_resume(directory)
    if checkpoint is None:
        raise UserError(
            f"run={directory.path} has no checkpoint any more to go on with: its training command with rerun=true "
            "makes one"
        )
    check_resumable(run.model, checkpoint)
    carry_out(run, partial(copy_run, directory))
    return run.directory


def begun_from(
    directory: RunDirectory, overrides: Sequence[tuple[str, Any]], *, config_dirs: list[str] | None = None
) -> RunDirectory:
    """The run that a command goes on with: given again, `run=latest` names the longer run that it has begun, and means
    the one beside it from which that began."""
    name = Path(directory.status().get("extends", "")).name
    if name in ("", ".."):
        return directory
    try:
        source = RunDirectory.open(directory.path.parent / name)
        again = assemble(extended(source, overrides, config_dirs=config_dirs)).directory.path
    except UserError:
        return directory
    return source if again.resolve() == directory.path.resolve() else directory


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
    configuration = Configuration(directory.config(), of_run=True)
    old = configuration.plain
    if directory.status()["state"] != "finished":
        raise UserError(f"run={directory.path} is not finished: the command that began it goes on with it as it is")
    check_own(directory, old)
    for key, value in overrides:
        if key in UNCHANGED:
            raise UserError(
                f"train run={directory.path}: {key}={value} would make it pass for another run; only the budget can "
                "grow: leave it out"
            )
    chosen = {key: value for key, value in overrides if key in OUTSIDE_WEIGHTS}
    rest = [(key, value) for key, value in overrides if key not in chosen]
    began = replace(configuration, plain={**old, **ASKED, "outputs": root(directory, old["experiment"])})
    longer = changed(began, chosen=chosen, overrides=rest, config_dirs=config_dirs)
    check_same(directory, old, longer.plain)
    return replace(longer, named=dict(overrides))


def root(directory: RunDirectory, experiment: str) -> str:
    """Where the longer run goes: beside the old one, which may have been moved out of its outputs."""
    around = directory.path.resolve().parent
    return str(around.parent if around.name == experiment else around)


def check_own(directory: RunDirectory, plain: Mapping[str, Any]) -> None:
    """Check that a run's configuration is the one that it was trained by.

    Raises:
        UserError: it has been changed since.
    """
    made = directory.environment()
    trained = {name: made.get(name) for name in ("experiment", "seed", "config_hash")}
    if trained != {"experiment": plain["experiment"], "seed": plain["seed"], "config_hash": config_hash(plain)}:
        raise UserError(
            f"{directory.config_yaml} is not the configuration that the run was trained by (environment.json names "
            "another experiment, seed or config_hash): restore the file from a copy of the run"
        )


def check_same(directory: RunDirectory, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that two configurations lead to the same weights, up to the budget.

    Raises:
        UserError: they do not; what differs is named.
    """
    before, after = determining(old), determining({**new, "budget": old["budget"]})
    names = dict.fromkeys([*keys(before), *keys(after)])
    values = {name: (found(before, name), found(after, name)) for name in names}
    differ = [
        name
        for name, (then, now) in values.items()
        if then != now and not (isinstance(then, dict) and isinstance(now, dict))
    ]
    if differ:
        given = ", ".join(f"{name}={as_given(values[name][1])} (it was {as_given(values[name][0])})" for name in differ)
        raise UserError(
            f"train run={directory.path}: {given} would make another model; what may differ is {MAY_DIFFER}; leave it "
            "out"
        )


def found(tree: dict[str, Any], key: str) -> object:
    """The value at a dotted key; None where there is none."""
    try:
        return at(tree, key)
    except (KeyError, TypeError):
        return None


def copy_run(directory: RunDirectory, run: Assembly, code: dict[str, str]) -> None:
    """Write into the new run's directory what the old one has had; with the code as it was then, so that a change since
    is noticed."""
    target, made = run.directory, directory.environment()
    for part in (directory.checkpoints, directory.samples):
        for path in sorted(part.rglob("*")):
            if is_plain(path):
                copy_file(path, target.path / path.relative_to(directory.path))
    if run.evaluation is None:
        remove(target.checkpoints / "best.ckpt")
    for file in (directory.metrics_csv, directory.digests_csv, health_json(directory), directory.figures / FIRST_BATCH):
        if is_plain(file):
            copy_file(file, target.path / file.relative_to(directory.path))
    then: dict[str, Any] = {name: made[name] for name in ("code", "code_before") if name in made}
    write_json(target.environment_json, {**described(run, code), **then})
    write_config(target, run.configuration)
    write_json(target.status_json, {**first_status(run), "extends": str(directory.path)})


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

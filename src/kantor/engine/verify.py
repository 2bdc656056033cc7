"""`kantor verify run=DIR level=…`: what a finished run claims, proved again from its own files."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kantor.config.compose import changed
from kantor.config.schema import Configuration
from kantor.engine import rescoring, retraining
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check_data_root, check_drawing, check_machine
from kantor.engine.differences import differences
from kantor.engine.integrity import exported, integrity
from kantor.engine.provable import check_words
from kantor.engine.score import score_run
from kantor.errors import NonFiniteError, UserError
from kantor.evaluation.base import PRESETS
from kantor.runs import checkpoints
from kantor.runs.directory import RunDirectory
from kantor.runs.verification import DIFFERENT, EQUAL, UNCHECKED, Finding, Verification, looked_at
from kantor.worker_ends import WorkerError
from kantor.workers import launch


def verify(
    directory: RunDirectory,
    level: str,
    overrides: Sequence[tuple[str, Any]] = (),
    *,
    steps: int | None = None,
    chosen: Mapping[str, str] | None = None,
    config_dirs: list[str] | None = None,
) -> Verification:
    """Prove a finished run again; nothing in it is changed.

    Args:
        directory: the run.
        level: one of `LEVELS`.
        overrides: values for dotted keys: the machine, where data lie, and at level=score the evaluation.
        steps: at level=prefix, how far at most.
        chosen: at level=score, other options of groups.
        config_dirs: directories with further groups.

    Raises:
        UserError: the run is not finished, or cannot be built here.
    """
    check_words(directory, level, [*(chosen or {}), *(key for key, _ in overrides)], steps)
    findings = integrity(directory)
    if level == "files":
        return Verification(level, findings)
    configuration = changed(
        Configuration(directory.config(), of_run=True), chosen=chosen, overrides=overrides, config_dirs=config_dirs
    )
    check_data_root(configuration)
    run = assemble(configuration, directory.path)
    check_machine(run.model, configuration.trainer)
    findings.append(looked_at("networks and data", "as environment.json says", lambda: of_objects(directory, run)))
    findings.append(looked_at("images_seen", "as many as these steps take", lambda: of_budget(directory, run)))
    if level == "score":
        return scored(directory, run, findings)
    return trained(directory, run, level, findings, steps)


def of_objects(directory: RunDirectory, run: Assembly) -> str | None:
    """What is built now that is not what environment.json says of the run."""
    made, counted = directory.environment(), run.model.parameter_counts()
    if made["parameters"] != counted:
        return f"the networks have {counted} parameters, environment.json says {made['parameters']}"
    then = made.get("data", {}).get("fingerprint")
    if then not in (None, run.data.fingerprint):
        return f"the data have fingerprint {run.data.fingerprint[:10]}…, environment.json says {str(then)[:10]}…"
    return None


def of_budget(directory: RunDirectory, run: Assembly) -> str | None:
    """What the counters of a run say that its configuration does not lead to."""
    counters, planned = directory.status()["counters"], run.budget_steps
    images = run.model.batches_before(counters["steps"]) * run.data.batch_size
    if counters.get("images_seen") != images:
        return f"{counters['steps']:,} steps see {images:,} images, status.json says {counters.get('images_seen')}"
    stops = run.configuration.plain.get("stop", {}).get("_target_") is not None
    if planned is not None and counters["steps"] != planned and not (stops and counters["steps"] < planned):
        return f"the budget is {planned:,} steps, status.json counts {counters['steps']:,}"
    return None


def scored(directory: RunDirectory, run: Assembly, findings: list[Finding]) -> Verification:
    """The verification by scores made again of the run's own weights."""
    if run.evaluation is None:
        raise UserError(
            f"run={directory.path} was trained without scores: to prove some that were made later, name how, such as "
            f"evaluation={PRESETS[run.data.content]}"
        )
    run.evaluation.kinds(run.data)
    check_drawing(run)
    differ = differences(directory, run)
    try:
        checkpoints.read(directory, run.evaluation.checkpoint)
    except UserError as error:
        return Verification("score", [*findings, Finding("scores", DIFFERENT, str(error))], differ)
    run.data.prepare_data()
    try:
        made = launch(score_run, run, None, world=run.configuration.trainer.world)
    except UserError as error:  # config.yaml and the weights are of different models
        return Verification("score", [*findings, Finding("scores", DIFFERENT, str(error))], differ)
    found = rescoring.compared(directory, made, alike=not differ)
    return Verification("score", [*findings, *found], differ)


def trained(
    directory: RunDirectory, run: Assembly, level: str, findings: list[Finding], steps: int | None
) -> Verification:
    """The verification by a training done again, of the first steps or of all."""
    configuration = run.configuration
    until = None
    if level == "prefix":
        until = retraining.last_step(directory, steps)
        configuration = retraining.shortened(configuration, until)
    elif configuration.budget.minutes is not None:  # the clock is no setting: as many steps as it took then
        budget = {"steps": directory.status()["counters"]["steps"], "images": None, "minutes": None}
        configuration = retraining.undrawn(configuration).replaced("budget", budget)
    else:
        configuration = retraining.undrawn(configuration)
    differ = differences(directory, run, until=until)
    with tempfile.TemporaryDirectory(prefix="kantor-verify-") as place:
        try:
            made = retraining.retrain(configuration, Path(place) / "run")
        except (NonFiniteError, WorkerError) as error:  # config.yaml leads nowhere
            return Verification(level, [*findings, Finding("training", DIFFERENT, f"it ends badly: {error}")], differ)
        found, first = retraining.compared(directory, made.run)
        if level == "full":
            found.append(of_exported(directory, made.run))
        if made.evaluation is not None:
            found += rescoring.compared(directory, made.evaluation, alike=not differ)
    return Verification(level, [*findings, *found], differ, first)


def of_exported(then: RunDirectory, now: RunDirectory) -> Finding:
    """Whether the weights that were trained again are those in generator.safetensors."""
    before, after = exported(then)[1], exported(now)[1]
    if before is None:
        return Finding("generator.safetensors", UNCHECKED, "it is not there")
    verdict = EQUAL if before == after else DIFFERENT
    return Finding("generator.safetensors", verdict, "the weights at the end of training")

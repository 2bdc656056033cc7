"""`kantor evaluate run=DIR`: a run scored again, beside the scores that it has."""

from collections.abc import Sequence
from typing import Any

from kantor.config.compose import changed
from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.engine.check import check_data_root, check_drawing, check_machine
from kantor.engine.publication import publish
from kantor.engine.score import score_run
from kantor.errors import UserError
from kantor.evaluation.base import PRESETS
from kantor.evaluation.error_budget import check_error_budget
from kantor.messages import say
from kantor.processes import started
from kantor.runs import checkpoints
from kantor.runs.card import write_evaluation
from kantor.runs.directory import RunDirectory
from kantor.workers import launch


def evaluate(
    directory: RunDirectory,
    overrides: Sequence[tuple[str, Any]],
    *,
    evaluation: str | None = None,
    extractor: str | None = None,
    likelihood: str | None = None,
    sampler: str | None = None,
    config_dirs: list[str] | None = None,
) -> dict[str, Any]:
    """Score a run as its configuration says, with another evaluation, extractor, likelihood or sampler where one is
    named; the new card.

    Args:
        directory: the run.
        overrides: values for dotted keys, applied last.
        evaluation: the name of a preset, which brings its extractor.
        extractor: the name of another.
        likelihood: the name of a way to it.
        sampler: the name of a sampler.
        config_dirs: directories with further groups.

    Raises:
        UserError: there is nothing to score, or the evaluation is wrong.
    """
    named = {"evaluation": evaluation, "extractor": extractor, "likelihood": likelihood, "sampler": sampler}
    chosen = {group: name for group, name in named.items() if name is not None}
    configuration = changed(
        Configuration(directory.config(), of_run=True), chosen=chosen, overrides=overrides, config_dirs=config_dirs
    )
    if not {"trainer.nodes", "trainer.devices"} & dict(overrides).keys():  # they change nothing in the result
        nodes, devices = started() or (1, configuration.trainer.devices)
        configuration = configuration.replaced("trainer.nodes", nodes).replaced("trainer.devices", devices)
    run = assemble(configuration, directory.path)
    if run.evaluation is None:
        raise UserError(f"evaluation=none scores nothing: name another, such as evaluation={PRESETS[run.data.content]}")
    run.evaluation.kinds(run.data)
    check_drawing(run)
    check_error_budget(run.evaluation, run.model, run.data)
    check_machine(run.model, run.configuration.trainer)
    check_data_root(run.configuration)
    directory.check_writable()
    checkpoints.read(directory, run.evaluation.checkpoint)
    run.data.prepare_data()
    result = launch(score_run, run, run.directory.evaluations, world=run.configuration.trainer.world)
    with directory.publishing():
        write_evaluation(directory, result)
        publish(directory, directory.status())
    drawn = ", ".join(f"process {rank}: {count}" for rank, count in enumerate(result["chunks_per_process"]))
    say(f"chunks drawn by {drawn}")
    return directory.card()

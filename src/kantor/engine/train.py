"""`kantor train`: from a configuration to a run directory with weights, scores, card and page."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from kantor.atomic import remove, write_json, write_text
from kantor.config.schema import Configuration
from kantor.engine.assembly import Assembly, assemble
from kantor.engine.check import check
from kantor.engine.finished import is_complete, is_of_other_code
from kantor.engine.fit import fit
from kantor.engine.publication import derived, publish
from kantor.engine.rehearsal import try_out
from kantor.engine.resumption import check_resumable
from kantor.errors import Interrupted, LeaseLost, UserError
from kantor.evaluation.base import PRESETS
from kantor.messages import say
from kantor.report.page import write_report
from kantor.runs import checkpoints
from kantor.runs.attempts import Attempt, attempt, environment, machine_changes, new_status
from kantor.runs.card import write_evaluation
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import code_hashes
from kantor.runs.manifest import write_manifest
from kantor.search.trial import Trial
from kantor.workers import launch


@dataclass(frozen=True)
class Start:
    """How an attempt begins: from which checkpoint, at which step."""

    checkpoint: Path | None
    step: int


class Next(Enum):
    """What is done with a run: it goes on, from its beginning where there is none; it is trained anew; or nothing."""

    ON = "on"
    ANEW = "anew"
    NOTHING = "nothing"


Decide = Callable[[RunDirectory], Next]
"""Asked while the run is held: what it finds there stays so."""


def train(configuration: Configuration, decide: Decide | None = None, trial: Trial | None = None) -> RunDirectory:
    """Train and score one run: new, or on from its last checkpoint; nothing when it is finished.

    Args:
        configuration: of the run.
        decide: what is done with what lies in its directory; None asks the configuration's `rerun`.
        trial: what the run is to a search; None where there is none.

    Raises:
        OtherCode: it is finished, but by other code.
        UserError: the configuration is wrong (then nothing is written), or the run cannot be gone on with.
        Interrupted: a signal stopped it; it has saved itself.
    """
    run = assemble(configuration, trial=trial)
    check(run)
    carry_out(run, begin, decide)
    return run.directory


Begin = Callable[[Assembly, dict[str, str]], None]
"""Writes down, in an empty directory, what a run is, of which code; status.json last: it says that there is a run."""


def carry_out(run: Assembly, begin: Begin, decide: Decide | None = None) -> None:
    """Train and score a run that has been checked; nothing when it is finished."""
    run.data.prepare_data()
    try_out(run)
    code = code_hashes(run.configuration.plain)
    run.directory.create()
    with run.directory.lock():
        start = prepare(run, code, begin, decide or as_configured(run.configuration))
        if start is not None:
            work(run, start)
        elif run.tracker is not None and run.tracker.sink.awaited:
            run.tracker.tell()


def work(run: Assembly, start: Start) -> None:
    """One attempt at a run, to its end, good or bad; its page tells which."""
    try:
        with attempt(run.directory, run.configuration.trainer, from_step=start.step) as trying:
            result = launch(fit, run, start.checkpoint, world=run.configuration.trainer.world)
            if run.tracker is not None:
                run.tracker.absent = not result["tracked"]
            conclude(run.directory, trying, result)
    except LeaseLost:
        raise  # the run is somebody else's, its page and its tracker too
    except BaseException:
        with contextlib.suppress(OSError, UserError):  # the page is not worth hiding the error
            write_report(run.directory)
        _tell(run)
        raise
    _tell(run)


def _tell(run: Assembly) -> None:
    """Give the tracker, if there is one, what it did not hear while the run was trained."""
    if run.tracker is not None:
        run.tracker.tell()


def as_configured(configuration: Configuration) -> Decide:
    """Anew by `rerun=true`, else on."""
    return lambda directory: Next.ANEW if configuration.rerun else Next.ON


def prepare(run: Assembly, code: dict[str, str], begin: Begin, decide: Decide) -> Start | None:
    """Make the directory ready for an attempt by some code; None when there is nothing to do.

    Raises:
        OtherCode: it was finished by other code.
        UserError: its checkpoints are damaged, or its status.json is lost.
    """
    directory = run.directory
    what = decide(directory)
    if what is Next.NOTHING:
        return None
    if what is Next.ON and directory.exists:
        RunDirectory.open(directory.path)
        directory.sweep_temporaries()
        if directory.status()["state"] != "finished":
            return resume(run, code)
        if not is_of_other_code(run, code):
            return None if is_complete(run) else resume(run, code)
    elif what is Next.ON:
        directory.check_unbegun()
    directory.clear()
    begin(run, code)
    remove(directory.no_run)
    return resume(run, code)


def begin(run: Assembly, code: dict[str, str]) -> None:
    """Write down what a new run is and where it comes from, before it takes its first step."""
    write_json(run.directory.environment_json, described(run, code))
    write_config(run.directory, run.configuration)
    write_json(run.directory.status_json, first_status(run))


def described(run: Assembly, code: dict[str, str]) -> dict[str, Any]:
    """What environment.json says of a run."""
    made = environment(run.configuration, config_hash=run.hash, code=code, fingerprint=run.data.fingerprint)
    told = {
        "content": run.data.content,
        "preset": PRESETS[run.data.content],
        "parameters": run.model.parameter_counts(),
        "step": run.model.step_is,
        "words": dict(run.model.words()),
        "charts": [asdict(chart) for chart in run.model.charts()],
    }
    return {**made, **told, **({} if run.trial is None else {"search": run.trial.describe()})}


def first_status(run: Assembly) -> dict[str, Any]:
    """status.json before the first attempt."""
    counters = dict.fromkeys(run.model.counters(), 0)
    return new_status(counters, steps=run.budget_steps, minutes=run.configuration.budget.minutes)


def resume(run: Assembly, code: dict[str, str]) -> Start:
    """Where a run goes on, which of a new one is its beginning; what is beyond that is taken back.

    Raises:
        UserError: its checkpoints are damaged, or none of this run's training.
    """
    directory = run.directory
    checkpoint, note = checkpoints.to_resume(directory)
    if checkpoint is not None:
        check_resumable(run.model, checkpoint)
    if directory.environment()["code"] != code:
        say(f"{directory.path}: going on with code that has changed since the run began")
        before = directory.environment()
        changed = [*before.get("code_before", []), before["code"]]
        write_json(directory.environment_json, {**before, "code": code, "code_before": changed})
    write_config(directory, run.configuration)
    if note is not None:
        say(note)
        checkpoint = checkpoints.promote_previous(directory)
    step = 0 if checkpoint is None else checkpoints.counters(checkpoint)["steps"]
    if step:
        say(f"{directory.path}: going on from step {step}")
        for what, then, now in machine_changes(directory, run.configuration.trainer):
            say(f"{what} was {then} and is {now} now: the result need not equal an uninterrupted run's bit for bit")
    directory.cut_metrics(step)
    directory.cut_digests(step, run.configuration.trainer.checkpoint_every)
    directory.cut_samples(step)
    return Start(checkpoint, step)


def write_config(directory: RunDirectory, configuration: Configuration) -> None:
    """Write config.yaml."""
    plain = dict(configuration.plain)
    write_text(directory.config_yaml, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def conclude(directory: RunDirectory, trying: Attempt, result: dict[str, Any]) -> None:
    """Write how an attempt ended: evaluation, card, figures, page, and last the status, which vouches for them.

    Raises:
        Interrupted: a signal ended it.
    """
    trying.status["cost"] = result["cost"]
    if result["interrupted"] is not None:
        trying.end(trying.ended("interrupted", state="running", counters=result["counters"]))
        raise Interrupted(result["interrupted"])
    if result["pruned"]:
        why = f"its search ended it at step {result['counters']['steps']:,}, for others scored better by then"
        trying.end(trying.ended("pruned", state="running", counters=result["counters"], reason=why))
        write_report(directory)
        return
    done, planned = result["counters"]["steps"], trying.status["budget"]["steps"]
    early = planned is not None and done < planned
    reason = f"a callback ended training early, at step {done:,} of {planned:,}" if early else None
    finished = trying.ended("finished", state="finished", counters=result["counters"], reason=reason)
    with directory.publishing():
        if result["evaluation"] is not None:
            write_evaluation(directory, result["evaluation"])
        publish(directory, finished)
        write_manifest(directory, finished)
        trying.end({**finished, "files": derived(directory)})

"""A retraining: the training of a finished run done again in a directory of its own, and compared with what the run has
kept of it: the digests of its state, and the rows of metrics.csv.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.engine.fit import fit
from kantor.errors import Interrupted, UserError
from kantor.runs.digest_rows import DigestRow
from kantor.runs.directory import RunDirectory
from kantor.runs.verification import DIFFERENT, EQUAL, UNCHECKED, Finding
from kantor.workers import launch

NOTHING: dict[str, object] = {"_target_": None}


@dataclass(frozen=True)
class Retraining:
    """What came of one.

    Attributes:
        run: where it lies.
        evaluation: its scores; None where it was not scored.
    """

    run: RunDirectory
    evaluation: dict[str, Any] | None


def shortened(configuration: Configuration, steps: int) -> Configuration:
    """The configuration of the first steps, which scores and draws nothing: the weights do not depend on it."""
    budget = {"steps": steps, "images": None, "minutes": None}
    evaluation = {**configuration.plain["evaluation"], **NOTHING}
    return undrawn(configuration).replaced("budget", budget).replaced("evaluation", evaluation)


def undrawn(configuration: Configuration) -> Configuration:
    """The same without pictures and logger."""
    pictures = {**configuration.plain["pictures"], "callbacks": None}
    return configuration.replaced("pictures", pictures).replaced("logger", NOTHING)


def retrain(configuration: Configuration, place: Path) -> Retraining:
    """Train what a configuration describes, from the beginning.

    Args:
        configuration: of a run.
        place: gets the run; there is nothing there.

    Raises:
        Interrupted: a signal ended it.
    """
    run = assemble(configuration, place)
    run.data.prepare_data()
    run.directory.create()
    with run.directory.lock():
        result = launch(fit, run, None, world=configuration.trainer.world)
    if result["interrupted"] is not None:
        raise Interrupted(result["interrupted"], saved=False)
    return Retraining(run.directory, result["evaluation"])


def last_step(run: RunDirectory, steps: int | None) -> int:
    """Up to which step the beginning of a run is trained again: the first that it has digests of, or the last such step
    that is not beyond `steps`.

    Raises:
        UserError: there is none.
    """
    there = [row.steps for row in run.digest_rows()]
    if not there:
        raise UserError(
            f"run={run.path} has no digests.csv, since an earlier version of kantor trained it: level=full trains all "
            "of it again, and compares the weights"
        )
    reached = [step for step in there if step <= (there[0] if steps is None else steps)]
    if not reached:
        raise UserError(f"steps={steps}: the run has digests from step {there[0]} on; expected no less")
    return reached[-1]


def compared(then: RunDirectory, now: RunDirectory) -> tuple[list[Finding], int | None]:
    """What is found of the steps that were trained again, and the first that differs."""
    rows = {row.steps: row for row in then.digest_rows()}
    states, state = of_states([(rows[row.steps], row) for row in now.digest_rows() if row.steps in rows])
    metrics, row = of_metrics(then.metric_rows(), now.metric_rows())
    return [states, metrics], min((step for step in (state, row) if step is not None), default=None)


def of_states(pairs: Sequence[tuple[DigestRow, DigestRow]]) -> tuple[Finding, int | None]:
    """Whether the states of a training were what they are now, and the first step at which they were not."""
    if not pairs:
        return Finding("training", DIFFERENT, "it has no digests of the steps at which there are some now"), None
    equal = 0
    for then, now in pairs:
        differ = [name for name in ("weights", "optimizers", "sampling") if getattr(then, name) != getattr(now, name)]
        if differ:
            before = f"equal up to step {equal:,}, " if equal else ""
            return Finding(
                "training", DIFFERENT, f"{before}other {' and '.join(differ)} at step {now.steps:,}"
            ), now.steps
        equal = now.steps
    return Finding("training", EQUAL, f"state to the bit at each of {len(pairs):,} digests, up to step {equal:,}"), None


def of_metrics(then: Sequence[dict[str, str]], now: Sequence[dict[str, str]]) -> tuple[Finding, int | None]:
    """Whether metrics.csv has what is logged now, but for the seconds, and the first step at which it has not."""
    count = 0
    for step, name, before, after in cells(then, now):
        if before != after:
            told = f"{name} at step {step:,} was {before} and is {after}"
            return Finding("metrics.csv", DIFFERENT, told), step
        count += 1
    if not count:
        return Finding("metrics.csv", UNCHECKED, "no row of it was trained again"), None
    return Finding("metrics.csv", EQUAL, f"{count:,} values but seconds, as they are logged now"), None


def cells(then: Sequence[dict[str, str]], now: Sequence[dict[str, str]]) -> Iterator[tuple[int, str, str, str]]:
    """Step, column, and both values, wherever both have one: a short training is measured at other steps."""
    before = {row["steps"]: row for row in then}
    for row in now:
        for name, value in row.items():
            there = before.get(row["steps"], {}).get(name, "")
            if name != "seconds" and value and there:
                yield int(row["steps"]), name, there, value

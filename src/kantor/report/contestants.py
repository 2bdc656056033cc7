"""A contestant: one run as a comparison sees it, read from its files only; and runs that failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from kantor.errors import UserError
from kantor.report.summary import Summary, summarise
from kantor.runs.directory import RunDirectory


@dataclass(frozen=True)
class Contestant:
    """One run of a comparison.

    Attributes:
        label: tells it apart from the others.
        state: whether somebody works on it, looked up.
        summary: what its files say.
    """

    label: str
    state: str
    summary: Summary

    @property
    def path(self) -> str:
        """The directory as it was given."""
        return str(self.summary.run.path)


@dataclass(frozen=True)
class Entries:
    """The runs of a comparison.

    Attributes:
        scored: those that have scores and did not fail.
        failed: those that failed.
        notes: on those that are neither, or cannot be believed.
    """

    scored: list[Summary]
    failed: list[Summary]
    notes: list[str]


def read_entries(runs: Sequence[RunDirectory]) -> Entries:
    """What some runs are to a comparison; a directory given twice counts once.

    Raises:
        UserError: none of them has scores, or one is not there.
    """
    distinct = list({run.path.resolve(): run for run in runs}.values())
    for run in distinct:
        if not run.path.is_dir():
            raise UserError(
                f"{run.path} does not exist: compare expects run directories; `kantor status` lists the runs"
            )
    if not distinct:
        raise UserError(
            "compare needs runs, was given none: `kantor compare DIR DIR …` (globs are welcome; `kantor status` lists "
            "the runs)"
        )
    read, damaged = readable(distinct)
    failed, whole = [one for one in read if one.failed], [one for one in read if not one.failed]
    scored, bare = [one for one in whole if one.evaluations], [one for one in whole if not one.evaluations]
    if not scored and not bare:
        raise UserError(
            f"none of the runs has scores to compare: all failed, the first, {failed[0].run.path}, for this reason: "
            f"{failed[0].reason}"
        )
    if not scored:
        raise UserError(f"none of the runs has scores to compare: `{bare[0].scoring_command}` makes those of the first")
    return Entries(
        scored,
        failed,
        [
            *(f"Left out: {error}." for error in damaged),
            *(f"Left out, for it has no scores: {one.run.path}; `{one.scoring_command}` makes them." for one in bare),
        ],
    )


def readable(runs: Sequence[RunDirectory]) -> tuple[list[Summary], list[str]]:
    """The runs whose files can be read, and what is wrong with the others.

    Raises:
        UserError: none can.
    """
    read, damaged = [], []
    for run in runs:
        try:
            summary = summarise(run)
            _ = summary.metrics
            read.append(summary)
        except UserError as error:
            damaged.append(str(error))
    if not read:
        raise UserError(damaged[0])
    return read, damaged

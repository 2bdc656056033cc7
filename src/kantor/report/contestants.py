"""A contestant: one run as a comparison sees it, read from its files only."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import flatten
from kantor.report.summary import Summary, summarise
from kantor.runs.directory import RunDirectory

NOT_METHOD = ("seed", "experiment")  # keys that say which run it is, not how it differs


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

    @property
    def method(self) -> tuple[str, str]:
        """Runs of equal method differ in their training seed only. Somebody's samples are a method of their own."""
        config_hash = self.summary.config_hash
        return (self.path, "") if config_hash is None else (self.summary.experiment, config_hash)


def read_contestants(runs: Sequence[RunDirectory]) -> list[Contestant]:
    """The runs with labels that tell them apart; a directory given twice counts once.

    Raises:
        UserError: fewer than two runs, or one without scores.
    """
    distinct = list({run.path.resolve(): run for run in runs}.values())
    if len(distinct) < 2:
        given = f"only {distinct[0].path}" if distinct else "none"
        raise UserError(
            f"compare needs at least two runs, given {given}: `kantor compare DIR DIR …` (globs are welcome; "
            "`kantor status` lists the runs)"
        )
    summaries = [read_scored(run) for run in distinct]
    labels = distinct_labels(summaries)
    return [Contestant(label, one.state_now, one) for label, one in zip(labels, summaries, strict=True)]


def read_scored(run: RunDirectory) -> Summary:
    """The summary of a run that has scores.

    Raises:
        UserError: it has none.
    """
    summary = summarise(run)
    if not summary.evaluations:
        if not run.path.is_dir():
            raise UserError(
                f"{run.path} does not exist: compare expects run directories; `kantor status` lists the runs"
            )
        raise UserError(
            f"{run.path} has no scores to compare: `kantor evaluate run={shlex.quote(str(run.path))} "
            "evaluation=quick` makes them (of points: evaluation=toy)"
        )
    return summary


def distinct_labels(summaries: Sequence[Summary]) -> list[str]:
    """`point_demo seed 0`; with the hash or the path added only where two would be the same."""
    seeds = ["" if one.seed is None else f" seed {one.seed}" for one in summaries]
    hashes = ["" if one.config_hash is None else f" {one.config_hash[:10]}" for one in summaries]
    plain = [one.experiment + seed for one, seed in zip(summaries, seeds, strict=True)]
    hashed = [one.experiment + key + seed for one, key, seed in zip(summaries, hashes, seeds, strict=True)]
    plain_count, hashed_count = Counter(plain), Counter(hashed)
    return [
        short if plain_count[short] == 1 else longer if hashed_count[longer] == 1 else f"{longer} ({one.run.path})"
        for short, longer, one in zip(plain, hashed, summaries, strict=True)
    ]


def config_differences(contestants: Sequence[Contestant]) -> list[tuple[str, list[str]]]:
    """Configuration keys that are not the same in all runs, with one value per run."""
    flat = [flatten(one.summary.config) for one in contestants]
    rows = []
    for key in dict.fromkeys(key for fields in flat for key in fields):
        values = [units.plain(fields[key]) if key in fields else units.MISSING for fields in flat]
        if key not in NOT_METHOD and len(set(values)) > 1:
            rows.append((key, values))
    return rows

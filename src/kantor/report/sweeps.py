"""A sweep at a glance: by job what it differs by, its state, progress, primary score, time, and why it is not done."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kantor.errors import UserError
from kantor.plain_files import is_plain
from kantor.report import units
from kantor.report.cards import read_evaluations
from kantor.report.labels import short_names
from kantor.report.progress import progress_of
from kantor.report.summary import Summary
from kantor.report.tables import Sheet, console, terminal
from kantor.sweeps.plan import Plan
from kantor.sweeps.states import Standing

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"running": "green", "stopped": "yellow", "failed": "red", "other code": "red", "new": "dim"}
LONGEST = 120
"""Letters of a reason."""
STATES = ("done", "running", "stopped", "new", "failed", "other code")
NOTES = {
    "running": "running: a process holds it",
    "stopped": "stopped: no process works on it; the same command, or `kantor work`, goes on with it",
    "other code": "other code: finished by other code than there is now; code=accept takes these runs as they are, "
    "code=rerun trains them again",
}


def sweep_sheet(plan: Plan, standings: Sequence[Standing]) -> Sheet:
    """The standings as strings."""
    differing = [dict(word.partition("=")[::2] for word in one.job.words) for one in standings]
    keys = list(dict.fromkeys(key for each in differing for key in each))
    short = short_names(keys)
    summaries = [_summary(plan, one) for one in standings]
    scores = list(dict.fromkeys(one.primary_name for one in summaries if one.primary_name))
    rows = []
    for standing, settings, summary in zip(standings, differing, summaries, strict=True):
        given = [settings.get(key, units.MISSING) for key in keys] if keys else [standing.job.run]
        progress = progress_of(summary)
        seconds = summary.status.get("cost", {}).get("train_seconds") or progress.seconds
        rows.append(
            (
                *given,
                standing.state,
                units.MISSING if progress.share is None else f"{int(100 * progress.share)}%",
                _score(summary, alone=len(scores) == 1),
                units.duration(seconds or None),
                _shortened(standing.reason),
            )
        )
    columns = (*(short[key] for key in keys), *([] if keys else ["run"]), "state", "progress")
    score = scores[0] if len(scores) == 1 else "score"
    return Sheet(
        "", (*columns, score, "time", "reason"), rows, frozenset({"progress", score, "time"}), _said(standings)
    )


def _said(standings: Sequence[Standing]) -> str:
    """How many jobs there are of each state, and what the states mean that nobody need know."""
    count = Counter(one.state for one in standings)
    listing = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
    notes = [NOTES[state] for state in NOTES if count[state]]
    return "\n".join([f"{units.counted(len(standings), 'job')}: {listing}", *notes])


def _summary(plan: Plan, standing: Standing) -> Summary:
    """What the run's files say as far as the table needs it."""
    run, card = plan.directory_of(standing.job), {}
    if standing.status and is_plain(run.card_json):
        try:
            card = run.card()
        except UserError:  # the score is missing then, and `kantor status` says why
            card = {}
    return Summary(run, dict(standing.status), dict(standing.job.plain), {}, card, read_evaluations(card))


def _score(summary: Summary, *, alone: bool) -> str:
    score = summary.primary
    if score is None:
        return units.MISSING
    return score.text if alone else f"{score.name} {score.text}"


def _shortened(reason: str) -> str:
    line = next(iter(reason.splitlines()), "")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def sweep_table(plan: Plan, standings: Sequence[Standing]) -> "Table":
    """The same as a rich table."""
    table = terminal(sweep_sheet(plan, standings))
    for row, standing in zip(table.rows, standings, strict=True):
        row.style = STYLES.get(standing.state, "")
    return table


def print_sweep(plan: Plan, standings: Sequence[Standing]) -> None:
    """The table on the terminal, or uncut in a pipe."""
    console().print(sweep_table(plan, standings))

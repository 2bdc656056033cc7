"""A sweep at a glance: by job what it differs by, its state, progress, primary score, time, and why it is not done."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kantor.errors import UserError
from kantor.messages import show
from kantor.plain_files import is_plain
from kantor.report import units
from kantor.report.cards import read_evaluations
from kantor.report.labels import short_names
from kantor.report.progress import progress_of
from kantor.report.summary import Summary
from kantor.report.tables import Sheet, console, terminal
from kantor.sweeps.plan import Plan
from kantor.sweeps.ranking import best_of, over_seeds, told
from kantor.sweeps.states import Standing
from kantor.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"running": "green", "stopped": "yellow", "failed": "red", "other code": "red", "new": "dim"}
LONGEST = 120
"""Letters of a reason."""
STATES = ("done", "pruned", "running", "stopped", "new", "failed", "other code")
AGAIN = "failed: `kantor train -m …` given again, or `kantor work PLAN failed=again`, tries once more"
"""Of a grid; a trial that failed is a result of its search."""
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
    scores = _scores(plan, summaries)
    rows = []
    for standing, settings, summary in zip(standings, differing, summaries, strict=True):
        given = [settings.get(key, units.MISSING) for key in keys] if keys else [standing.job.run]
        if plan.search is not None:
            given = [str(standing.job.number), *map(_rounded, given)]
        progress = progress_of(summary)
        seconds = summary.status.get("cost", {}).get("train_seconds") or progress.seconds
        rows.append(
            (
                *given,
                standing.state,
                units.MISSING if progress.share is None else f"{int(100 * progress.share)}%",
                *_score_cells(summary, scores),
                units.duration(seconds or None),
                _shortened(standing.reason),
            )
        )
    columns = (*(short[key] for key in keys), *([] if keys else ["run"]), "state", "progress")
    columns = columns if plan.search is None else ("trial", *columns)
    scores = scores or ["score"]
    numeric = frozenset({"trial", "progress", "time", *scores})
    return Sheet("", (*columns, *scores, "time", "reason"), rows, numeric, _said(plan, standings))


def _said(plan: Plan, standings: Sequence[Standing]) -> str:
    """How many jobs there are of each state, and what the states mean that nobody need know."""
    count = Counter(one.state for one in standings)
    listing = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
    notes = [NOTES[state] for state in NOTES if count[state]]
    if count["failed"] and plan.search is None:
        notes.append(AGAIN)
    jobs = units.counted(len(standings), "job")
    if plan.search is not None:
        jobs = f"{len(standings)} of {units.counted(max(len(standings), plan.search.trials), 'trial')}"
    return "\n".join([f"{jobs}: {listing}" if listing else jobs, *notes])


def _found(plan: Plan, standings: Sequence[Standing]) -> list[str]:
    """What a search has found; nothing of a grid. No table's, which would break the command into lines."""
    best = best_of(plan, standings)
    lines = [f"best  {told(plan, job)}" for job in best]
    return [*lines, f"over other seeds  {over_seeds(plan, best[0])}"] if best else []


def _scores(plan: Plan, summaries: Sequence[Summary]) -> list[str]:
    """The scores that have columns; none where the jobs are judged by different ones."""
    if plan.search is not None:
        return [goal.score for goal in plan.search.goals]
    scores = list(dict.fromkeys(one.primary_name for one in summaries if one.primary_name))
    return scores if len(scores) == 1 else []


def _score_cells(summary: Summary, scores: Sequence[str]) -> list[str]:
    if scores:
        return [summary.scores[name].text if name in summary.scores else units.MISSING for name in scores]
    score = summary.primary
    return [units.MISSING if score is None else f"{score.name} {score.text}"]


def _summary(plan: Plan, standing: Standing) -> Summary:
    """What the run's files say as far as the table needs it."""
    run, card = plan.directory_of(standing.job), {}
    if standing.status and is_plain(run.card_json):
        try:
            card = run.card()
        except UserError:  # the score is missing then, and `kantor status` says why
            card = {}
    return Summary(run, dict(standing.status), dict(standing.job.plain), {}, card, read_evaluations(card))


def _rounded(value: str) -> str:
    """A number that was drawn, in four digits; the whole of it is in the command."""
    try:
        return f"{float(value):.4g}" if "." in value or "e" in value else value
    except ValueError:
        return value


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
    """The table on the terminal, or uncut in a pipe; below it what a search has found."""
    console().print(sweep_table(plan, standings))
    for line in _found(plan, standings):
        show(visible(line))

"""Every run below a directory at a glance: state, progress, time left, primary score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kantor.errors import UserError
from kantor.plain_files import is_plain
from kantor.report import units
from kantor.report.cards import read_evaluations
from kantor.report.progress import Progress, progress_of
from kantor.report.protocols import holders
from kantor.report.summary import Summary
from kantor.report.tables import Sheet, console, terminal
from kantor.runs import door
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import find_runs

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"running": "green", "stopped": "yellow", "failed": "red", "damaged": "red", "finished": "", "new": "dim"}


@dataclass(frozen=True)
class StatusRow:
    """One run; `state` is new, running, stopped (nobody works on it), finished, failed or damaged."""

    path: Path
    state: str
    reason: str
    summary: Summary | None = None
    progress: Progress | None = None


def status_rows(root: Path) -> list[StatusRow]:
    """Every run below `root`, by path. A damaged run is a row, too.

    Raises:
        UserError: `root` is no directory.
    """
    if not root.is_dir():
        raise UserError(
            f"{root} is no directory: expected one with runs below it (default outputs/); "
            "`kantor train experiment=NAME` makes outputs/"
        )
    return [status_row(run) for run in find_runs(root)]


def status_row(run: RunDirectory) -> StatusRow:
    """One run's row."""
    try:
        summary = briefly(run)
        reason = summary.status.get("reason") or ""
        return StatusRow(run.path, summary.state_now, reason, summary, progress_of(summary))
    except UserError as error:
        return StatusRow(run.path, "damaged", str(error))


def briefly(run: RunDirectory) -> Summary:
    """A run's files as far as a row needs them.

    Raises:
        UserError: one is damaged, or something among them is no plain file.
    """
    door.check_plain(run.path)
    card = run.card() if is_plain(run.card_json) else {}
    environment = run.environment() if is_plain(run.environment_json) else {}
    primary = run.primary_score() if is_plain(run.config_yaml) else None
    config = {"experiment": environment.get("experiment"), "primary_score": primary}
    return Summary(run, run.status(), config, environment, card, read_evaluations(card))


def cells_of(row: StatusRow) -> tuple[str, ...]:
    """A row as strings."""
    reason = f" ({row.reason})" if row.reason and row.state in ("failed", "damaged", "finished", "stopped") else ""
    path, progress = f"{row.path}{reason}", row.progress
    if progress is None or row.summary is None:
        return (row.state, *[units.MISSING] * 4, path)
    of = f" of {units.count(progress.budget_steps)}" if progress.budget_steps else ""
    share = units.MISSING if progress.share is None else f"{int(100 * progress.share)}%"
    left = units.duration(progress.seconds_left) if row.state == "running" else units.MISSING
    score = row.summary.primary
    value = units.MISSING if score is None else f"{score.name} {score.text}"
    return (row.state, units.count(progress.steps) + of, share, left, value, path)


def status_sheet(rows: Sequence[StatusRow], root: Path) -> Sheet:
    """The rows as strings, and what they need to be understood."""
    summaries = [row.summary for row in rows if row.summary is not None and row.summary.step]
    by_step = holders((one.step for one in summaries), (one.experiment for one in summaries))
    notes = [f"a step of {', '.join(dict.fromkeys(who))} is {step}" for step, who in by_step.items()]
    if len(notes) == 1:
        notes = [f"a step is {step}" for step in by_step]
    if any(row.state == "stopped" for row in rows):
        notes.append("stopped: no process works on it; its `kantor train` command, given again, goes on")
    if not rows:
        notes.append(f"there is no run below {root}; `kantor train experiment=NAME` makes one")
    columns = ("state", "steps", "done", "left", "score", "run")
    return Sheet("", columns, [cells_of(row) for row in rows], frozenset({"steps", "done", "left"}), "\n".join(notes))


def status_table(root: Path) -> "Table":
    """Every run below `root` as a rich table; print it with `tables.console()`, which does not cut rows in a pipe.

    Raises:
        UserError: `root` is no directory.
    """
    rows = status_rows(Path(root))
    table = terminal(status_sheet(rows, Path(root)))
    for table_row, row in zip(table.rows, rows, strict=True):
        table_row.style = STYLES.get(row.state, "")
    return table


def print_status(root: Path) -> None:
    """`kantor status`: the table on the terminal, or uncut in a pipe.

    Raises:
        UserError: `root` is no directory.
    """
    console().print(status_table(root))

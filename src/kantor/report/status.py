"""Every run below a directory at a glance: state, progress, time left, primary score."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import Score, read_evaluations
from kantor.report.progress import Progress, progress_of, state_of
from kantor.report.tables import Sheet, console, terminal
from kantor.runs.directory import RunDirectory, find_runs

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"running": "green", "stopped": "yellow", "failed": "red", "damaged": "red", "finished": "", "new": "dim"}


@dataclass(frozen=True)
class StatusRow:
    """One run; `state` is new, running, stopped (nobody works on it), finished, failed or damaged."""

    path: Path
    state: str
    progress: Progress | None
    primary: str
    score: Score | None
    reason: str


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
        status = run.status()
        state = state_of(run, status)
        primary, score = primary_of(run)
        return StatusRow(run.path, state, progress_of(run, status), primary, score, status.get("reason") or "")
    except UserError as error:
        return StatusRow(run.path, "damaged", None, "", None, str(error))


def primary_of(run: RunDirectory) -> tuple[str, Score | None]:
    """The primary score's name, and the score on the card's last evaluation that has it."""
    config: dict[str, Any] = run.config() if run.config_yaml.is_file() else {}
    name = str(config.get("primary_score") or "")
    if not run.card_json.is_file():
        return name, None
    scores = [one.scores[name] for one in read_evaluations(run.card()) if name in one.scores]
    return name, scores[-1] if scores else None


def progress_text(progress: Progress | None) -> tuple[str, str]:
    """`500 of 2,000` and `25%`."""
    if progress is None:
        return units.MISSING, units.MISSING
    if progress.budget_steps:
        done = f"{units.count(progress.steps)} of {units.count(progress.budget_steps)}"
    else:
        done = units.count(progress.steps)
    return done, units.MISSING if progress.share is None else f"{int(100 * progress.share)}%"


def status_sheet(rows: Sequence[StatusRow], root: Path) -> Sheet:
    """The rows as strings."""
    columns = ("state", "steps", "done", "left", "score", "run")
    cells = []
    for row in rows:
        done, percent = progress_text(row.progress)
        left = units.duration(row.progress.seconds_left) if row.state == "running" and row.progress else units.MISSING
        score = units.MISSING if row.score is None else f"{row.primary} {row.score.text}"
        path = str(row.path) + (
            f" ({row.reason})" if row.reason and row.state in ("failed", "damaged", "finished") else ""
        )
        cells.append((row.state, done, percent, left, score, path))
    caption = "" if cells else f"there is no run below {root}; `kantor train experiment=NAME` makes one"
    if any(row.state == "stopped" for row in rows):
        caption = "stopped: no process works on it; its `kantor train` command, given again, goes on"
    return Sheet("", columns, cells, frozenset({"steps", "done", "left"}), caption)


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

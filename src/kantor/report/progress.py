"""How far a run is: its steps, share of the budget, time left. Reads the end of metrics.csv only."""

import os
from dataclasses import dataclass

from kantor.report.summary import Summary
from kantor.runs import metric_rows
from kantor.runs.directory import RunDirectory

TAIL = 1 << 16  # bytes of metrics.csv that are read: some hundred rows


@dataclass(frozen=True)
class Progress:
    """Steps and seconds so far, the budget (one of the two), the share done and the seconds left (None: unknown)."""

    steps: int
    seconds: float | None
    budget_steps: int | None
    budget_minutes: float | None
    share: float | None
    seconds_left: float | None


def last_rows(run: RunDirectory) -> list[dict[str, float | None]]:
    """The last rows of metrics.csv, whole rows only.

    Raises:
        UserError: they are damaged.
    """
    if not os.path.lexists(run.metrics_csv):
        return []
    rows = metric_rows.read_last_rows(run.metrics_csv, TAIL)
    return [{name: metric_rows.number(cell) for name, cell in row.items()} for row in rows]


def speed(rows: list[dict[str, float | None]]) -> float | None:
    """Steps per second over the last rows; None while there is nothing to tell it from."""
    points = [(row.get("seconds"), row.get("steps")) for row in rows]
    known = [(seconds, steps) for seconds, steps in points if seconds is not None and steps is not None]
    if len(known) < 2:
        return None
    (first_seconds, first_steps), (last_seconds, last_steps) = known[0], known[-1]
    if last_seconds <= first_seconds or last_steps <= first_steps:
        return None
    return (last_steps - first_steps) / (last_seconds - first_seconds)


def progress_of(summary: Summary) -> Progress:
    """Progress from status.json and the end of metrics.csv, whichever is further."""
    rows = last_rows(summary.run)
    last = rows[-1] if rows else {}
    counters, budget = summary.status.get("counters") or {}, summary.status.get("budget") or {}
    steps = int(max(last.get("steps") or 0, counters.get("steps") or 0))
    seconds = last.get("seconds")
    of_steps, of_minutes = budget.get("steps"), budget.get("minutes")
    share = left = None
    if of_steps:
        share = min(1.0, steps / of_steps)
        rate = speed(rows)
        left = None if rate is None else max(0, of_steps - steps) / rate
    elif of_minutes and seconds is not None:
        share = min(1.0, seconds / (60 * of_minutes))
        left = max(0.0, 60 * of_minutes - seconds)
    if summary.state == "finished":
        share, left = 1.0, 0.0
    return Progress(steps, seconds, of_steps, of_minutes, share, left)

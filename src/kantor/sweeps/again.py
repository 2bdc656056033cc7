"""Again: `rerun=true` of a sweep trains each of its runs once more, whoever works on it and however often it is killed.

What lies there when that is asked for is written down beside the plan: a run that begins otherwise is a new one.
"""

from collections.abc import Mapping
from typing import Any

from kantor.atomic import write_json
from kantor.plain_files import is_plain
from kantor.runs import door
from kantor.runs.shapes import mapped, maybe, record, text
from kantor.sweeps.plan import Job, Plan

AGAIN = "again.json"
SHAPE = record({"runs": mapped(maybe(text))})


def first_attempt(status: Mapping[str, Any]) -> str | None:
    """What a run's first attempt is known by; None of what has not begun."""
    first: Mapping[str, str] = (status.get("attempts") or [{}])[0]
    return first.get("id")


class Again:
    """Which runs of a plan are to be trained once more.

    Args:
        plan: whose runs.
    """

    def __init__(self, plan: Plan) -> None:
        path = plan.directory / AGAIN
        self._before: dict[str, str | None] = door.read_json(path, SHAPE)["runs"] if is_plain(path) else {}

    def due(self, job: Job, status: Mapping[str, Any]) -> bool:
        """Whether what lies there is the run of before."""
        before = self._before.get(job.run) if job.run is not None else None
        return before is not None and before == first_attempt(status)


def is_asked(plan: Plan) -> bool:
    """Whether that was ever asked for."""
    return is_plain(plan.directory / AGAIN)


def ask(plan: Plan) -> None:
    """Have every run trained once more."""
    before = {}
    for job in plan.jobs:
        if job.run is not None:
            run = plan.directory_of(job)
            before[job.run] = first_attempt(run.status()) if is_plain(run.status_json) else None
    write_json(plan.directory / AGAIN, {"runs": before})

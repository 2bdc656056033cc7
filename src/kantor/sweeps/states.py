"""How far the jobs of a plan are, told from the files of their runs: nothing of it is written down a second time.

What no run can say, that a job was refused before there was one, and whether wrong input was to blame, is a small
record beside the plan.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kantor.atomic import write_json
from kantor.causes import is_denied, is_of_machine
from kantor.config import trust
from kantor.errors import UserError
from kantor.plain_files import is_plain
from kantor.runs import door
from kantor.runs.attempts import is_pruned
from kantor.runs.identity import code_changes, code_hashes
from kantor.runs.owners import Owner
from kantor.runs.shapes import count, long_text, maybe, record, text
from kantor.sweeps.again import Again
from kantor.sweeps.plan import Job, Plan
from kantor.sweeps.planning import code_stamp

KILLS = 3
"""Attempts in a row that were killed on one machine without a checkpoint between them, after which a job counts as
failed there: it may be the job that ends its workers, and would end all. Or it is the machine: elsewhere the job goes
on, until so many machines have killed it."""

MACHINE, DENIED = "machine", "denied"
"""The kinds of errors that were the machine's: the second says that it is not allowed, which is up to the user."""

RECORD = record({"run": maybe(text), "kind": text, "text": long_text, "attempts": count})


@dataclass(frozen=True)
class Standing:
    """How far a job is.

    Attributes:
        job: of the plan.
        state: new, running (somebody holds the run), stopped (nobody does), failed, pruned (by its search), done, or
            other code.
        reason: why it failed or was pruned or could not be done, or what other code is.
        status: the run's status.json; empty where there is no run.
        wrong_input: whether that is up to the user.
        by_machine: whether it could not be done for an error of the machine's, such as a full disk.
        here_alone: whether it has failed on this machine, and others go on with it.
    """

    job: Job
    state: str
    reason: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    wrong_input: bool = False
    by_machine: bool = False
    here_alone: bool = False

    @property
    def attempts(self) -> int:
        """How often the run was tried."""
        return len(self.status.get("attempts", ()))


class Board:
    """The standings of a plan's jobs, for one who looks at them with the code that there is now.

    Args:
        plan: whose jobs.
        code: what becomes of finished runs that other code has made.
    """

    def __init__(self, plan: Plan, *, code: str) -> None:
        self.plan = plan
        self.code = code
        self._codes: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._unwritten: dict[int, dict[str, Any]] = {}

    def all(self) -> list[Standing]:
        """Of every job."""
        return [self.of(job) for job in self.plan.jobs]

    def of(self, job: Job) -> Standing:
        """Of one job; a damaged run has failed."""
        if job.refused is not None:
            return Standing(job, "failed", job.refused, wrong_input=True)
        try:
            return self._of_run(job, self.status(job))
        except UserError as error:
            return Standing(job, "failed", str(error))

    def status(self, job: Job) -> dict[str, Any]:
        """status.json of a job's run; empty where there is none, or only one that is to be made again.

        Raises:
            UserError: it is damaged.
        """
        run = self.plan.directory_of(job)
        status = run.status() if is_plain(run.status_json) else {}
        return {} if Again(self.plan).due(job, status) else status

    def _of_run(self, job: Job, status: dict[str, Any]) -> Standing:
        run, state = self.plan.directory_of(job), status.get("state", "new")
        if state == "finished":
            changed = [] if self.code == "accept" else code_changes(run.environment()["code"], self._code(job))
            if changed:
                return Standing(job, "other code", f"made by another version of {', '.join(changed)}", status)
            return Standing(job, "done", status=status)
        if run.path.is_dir() and run.live:
            return Standing(job, "running", status=status)
        noted = self._noted(job)
        if noted is not None and noted["attempts"] == len(status.get("attempts", ())):
            kind = noted["kind"]
            if kind in (MACHINE, DENIED):
                begun = "stopped" if status else "new"
                return Standing(job, begun, noted["text"], status, wrong_input=kind == DENIED, by_machine=True)
            return Standing(job, "failed", noted["text"], status, wrong_input=kind == UserError.__name__)
        if state == "failed":
            return Standing(job, "failed", status["reason"] or "", status)
        if self.plan.search is not None and is_pruned(status):
            return Standing(job, "pruned", status["reason"] or "", status)
        if state == "running":
            state, reason, here_alone = _after_kills(status["attempts"])
            return Standing(job, state, reason, status, here_alone=here_alone)
        return Standing(job, "stopped" if status else "new", status=status)

    def note(self, job: Job, error: BaseException, text: str) -> None:
        """Write down why a job failed, or could not be done; where that cannot be, it is known here alone."""
        with contextlib.suppress(OSError, UserError):
            attempts = len(self.status(job).get("attempts", ()))
            kind = (UserError if isinstance(error, UserError) else type(error)).__name__
            if is_of_machine(error):
                kind = DENIED if is_denied(error) else MACHINE
            self._unwritten[job.number] = {"run": job.run, "kind": kind, "text": text, "attempts": attempts}
            write_json(self._record(job), self._unwritten[job.number])
            del self._unwritten[job.number]

    def forget(self, job: Job) -> None:
        """Take back that a job failed: it is tried again."""
        self._unwritten.pop(job.number, None)
        with contextlib.suppress(OSError):
            self._record(job).unlink(missing_ok=True)

    def _noted(self, job: Job) -> dict[str, Any] | None:
        if job.number in self._unwritten:
            return self._unwritten[job.number]
        with contextlib.suppress(UserError):
            path = self._record(job)
            found = door.read_json(path, RECORD) if is_plain(path) else None
            if found is not None and found["run"] == job.run:  # else of a plan that was composed anew since
                return found
        return None

    def _record(self, job: Job) -> Path:
        """Where it is noted why a job failed."""
        return self.plan.directory / "jobs" / f"{job.number}.json"

    def _code(self, job: Job) -> Mapping[str, str]:
        """The source of a job's `_target_`s now."""
        if not self._is_changed:
            return job.code
        if self.plan.of_others:
            trust.check(job.plain)
        names = tuple(job.code)
        if names not in self._codes:
            self._codes[names] = code_hashes(job.plain)
        return self._codes[names]

    @cached_property
    def _is_changed(self) -> bool:
        """Whether any code is another than when the plan was made."""
        return code_stamp(self.plan.stamp["own"]) != self.plan.stamp["code"]


def _after_kills(attempts: list[dict[str, Any]]) -> tuple[str, str, bool]:
    """The state of a run that nobody works on, the reason, and whether that is of this machine alone, where its last
    attempts were killed and none of them got further than the one before."""
    here, machines = Owner.here().host, []
    for one in reversed(attempts):
        if one["outcome"] not in (None, "killed") or one.get("from_step") != attempts[-1].get("from_step"):
            break
        machines.append(one.get("host", here))
    if len(machines) < KILLS:
        return "stopped", "", False
    names = ", ".join(sorted(set(machines)))
    reason = f"killed {len(machines)} times in a row after step {attempts[-1].get('from_step') or 0:,}, on {names}"
    everywhere, here_alone = len(set(machines)) >= KILLS, machines.count(here) >= KILLS
    return ("failed" if everywhere or here_alone else "stopped"), reason, here_alone and not everywhere

"""Work on a plan: one who does what is missing of it, job after job in this process, beside any number of others.

A job that somebody else holds is put off and looked at again: whoever has it may die over it. Nobody waits for anybody
before all that is free is done.
"""

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from kantor import interrupts
from kantor.causes import is_of_machine, told
from kantor.errors import Held, LeaseLost, OtherCode, RankLost, UserError
from kantor.messages import say
from kantor.plain_files import is_plain, is_there
from kantor.runs.attempts import is_pruned
from kantor.runs.directory import RunDirectory
from kantor.runs.lease_files import beat_period
from kantor.sweeps.again import Again, ask, is_asked
from kantor.sweeps.plan import PLAN, Job, Plan
from kantor.sweeps.states import Board, Standing
from kantor.tracking.about import of_sweep

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds until jobs of others are looked at again, longer and longer; never longer than half a beat, or whoever waits
would take over later than it can know."""

DELETED = "its directory was deleted while it was trained"

More = Callable[[Board], Plan | None]
"""Asked for further jobs when none is free; the plan with them, or None. The board looks at the plan of now afterwards.
"""


def no_more(board: Board) -> Plan | None:
    """A grid has all its jobs from the beginning."""
    return None


@dataclass
class Worker:
    """One who works on a plan.

    Attributes:
        plan: what there is to do.
        code: what becomes of finished runs that other code has made: refuse, accept or rerun.
        failed: what becomes of jobs that failed before: again, once by this worker, or skip.
        more: where further jobs come from.
        tried: the numbers of jobs that are tried no more, whatever came of it.
        board: how far the jobs are.
    """

    plan: Plan
    code: str
    failed: str
    more: More = no_more
    tried: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.board = Board(self.plan, code=self.code)
        self._put_off: set[int] = set()

    def begin_again(self) -> None:
        """Have all jobs done once more; where that was asked for before and is not done yet, go on with it."""
        if not (is_asked(self.plan) and self.missing()):
            ask(self.plan)
            for job in self.plan.jobs:
                self.board.forget(job)

    def missing(self) -> list[Standing]:
        """What is to be done, and what others do."""
        return [standing for standing in self.board.all() if self.is_missing(standing)]

    def is_missing(self, standing: Standing) -> bool:
        """Whether a job is to be done, or others do it."""
        if standing.state in ("done", "pruned", "running"):
            return standing.state == "running"
        if standing.job.number in self.tried:
            return False
        if standing.state == "failed" and self.plan.search is not None:
            return False
        if standing.state == "failed":
            return self.failed == "again"
        return standing.state != "other code" or self.code == "rerun"

    def finish(self, *, first: int = 0) -> None:
        """Do all that is missing, and wait for what others do.

        Args:
            first: the number of the job to begin with, so that not all workers reach for the same.

        Raises:
            Interrupted: a signal came; the job at hand has saved itself.
            LeaseLost: the plan is gone.
        """
        pauses = iter(PAUSES)
        pause = PAUSES[0]
        while True:
            missing = sorted(self.missing(), key=lambda one: (one.job.number < first, one.job.number))
            done = [self.do(one.job) for one in missing if one.state != "running"]
            if any(done) or self._has_more():
                pauses = iter(PAUSES)
                continue
            if not missing:
                return
            for one in missing:
                self._say_put_off(one.job)
            pause = next(pauses, pause)
            time.sleep(min(pause, beat_period() / 2))

    def _has_more(self) -> bool:
        """Whether there are further jobs now."""
        plan = self.more(self.board)
        self.plan = self.board.plan
        return plan is not None

    def do(self, job: Job) -> bool:
        """Do one job, if it is still to be done; whether something was tried.

        Raises:
            Interrupted: a signal came; the job has saved itself.
            LeaseLost: the plan is gone.
        """
        interrupts.check()
        self._check_plan()
        standing = self.board.of(job)
        if not self.is_missing(standing) or standing.state == "running":
            return False
        self.tried.add(job.number)
        try:
            self._train(standing)
        except RankLost:  # and with it any further job
            raise
        except Held:
            self.tried.discard(job.number)
            return False
        except LeaseLost as error:
            say(f"{job.label}: {error}")
            if self.plan.directory_of(job).path.is_dir():
                self.tried.discard(job.number)
                return False
            self._note(job, error, DELETED)
        except OtherCode as error:
            say(f"{job.label}: {error}")
        except Exception as error:  # the other jobs go on
            if os.environ.get("KANTOR_TRACEBACK") == "1":
                traceback.print_exc()
            self._note(job, error, told(error))
            say(f"{job.label}{'' if is_of_machine(error) else ' failed'}: {told(error)}")
        return True

    def _train(self, standing: Standing) -> None:
        if standing.job.refused is not None:
            raise UserError(standing.job.refused)
        from kantor.engine.train import Next, train

        job, again = standing.job, Again(self.plan)

        def decide(run: RunDirectory) -> Next:
            status = run.status() if is_plain(run.status_json) else {}
            if again.due(job, status):
                self.board.forget(job)
                return Next.ANEW
            if self.plan.search is not None and is_pruned(status):
                return Next.NOTHING
            failed_since = status.get("state") == "failed" and len(status["attempts"]) > standing.attempts
            if failed_since:
                return Next.NOTHING
            self.board.forget(job)  # now that the run is held: nobody else notes anything of it
            return Next.ON

        with of_sweep(self.plan.directory.name):
            train(self.plan.configuration(job, code=self.code), decide, self.plan.trial(job))

    def _note(self, job: Job, error: BaseException, text: str) -> None:
        self._check_plan()
        self.board.note(job, error, text)

    def _check_plan(self) -> None:
        """Check that the plan is where it was: what is made for it would else be made anew in its old place.

        Raises:
            LeaseLost: it is not.
        """
        if not is_there(self.plan.directory / PLAN):
            raise LeaseLost(
                f"{self.plan.directory} is gone: it was deleted or moved while it was worked on; this process stops "
                "and makes nothing again"
            )

    def _say_put_off(self, job: Job) -> None:
        if job.number not in self._put_off:
            self._put_off.add(job.number)
            say(f"{job.label}: somebody else works on it; it is looked at again")


def exit_code(standings: list[Standing]) -> int:
    """0 when all jobs are done, 2 when only input stands in the way of the others, 1 otherwise."""
    left = [standing for standing in standings if standing.state not in ("done", "pruned")]
    ours = all(standing.wrong_input or standing.state == "other code" for standing in left)
    return 0 if not left else 2 if ours else 1


def judged(plan: Plan, standings: list[Standing]) -> list[Standing]:
    """Those by which a plan is judged: a trial that failed is a result of a search, as long as another one is done."""
    if plan.search is None or not plan.is_whole or not any(standing.state == "done" for standing in standings):
        return standings
    return [standing for standing in standings if standing.state != "failed"]

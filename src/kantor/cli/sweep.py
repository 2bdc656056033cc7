"""`kantor train -m`, `kantor work` and `kantor status PLAN`: a sweep is planned, worked on and looked at.

A finished plan is told from its files, without Hydra and without torch.
"""

import functools
import secrets
from typing import TYPE_CHECKING

from kantor.errors import UserError
from kantor.messages import say, show
from kantor.plain_files import is_plain
from kantor.report import units
from kantor.report.sweeps import print_sweep
from kantor.search.words import is_search
from kantor.sweeps.plan import PLAN, Plan, named_plan
from kantor.sweeps.planning import planned
from kantor.sweeps.states import Board
from kantor.sweeps.words import BASIC, LAUNCHER, Words, told_apart
from kantor.sweeps.work import More, Worker, exit_code, judged, no_more
from kantor.visible import visible

if TYPE_CHECKING:
    from kantor.sweeps.asking import Asker


def sweep(words: list[str], config_dirs: list[str]) -> int:
    """Plan every combination, and do what is missing of the plan.

    Args:
        words: overrides in Hydra's grammar, some with several values.
        config_dirs: directories with further groups.

    Returns:
        The exit code: 0 when every job is done, 2 when jobs failed by wrong input alone, 1 otherwise.

    Raises:
        UserError: a word is wrong for every job.
        Interrupted: a signal came; the jobs have saved themselves.
    """
    asked = told_apart(words, config_dirs)
    check_search(asked)
    if asked.launcher != BASIC and not is_plain(asked.directory / PLAN):
        from kantor.sweeps.launchers import check_known

        check_known(asked)
    plan = planned(asked)
    check_crowd(plan, asked)
    worker = Worker(plan, code=asked.code, failed="again", more=more_of(plan))
    if asked.rerun:
        worker.begin_again()
    missing = worker.missing()
    if missing and plan.search is None:
        say(f"{plan.directory}: {units.counted(len(plan.jobs), 'job')}, {len(missing)} to be done")
    elif plan.search is not None and len(plan.jobs) > plan.search.trials:
        say(
            f"{plan.directory}: {len(plan.jobs)} trials were asked for before, {plan.search.trials} are now: those "
            "there are stay and count, and no other is asked for; another search.seed is another search"
        )
    elif plan.search is not None and (missing or not plan.is_whole):
        say(f"{plan.directory}: {units.counted(plan.search.trials, 'trial')}, {len(plan.jobs)} asked for")
    free = [one.job for one in missing if one.state != "running"]
    if free and asked.launcher != BASIC:
        from kantor.sweeps.launchers import launch

        launch(plan, asked, [job.number for job in free], failed=worker.failed)
        left = (worker.board.of(job) for job in free)
        worker.tried.update(one.job.number for one in left if one.state in ("failed", "other code") or one.by_machine)
    if missing or not plan.is_whole:
        worker.finish()
    return conclude(worker.board)


def prepare(words: list[str], config_dirs: list[str]) -> int:
    """Plan every combination, and make what its jobs need; no job is begun.

    Args:
        words: overrides in Hydra's grammar, some with several values.
        config_dirs: directories with further groups.

    Returns:
        The exit code: 0, or 2 when there are jobs that cannot be.

    Raises:
        UserError: a word is wrong for every job, or something cannot be had.
    """
    asked = told_apart(words, config_dirs)
    if is_search(asked.runs):
        raise UserError(
            "prepare -m with search=: trials are asked for one by one; leave both out, and prepare one of them"
        )
    plan = planned(asked)
    from kantor.engine.prepare import prepare as fill

    possible = [job for job in plan.jobs if job.refused is None]
    for sentence in fill(plan.configuration(job, code="refuse") for job in possible):
        show(sentence)
    for job in plan.jobs:
        if job.refused is not None:
            say(f"{job.label}: {job.refused}")
    number = units.counted(len(plan.jobs), "job")
    show(f"plan  {visible(str(plan.directory))}  {number}: `kantor work` does what is missing")
    return 0 if len(possible) == len(plan.jobs) else 2


def work(given: str, *, code: str, failed: str) -> int:
    """Do what is missing of a plan, beside whoever else does.

    Args:
        given: the plan's directory, or its plan.json.
        code: what becomes of finished runs that other code has made: refuse, accept or rerun.
        failed: what becomes of jobs that failed before: again or skip.

    Returns:
        The exit code, as of `sweep`.

    Raises:
        UserError: there is no such plan.
        Interrupted: a signal came; the job at hand has saved itself.
    """
    plan = named_plan(given)
    worker = Worker(plan, code=code, failed=failed, more=more_of(plan))
    worker.finish(first=secrets.randbelow(max(1, len(plan.jobs))))  # so that not all workers reach for the same
    return conclude(worker.board)


def more_of(plan: Plan) -> More:
    """Where further jobs of a plan come from: of a search from its study, which is opened when it is asked."""
    if plan.search is None:
        return no_more

    @functools.cache
    def asker() -> "Asker":
        from kantor.sweeps.asking import Asker, check_own

        return Asker(check_own(plan))

    return lambda board: asker().more(board)


def show_plan(plan: Plan) -> None:
    """`kantor status PLAN`."""
    print_sweep(plan, Board(plan, code="refuse").all())


def conclude(board: Board) -> int:
    """Print what became of each job; the exit code."""
    standings = board.all()
    print_sweep(board.plan, standings)
    show(f"plan  {visible(str(board.plan.directory))}")
    return exit_code(judged(board.plan, standings))


def check_search(words: Words) -> None:
    """Check that nothing is asked of a search that only a grid does.

    Raises:
        UserError: it is.
    """
    if not is_search(words.runs):
        return
    if words.launcher != BASIC:
        raise UserError(
            f"{LAUNCHER}={words.launcher}: the trials of a search are asked for one after another; leave it out, and "
            "have several at work at once, each by `kantor work PLAN`"
        )
    if words.rerun:
        raise UserError("rerun=true: a search has each trial once; another search.seed is another search")


def check_crowd(plan: Plan, words: Words) -> None:
    """Check that the launcher can start jobs of so many processes.

    Raises:
        UserError: it cannot.
    """
    trainers = [job.plain["trainer"] for job in plan.jobs if job.refused is None]
    crowded = [f"{key}={trainer[key]}" for key in ("nodes", "devices") for trainer in trainers if trainer[key] != 1]
    if words.launcher == "joblib" and crowded:
        raise UserError(
            f"{LAUNCHER}=joblib with trainer.{crowded[0]}: the jobs' processes would collide; take one of the two"
        )

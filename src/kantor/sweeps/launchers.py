"""Launchers of Hydra's: several jobs of a plan at once, in processes on this machine or on others.

Hydra sees of a job its number in the plan alone. What a launcher leaves undone is looked at afterwards by whoever
called it, as any other worker would.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from kantor import queues, ranks
from kantor.config.explanation import FAILURES
from kantor.config.files import CONF
from kantor.config.grammar import quoted
from kantor.errors import Interrupted, UserError, nearest
from kantor.led import together
from kantor.processes import given_rank
from kantor.runs import provenance
from kantor.sweeps import stops
from kantor.sweeps.plan import Plan
from kantor.sweeps.words import BASIC, LAUNCHER, Words
from kantor.sweeps.work import Worker

SUBMITIT_LOCAL = "submitit_local"
"""Starts processes on this machine that it does not make known."""

FULL_ERROR = "HYDRA_FULL_ERROR"


def launch(plan: Plan, words: Words, numbers: Sequence[int], *, failed: str) -> None:
    """Have some jobs of a plan done.

    Args:
        plan: whose jobs.
        words: of the sweep, which choose the launcher.
        numbers: of the jobs.
        failed: what becomes of jobs that failed before.

    Raises:
        UserError: there is no such launcher, or it has no such setting.
        Interrupted: a signal came; the jobs have saved themselves.
    """
    directory = plan.directory.absolute()
    with stops.leading(directory, local_jobs=words.launcher == SUBMITIT_LOCAL) as mark:
        arguments = [
            *(f"{LAUNCHER}={words.launcher}", *words.launching, f"plan={quoted(str(directory))}"),
            *(f"job={','.join(map(str, numbers))}", f"code={words.code}", f"failed={failed}"),
            f"mark={quoted(str(mark))}",
        ]
        with _command_line(["kantor", "--multirun", *arguments]), _errors_of_ours():
            try:
                hydra.main(version_base="1.3", config_path=str(CONF.absolute()), config_name="work")(work_on)()
            except FAILURES as error:
                raise refused(words, str(error).splitlines()[0].rstrip(".")) from error


def check_known(words: Words) -> None:
    """Check that there is such a launcher.

    Raises:
        UserError: there is none.
    """
    Plugins.instance()  # which makes installed launchers known
    known = [name.removesuffix(".yaml") for name in ConfigStore.instance().list("hydra/launcher")]
    if words.launcher not in known:
        raise UserError(
            f"{LAUNCHER}={words.launcher}: there is none here{nearest(words.launcher, known)}: expected one of "
            f"{', '.join(known)}; others than {BASIC} come with `pip install 'kantor[sweeps]'`"
        )


def refused(words: Words, why: str) -> UserError:
    """What is said of a launcher one of whose settings Hydra does not take.

    Raises:
        UserError: there is no such launcher.
    """
    check_known(words)
    node = ConfigStore.instance().load(f"hydra/launcher/{words.launcher}.yaml").node
    settings = [str(key) for key in node if str(key) != "_target_"]
    return UserError(f"{LAUNCHER}={words.launcher}: {why}; its settings are {', '.join(settings)}")


def work_on(cfg: DictConfig) -> None:
    """One job, in the process that a launcher has for it."""
    mark = Path(cfg.mark)
    try:
        with stops.following(mark):
            stops.check(mark)
            plan = Plan.read(Path(cfg.plan))
            if not provenance.given:
                provenance.given = ["kantor", "train", "-m", *plan.words]
            worker = Worker(plan, code=cfg.code, failed=cfg.failed)
            ranks.adopt()  # a launcher such as submitit's may have started several processes for one job
            together(partial(worker.do, plan.jobs[int(cfg.job)]))
    except Interrupted as stop:
        queues.hand_over(stop.signal_number)
        if given_rank() == 0:  # which answers for the job: where SLURM takes the bad end of one task for all of it, it
            raise  # would be killed before it has sent the job back


@contextlib.contextmanager
def _errors_of_ours() -> Iterator[None]:
    """Hydra ends the process with words of its own where it fails; here its errors come out."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FULL_ERROR]
        else:
            os.environ[FULL_ERROR] = before


@contextlib.contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before

"""A study: the trials of a search in Optuna's journal, `study.log` in the plan's directory, which its tools read too.

A trial is there from the moment on in which its settings are known, in one line of the journal, and is one of the
search's trials from then on: whoever finds it without an end trains its run, whatever has become of who asked for it.
So a kill loses none and makes none twice. Trial k is a function of the seed, k and the trials before it.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from kantor import fences, keyed
from kantor.atomic import naming
from kantor.runs import lease, lease_files
from kantor.search.goal import Goal

JOURNAL = "study.log"
NAME = "kantor"
"""Of the study; there is one in a journal."""

GRACE = 30
"""Seconds after which the journal's lock is taken from whoever holds it still, a process that was killed: it is held
for one line."""

STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Known:
    """A trial.

    Attributes:
        number: from 0.
        values: of its settings, by key.
        state: open, finished, pruned or failed.
        losses: what it is ranked by, of a finished one, or of a pruned one the last.
    """

    number: int
    values: Mapping[str, Any]
    state: str
    losses: tuple[float, ...] = ()


class Study:
    """The trials of a search.

    Args:
        directory: of the plan.
        goals: what it is after.
    """

    def __init__(self, directory: Path, goals: Sequence[Goal]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._directory = directory.absolute()
        self._directions = [goal.direction for goal in goals]
        journal = self._directory / JOURNAL
        _mend(journal)
        with _unwarned():
            self._storage = JournalStorage(JournalFileBackend(str(journal), _lock(journal)))
            self._study = optuna.create_study(
                storage=self._storage, study_name=NAME, directions=self._directions, load_if_exists=True
            )

    def known(self) -> list[Known]:
        """Every trial, by number."""
        return [
            Known(one.number, one.params, STATES.get(one.state, "open"), tuple(one.values or ()))
            for one in self._study.get_trials(deepcopy=False)
        ]

    def ask(self, sampler: BaseSampler, distributions: Mapping[str, BaseDistribution]) -> None:
        """Add the next trial, as far as a sampler's choice.

        It is asked of a copy in memory: of a kill while asking, the journal has nothing; nor where somebody else has
        added one meanwhile, which then is the next.

        Raises:
            LeaseLost: somebody else asks by now.
        """
        with _unwarned():
            copy = optuna.create_study(sampler=sampler, directions=self._directions, study_name=NAME)
            for trial in self._study.get_trials(deepcopy=False):
                copy.add_trial(trial)
            number = copy.ask(dict(distributions)).number
        asked = copy.trials[number]
        fences.over(self._directory / JOURNAL).check()
        if len(self._study.get_trials(deepcopy=False)) > number:
            return
        self._study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING,
                params=asked.params,
                distributions=asked.distributions,
                system_attrs=asked.system_attrs,
            )
        )

    def finish(self, number: int, losses: Sequence[float]) -> None:
        """Tell what a trial has come to."""
        self._study.tell(number, list(losses), skip_if_finished=True)

    def prune(self, number: int) -> None:
        """Tell that a trial was ended early."""
        self._study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """Tell that a trial has no score."""
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def report(self, number: int, point: int, loss: float) -> None:
        """Write down what an open trial scores at a point of its training; again after a resumption."""
        if not self._trial(number).state.is_finished():
            self._storage.set_trial_intermediate_value(self._id(number), point, loss)

    def is_hopeless(self, number: int, point: int, pruner: BasePruner) -> bool:
        """Whether a trial is to be ended for what it scored up to a point; not where it scored nothing there."""
        trial = self._trial(number)
        if trial.state.is_finished() or point not in trial.intermediate_values:
            return False
        trial.intermediate_values = {at: loss for at, loss in trial.intermediate_values.items() if at <= point}
        with _unwarned():
            return pruner.prune(self._study, trial)

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id(number))

    def _id(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(NAME)
        return self._storage.get_trial_id_from_study_id_trial_number(study, number)


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Nobody else asks for a plan's trials for as long as the block lasts, on any machine that shares its directory.

    Raises:
        LeaseLost: this process stood still, and somebody else asks by now.
    """
    with lease.held(directory, lease_files.ASKING, wait=True):
        yield


def seed_of(seed: int, number: int) -> int:
    """The seed of a sampler that is made for one trial alone: with one seed for all, each would draw trial 0 again."""
    return keyed.seed(seed, "search", number) % 2**32


def _lock(path: Path) -> JournalFileOpenLock:
    return JournalFileOpenLock(str(path), grace_period=GRACE)


def _mend(journal: Path) -> None:
    """Take off half a line that a full disk has left at the end: what is written next would be part of it.

    Raises:
        OSError: it cannot be.
    """
    if not journal.exists():
        return
    lock = _lock(journal)
    with naming(journal):
        lock.acquire()
        try:
            with journal.open("r+b") as file:
                content = file.read()
                file.truncate(content.rfind(b"\n") + 1)
        finally:
            with contextlib.suppress(RuntimeError):
                lock.release()


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    """Without Optuna's words on what is experimental, and on what a sampler draws by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

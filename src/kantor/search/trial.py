"""A trial, seen from the run that it is: what goes with a run to the processes that train it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.search.terms import Terms

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

    from kantor.search.study import Study


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        directory: of the plan, with the study.
        number: from 0.
        terms: of the search.
    """

    directory: Path
    number: int
    terms: Terms

    def describe(self) -> dict[str, Any]:
        """For environment.json."""
        return {"study": self.directory.name, "trial": self.number}

    def judge(self) -> "StudyJudge | None":
        """Who ends it early; None where nobody does."""
        return None if self.terms.pruner is None else StudyJudge(self)


@dataclass
class StudyJudge:
    """Compares a trial with the others of its study, which is opened when it is first needed, by rank 0 alone."""

    trial: Trial
    _opened: "tuple[Study, BasePruner] | None" = field(default=None, repr=False)

    def report(self, point: int, scores: dict[str, float]) -> None:
        """Write the score down in the study; a draw that lacks it says nothing."""
        (goal,) = self.trial.terms.goals
        loss = goal.loss(scores)
        if loss is not None:
            self._study_and_pruner()[0].report(self.trial.number, point, loss)

    def is_hopeless(self, point: int) -> bool:
        """Whether the pruner ends it here."""
        study, pruner = self._study_and_pruner()
        return study.is_hopeless(self.trial.number, point, pruner)

    def _study_and_pruner(self) -> "tuple[Study, BasePruner]":
        if self._opened is None:
            from kantor.config import targets
            from kantor.search.study import Study

            terms = self.trial.terms
            assert terms.pruner is not None
            pruner = targets.instantiate(dict(terms.pruner), key="pruner")
            self._opened = Study(self.trial.directory, terms.goals), pruner
        return self._opened

"""Asking: the jobs of a search, one by one, each from what came of those before it.

Whoever works on the plan and finds nothing free asks for the next trial, and tells the study first what has come of the
others, which stands in their runs: so a kill between a trial and its telling loses nothing. The study has the trials;
the plan has the job of each, which is made of it by whoever finds that one is missing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kantor.config import targets
from kantor.config.compose import resolved
from kantor.errors import UserError, nearest
from kantor.plain_files import is_there
from kantor.search.goal import Goal
from kantor.search.grid import Grid
from kantor.search.space import Space
from kantor.search.study import JOURNAL, Known, Study, alone, seed_of
from kantor.search.terms import Terms
from kantor.search.words import Settings, is_of_search, settings
from kantor.sweeps.composer import Composer
from kantor.sweeps.plan import Job, Plan
from kantor.sweeps.plan_file import MOST_JOBS
from kantor.sweeps.planning import stamp
from kantor.sweeps.ranking import losses
from kantor.sweeps.sameness import same
from kantor.sweeps.states import Board, Standing
from kantor.sweeps.words import Words


class Asker:
    """Who asks for the trials of a search.

    Args:
        plan: of the search, with or without jobs.
        composer: of jobs.
    """

    def __init__(self, plan: Plan, composer: Composer | None = None) -> None:
        assert plan.search is not None and not plan.of_others
        self._terms = plan.search
        self._settings = settings(plan.words, plan.config_dirs)
        self._space = space_of(plan.words)
        self._composer = Composer(plan.config_dirs) if composer is None else composer
        self._study = Study(plan.directory, self._terms.goals)

    def more(self, board: Board) -> Plan | None:
        """The plan with a further job; None where there is none to ask for, or none before a machine is mended.

        Args:
            board: which looks at the plan of now, afterwards.

        Raises:
            UserError: the sampler cannot be asked for such settings, or the journal is lost.
            LeaseLost: this process stood still, and somebody else asks by now.
        """
        with alone(board.plan.directory):
            seen = len(board.plan.jobs)
            board.plan = check_own(Plan.read(board.plan.directory))
            standings = board.all()
            self._tell(board.plan, standings)
            if not any(standing.by_machine for standing in standings):
                self._ask(len(board.plan.jobs))
            plan = self.with_jobs(board.plan)
            if plan is not board.plan:
                plan.write()
            board.plan = plan
        return board.plan if len(board.plan.jobs) > seen else None

    def with_jobs(self, plan: Plan) -> Plan:
        """The plan with the jobs of all trials; itself where it has them.

        Raises:
            UserError: the journal is lost.
        """
        known = self._study.known()
        if len(known) < len(plan.jobs):
            raise UserError(
                f"{plan.directory / JOURNAL} has {len(known)} trials and the plan {len(plan.jobs)}: put it back from a "
                "copy, or take the directory away, and the search begins anew"
            )
        wanted = known[len(plan.jobs) :]
        return replace(plan, jobs=(*plan.jobs, *map(self._job, wanted))) if wanted else plan

    def _ask(self, jobs: int) -> None:
        """Ask for a trial, where each has its job and there is to be one more.

        Raises:
            UserError: the sampler cannot be asked for such settings.
        """
        number = len(self._study.known())
        if number > jobs or number >= self._terms.trials:
            return
        seed = seed_of(self._settings.seed, number)
        sampler: Any = targets.instantiate(dict(self._settings.sampler), key="search.sampler", seed=seed)
        try:
            self._study.ask(sampler, self._space.distributions)
        except (ValueError, TypeError, NotImplementedError, ImportError) as error:
            name = self._settings.sampler["_target_"]
            raise UserError(f"search.sampler: {name} cannot be asked for these settings and scores: {error}") from error

    def _job(self, trial: Known) -> Job:
        words = self._space.words(trial.values)
        try:
            return self._composer.job(trial.number, (*self._space.fixed, *words), words)
        except UserError as error:
            return Job(trial.number, words, "", {}, {}, {}, str(error))

    def _tell(self, plan: Plan, standings: Sequence[Standing]) -> None:
        """Tell the study what has come of the trials that it takes for open."""
        known = {trial.number for trial in self._study.known() if trial.state == "open"}
        for standing in (one for one in standings if one.job.number in known):
            number = standing.job.number
            found = losses(plan, standing) if standing.state == "done" else None
            if found is not None:
                self._study.finish(number, found)
            elif standing.state == "pruned":
                self._study.prune(number)
            elif standing.state in ("done", "failed") and not standing.here_alone:
                self._study.fail(number)


def check_own(plan: Plan) -> Plan:
    """A plan whose words name nothing but what this user has named.

    Raises:
        UserError: somebody else may have written it.
    """
    if plan.of_others:
        raise UserError(
            f"{plan.directory}: somebody else may have written this plan, and a search asks what its words name: "
            f"give its `kantor train -m …` with another outputs=DIR"
        )
    return plan


def check_study(directory: Path, plan: Plan | None) -> None:
    """Check that a study is this user's: a sampler may have left a pickle in it.

    Raises:
        UserError: it lies beside no plan that this user has written.
    """
    if (plan is None or plan.of_others) and is_there(directory / JOURNAL):
        raise UserError(
            f"{directory / JOURNAL} lies beside no plan of yours, and a study of somebody else may run code when read: "
            "take it away, and the search begins anew, or give another outputs=DIR"
        )


def begun(words: Words, there: Plan | None) -> Plan:
    """The plan of a search: its terms, and the jobs of the trials that there are.

    Args:
        words: of the search.
        there: the plan that lies in its place, of other terms, files or code; None where there is none.

    Raises:
        UserError: a word is wrong, for whatever the others are, or somebody else may have written the study.
    """
    check_study(words.directory, there)
    asked, space, composer = settings(words.runs, words.config_dirs), space_of(words.runs), Composer(words.config_dirs)
    terms = _terms(asked, space, _corner(space, composer))
    made_from = stamp(words.config_dirs, composer.own_files())
    plan = Plan(words.directory, words.runs, words.config_dirs, made_from, (), terms)
    words.directory.mkdir(parents=True, exist_ok=True)
    with alone(words.directory):
        if there is None or there.of_others:
            plan.write()  # before there is a study: beside no plan of one's own it is somebody else's
        plan = Asker(plan, composer).with_jobs(plan)
        plan.write()
    return plan


def space_of(words: Sequence[str]) -> Space:
    """What the trials of a search differ in.

    Raises:
        UserError: a word is wrong, or none has several values.
    """
    return Space.of([word for word in words if not is_of_search(word)])


def _corner(space: Space, composer: Composer) -> Job:
    """A job of a space, all of whose settings are right and make a difference, seen from there.

    Raises:
        UserError: one is not, or makes none.
    """
    corner, beside = space.corner(), space.beside()
    for words in (corner, *(words for several in beside.values() for words in several)):
        composer.draft((*space.fixed, *words))  # what is misspelt is known without torch
    job = composer.job(0, (*space.fixed, *corner), corner)
    for key, several in beside.items():
        others = [composer.job(0, (*space.fixed, *words), words) for words in several]
        if others and all(other.run == job.run for other in others):
            raise same(space.given[key])
    return job


def _terms(asked: Settings, space: Space, job: Job) -> Terms:
    """The terms of a search.

    Args:
        asked: what the words ask for.
        space: what is searched.
        job: any of it.

    Raises:
        UserError: they contradict each other.
    """
    goals = _goals(asked, job)
    targets.instantiate(dict(asked.sampler), key="search.sampler", seed=asked.seed)
    targets.instantiate(dict(asked.pruner), key="pruner")
    is_grid = targets.locate(asked.sampler["_target_"], key="search.sampler") is Grid
    if is_grid and space.size is None:
        raise UserError(
            "search=grid: an interval has no end of values; name them, as in range(1,9,2), or search by tpe"
        )
    trials = asked.trials
    if trials is None and not is_grid:
        raise UserError("search.trials=null: expected a number of trials; only a grid has an end of its own")
    if is_grid and space.size is not None:
        trials = space.size if trials is None else min(trials, space.size)
    assert trials is not None
    if trials > MOST_JOBS:
        raise UserError(f"these are {trials:,} trials: expected at most {MOST_JOBS:,} in one search")
    return Terms(trials, goals, asked.pruner if asked.prunes else None)


def _goals(asked: Settings, job: Job) -> tuple[Goal, ...]:
    """What the search is after.

    Raises:
        UserError: the runs have no such score, or none that a pruner could see in time.
    """
    from kantor.engine.assembly import assemble

    run = assemble(resolved(dict(job.plain), job.named))
    if run.evaluation is None:
        raise UserError("a search needs scores, and evaluation=none has none: choose another evaluation")
    kinds = run.evaluation.kinds(run.data)
    names = asked.scores or (str(run.configuration.primary_score),)
    for name in names:
        if name not in kinds:
            raise UserError(f"search.scores: there is no {name}{nearest(name, kinds)}; expected of {', '.join(kinds)}")
    if asked.prunes and len(names) > 1:
        raise UserError("a pruner ends trials by one score, and search.scores names several: leave one of both out")
    if asked.prunes and names[0] in run.evaluation.at_the_end(run.data):
        raise UserError(f"a pruner ends trials while they train, and {names[0]} is measured at their end only")
    return tuple(
        Goal(name, kinds[name].better, kinds[name].target if kinds[name].better == "target" else None) for name in names
    )

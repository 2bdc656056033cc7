"""The ranking of a search's trials, which are its plan's jobs, by what the files of their runs say."""

import shlex
from collections.abc import Sequence

from kantor.errors import UserError, command
from kantor.plain_files import is_plain
from kantor.report.cards import read_evaluations
from kantor.search.goal import best
from kantor.search.words import is_of_search
from kantor.sweeps.plan import Job, Plan
from kantor.sweeps.states import Standing

SEEDS = 5
"""Other ones than that of the search: what was best of many by luck is not best again."""


def losses(plan: Plan, standing: Standing) -> list[float] | None:
    """What a finished trial is ranked by; None where its card has no such number."""
    assert plan.search is not None
    scores = _scores(plan, standing.job)
    found = [goal.loss(scores) for goal in plan.search.goals]
    numbers = [loss for loss in found if loss is not None]
    return numbers if len(numbers) == len(found) else None


def best_of(plan: Plan, standings: Sequence[Standing]) -> list[Job]:
    """The jobs of the best trials: one, or of several scores those that no other is better than."""
    if plan.search is None:
        return []
    done = [(one.job.number, losses(plan, one)) for one in standings if one.state == "done"]
    ranked = best(plan.search.goals, {number: found for number, found in done if found is not None})
    return [plan.jobs[number] for number in ranked]


def told(plan: Plan, job: Job) -> str:
    """A trial with its scores, in one line."""
    assert plan.search is not None
    scores = _scores(plan, job)
    values = ", ".join(f"{goal.score} {scores[goal.score]:.4g}" for goal in plan.search.goals)
    return f"trial {job.number} with {values}: {shlex.join(job.words)}"


def over_seeds(plan: Plan, job: Job) -> str:
    """The command that trains what a trial has found, with seeds that the search has not seen."""
    own = {word.partition("=")[0] for word in job.words} | {"seed"}
    shared = [word for word in plan.words if not is_of_search(word) and word.partition("=")[0] not in own]
    seed = int(job.plain["seed"])
    seeds = ",".join(str(seed + index) for index in range(1, SEEDS + 1))
    places = [part for entry in plan.config_dirs for part in ("--config-dir", entry)]
    return command("train", "-m", *places, *shared, *job.words, f"seed={seeds}")


def _scores(plan: Plan, job: Job) -> dict[str, float | None]:
    """The scores that the run was given at its end, by name: those of its own evaluation, of whatever else is in its
    card."""
    run = plan.directory_of(job)
    try:
        evaluations = read_evaluations(run.card()) if is_plain(run.card_json) else []
    except UserError:
        return {}
    name = job.plain["evaluation"].get("name")
    return {key: score.value for one in evaluations if one.name == name for key, score in one.scores.items()}

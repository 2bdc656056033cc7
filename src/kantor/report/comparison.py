"""Runs ranked by one score under one protocol, with a verdict that claims no more than the data carry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import Evaluation, Score, sampling_keys
from kantor.report.contestants import Contestant, read_contestants
from kantor.report.protocols import holders, shared_protocols
from kantor.report.verdict import SEEDS_NEEDED, Entry, Method, verdict_on_methods, verdict_on_runs
from kantor.runs.directory import RunDirectory


@dataclass(frozen=True)
class Round:
    """One protocol that all runs share, with each run's evaluation in the order of `Comparison.contestants`."""

    name: str
    protocol_hash: str
    evaluations: list[Evaluation]

    @property
    def score_names(self) -> list[str]:
        """Every score that some run has."""
        return list(dict.fromkeys(name for evaluation in self.evaluations for name in evaluation.scores))

    def scores(self, name: str) -> list[Score | None]:
        """One score of every run."""
        return [evaluation.scores.get(name) for evaluation in self.evaluations]

    @property
    def shared_names(self) -> list[str]:
        """Scores that all runs have."""
        return [name for name in self.score_names if all(name in one.scores for one in self.evaluations)]


@dataclass(frozen=True)
class Comparison:
    """Contestants best first, the rounds (one per shared protocol), the primary score, and what follows from them."""

    contestants: list[Contestant]
    rounds: list[Round]
    primary: str
    primary_round: int
    verdict: list[str]
    notes: list[str]

    @property
    def main(self) -> Round:
        """The round that has the primary score."""
        return self.rounds[self.primary_round]

    def ranks(self) -> list[int | None]:
        """1 for the best; None where the primary score is missing or not ranked."""
        badness = [badness_of(score) for score in self.main.scores(self.primary)]
        return [index + 1 if value is not None else None for index, value in enumerate(badness)]

    def counters(self) -> list[str]:
        """What some run counts: images seen, steps, and models' own."""
        return list(dict.fromkeys(name for one in self.contestants for name in one.summary.counters))


def compared(runs: Sequence[RunDirectory]) -> Comparison:
    """Compare runs under the protocols that all of them share.

    Raises:
        UserError: fewer than two runs, a run without scores, or no shared protocol.
    """
    contestants = read_contestants(runs)
    shared = shared_protocols([one.path for one in contestants], [one.summary.evaluations for one in contestants])
    rounds = [Round(chosen[-1].name, chosen[0].protocol_hash, chosen) for chosen in shared]
    primary, index, notes = primary_score(contestants, rounds)
    order = sorted(range(len(contestants)), key=placing(rounds[index].scores(primary)))
    contestants = [contestants[i] for i in order]
    rounds = [Round(one.name, one.protocol_hash, [one.evaluations[i] for i in order]) for one in rounds]
    notes += remarks(contestants, rounds[index])
    return Comparison(contestants, rounds, primary, index, verdict_of(contestants, rounds[index], primary), notes)


def badness_of(score: Score | None) -> float | None:
    """On a scale where lower is better; None when there is nothing to rank by."""
    return None if score is None else score.badness(score.value)


def placing(scores: Sequence[Score | None]) -> Callable[[int], tuple[bool, float]]:
    """The sort key: by badness, runs without one last, in the order given."""

    def key(index: int) -> tuple[bool, float]:
        badness = badness_of(scores[index])
        return badness is None, 0.0 if badness is None else badness

    return key


def primary_score(contestants: Sequence[Contestant], rounds: Sequence[Round]) -> tuple[str, int, list[str]]:
    """The score to rank by, the index of the round that has it, and a note when it is not what the runs declare."""
    declared = {one.summary.primary_name for one in contestants} - {""}
    if len(declared) == 1:
        name = next(iter(declared))
        for index, one in enumerate(rounds):
            if name in one.shared_names:
                return name, index, []
    ranked = [
        (index, name)
        for index, one in enumerate(rounds)
        for name in one.shared_names
        if any(evaluation.scores[name].better != "none" for evaluation in one.evaluations)
    ]
    if not ranked:
        raise UserError(
            "these runs share a protocol but no score that can be ranked: score them again with "
            f"`kantor evaluate run={contestants[0].path} evaluation=NAME` and the same for the others"
        )
    index, name = ranked[0]
    if not declared:
        return name, index, [f"The runs declare no primary score; ranked by the first shared one, {name}."]
    wanted = ", ".join(sorted(declared))
    why = f"The runs declare different primary scores, {wanted}" if len(declared) > 1 else f"Not all have {wanted}"
    return name, index, [f"{why}; ranked by the first shared one, {name}."]


def methods_of(contestants: Sequence[Contestant]) -> dict[tuple[str, str], list[int]]:
    """Indices of the contestants of each method, one for each training seed."""
    methods: dict[tuple[str, str], dict[int | None, int]] = {}
    for index, one in enumerate(contestants):
        methods.setdefault(one.method, {}).setdefault(one.summary.seed, index)
    return {method: list(seeds.values()) for method, seeds in methods.items()}


def method_labels(contestants: Sequence[Contestant]) -> dict[tuple[str, str], str]:
    """The experiment's name, with the hash where two methods have the same."""
    methods = list(methods_of(contestants))
    names = [name for name, _ in methods]
    return {(name, key): name if names.count(name) == 1 else f"{name} {key[:10]}" for name, key in methods}


def method_values(contestants: Sequence[Contestant], one: Round, name: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """A score's values over training seeds, for each method."""
    scores = one.scores(name)
    values = {
        method: [score.value for score in (scores[i] for i in indices) if score is not None and score.value is not None]
        for method, indices in methods_of(contestants).items()
    }
    return {method: tuple(ours) for method, ours in values.items()}


def enough_seeds(contestants: Sequence[Contestant], one: Round, name: str) -> bool:
    """Whether every method has a value of the score for at least five training seeds."""
    return all(len(values) >= SEEDS_NEEDED for values in method_values(contestants, one, name).values())


def verdict_of(contestants: Sequence[Contestant], one: Round, primary: str) -> list[str]:
    """Sentences on methods when each has five seeds, on these runs otherwise."""
    scores = [evaluation.scores[primary] for evaluation in one.evaluations]
    if enough_seeds(contestants, one, primary):
        labels = method_labels(contestants)
        values = method_values(contestants, one, primary)
        return verdict_on_methods([Method(labels[key], ours) for key, ours in values.items()], scores[0])
    entries = [
        Entry(contestant.label, score, evaluation.draws)
        for contestant, score, evaluation in zip(contestants, scores, one.evaluations, strict=True)
        if badness_of(score) is not None
    ]
    return verdict_on_runs(entries, [len(indices) for indices in methods_of(contestants).values()])


def remarks(contestants: Sequence[Contestant], one: Round) -> list[str]:
    """What a reader must know before trusting the order: unfinished runs, copies, unequal budgets, samplings, draws."""
    notes = [
        f"{each.label} is {each.state}, not finished: scored at step {units.count(evaluation.at_step)}."
        for each, evaluation in zip(contestants, one.evaluations, strict=True)
        if each.state != "finished"
    ]
    for counter in ("images_seen", "steps"):
        consumed = [units.count(each.summary.counters.get(counter)) for each in contestants]
        notes += unequal(f"Budgets differ, {counter}", contestants, consumed)
    notes += steps_said(contestants)
    for key in sampling_keys(one.evaluations):
        notes += unequal(
            f"Sampling differs, {key}", contestants, [units.plain(each.sampling.get(key)) for each in one.evaluations]
        )
    notes += unequal("Draws differ", contestants, [units.count(each.draw.get("draws")) for each in one.evaluations])
    counted = sum(len(indices) for indices in methods_of(contestants).values())
    if counted < len(contestants):
        notes.append("Some runs repeat method and seed of another: for the number of seeds such copies count once.")
    return notes


def steps_said(contestants: Sequence[Contestant]) -> list[str]:
    """What a step of each run is, in one sentence."""
    trained = [one for one in contestants if one.summary.step]
    by_step = holders((one.summary.step for one in trained), (one.label for one in trained))
    if len(by_step) < 2:
        return [f"A step is {step}." for step in by_step]
    return ["A step is " + ", ".join(f"{step} ({'; '.join(who)})" for step, who in by_step.items()) + "."]


def unequal(what: str, contestants: Sequence[Contestant], values: Sequence[str]) -> list[str]:
    """`what: a (run 1, run 2), b (run 3).` when not all values are the same."""
    by_value = holders(values, (one.label for one in contestants))
    if len(by_value) < 2:
        return []
    return [f"{what}: " + ", ".join(f"{value} ({'; '.join(who)})" for value, who in by_value.items()) + "."]

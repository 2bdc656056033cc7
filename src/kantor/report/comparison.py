"""Methods ranked by one score under one protocol, with a verdict that claims no more than the data carry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from kantor.errors import UserError, command, nearest
from kantor.report import units
from kantor.report.cards import Evaluation, Score
from kantor.report.contestants import Contestant, read_entries
from kantor.report.groups import groups_of
from kantor.report.methods import Lost, Method, MethodScore, by_seed, key_of, methods_of, run_labels
from kantor.report.pairs import Pair, pairs_of
from kantor.report.protocols import of_equal_hash, shared_protocols
from kantor.report.readings import readings
from kantor.report.remarks import remarks
from kantor.report.summary import Summary
from kantor.report.tuning import Study, studies_of, tuning_notes
from kantor.report.verdict import verdict
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

    @property
    def ranked_names(self) -> list[str]:
        """Those of them that have a direction."""
        return [name for name in self.score_names if self.example(name).better != "none"]

    def example(self, name: str) -> Score:
        """A score of some run, for what all of them have in common: direction, meaning, what real data score, which by
        critics each run has its own of."""
        found = next(evaluation.scores[name] for evaluation in self.evaluations if name in evaluation.scores)
        return replace(found, floor=None) if found.aspect == "bound" else found

    @cached_property
    def readings(self) -> list[dict[str, str]]:
        """What is said of each run's scores."""
        return [readings(evaluation) for evaluation in self.evaluations]

    def of(self, method: Method, name: str) -> MethodScore:
        """A score of a method."""
        return MethodScore.of([self.evaluations[place] for place in method.runs], name, whole=not method.lost)


@dataclass(frozen=True)
class Comparison:
    """Methods best first, their runs in this order, a round for each shared protocol, and what follows from them.

    Attributes:
        methods: by the primary score; behind those that are ranked such of which a seed is lost, and those without it.
        contestants: the runs.
        rounds: one for each shared protocol.
        primary: the score that ranks.
        main: the round that has it.
        pairs: of methods that are ranked, by the primary score.
        studies: searches of which trials were given.
        verdict: sentences; the first one is the headline.
        notes: what a reader must know before trusting the order.
    """

    methods: list[Method]
    contestants: list[Contestant]
    rounds: list[Round]
    primary: str
    main: Round
    pairs: list[Pair]
    studies: list[Study]
    verdict: list[str]
    notes: list[str]

    def scores(self) -> list[MethodScore]:
        """The primary score of the methods."""
        return [self.main.of(method, self.primary) for method in self.methods]

    def ranks(self) -> list[int | None]:
        """Of the methods, 1 for the best, equal ones the same; None where the primary score is missing."""
        bad = [one.badness for one in self.scores()]
        return [None if mine is None else 1 + sum(b is not None and b < mine for b in bad) for mine in bad]

    def seeds(self, method: Method) -> list[int | Lost]:
        """The seeds of a method in their order: the place of the run of each, or how it was lost."""

        def order(one: int | Lost) -> tuple[bool, int]:
            return by_seed(one.summary if isinstance(one, Lost) else self.contestants[one].summary)

        return sorted([*method.runs, *method.lost], key=order)

    def groups(self) -> list[tuple[int, ...]]:
        """Of the methods, the groups of those that cannot be told apart."""
        return groups_of(len(self.methods), self.pairs)

    def places(self) -> list[int]:
        """Of each run the place of its method."""
        return method_places(self.methods)

    def counters(self) -> list[str]:
        """What some run counts: samples seen, steps, and models' own."""
        return list(dict.fromkeys(name for one in self.contestants for name in one.summary.counters))


def compared(runs: Sequence[RunDirectory], score: str | None = None) -> Comparison:
    """Compare the methods of some runs under the protocols that these share.

    Args:
        runs: those without scores, or without the protocol of the others, are left out with a note.
        score: to rank by, instead of the runs' primary score.

    Raises:
        UserError: no run has scores, they share no protocol, or not the score.
    """
    given = read_entries(runs)
    trials = [one for one in given.scored if one.trial is not None]
    competing = [one for one in given.scored if one.trial is None]
    alone = not competing  # trials of a search, and nothing to hold against them but each other
    failed = [one for one in given.failed if alone or one.trial is None]
    summaries = trials if alone else competing
    methods, _ = methods_of(summaries)
    shared = shared_protocols(
        [str(one.run.path) for one in summaries], [one.evaluations for one in summaries], method_places(methods)
    )
    unlike_others = [one for place, one in enumerate(summaries) if place not in shared.places]
    summaries = [summaries[place] for place in shared.places]
    standing = {key_of(one) for one in [*summaries, *failed]}
    failed += [one for one in [*given.left_out, *unlike_others] if key_of(one) in standing]
    methods, named = methods_of(summaries, failed)
    rounds = []
    for chosen in shared.rounds:
        alike, unlike = of_equal_hash(run_labels(methods, summaries), chosen)
        rounds.append(Round(chosen[-1].name, chosen[0].protocol_hash, alike))
        named += unlike
    primary, main, chosen_so = ranking_score(summaries, rounds, score)
    methods, order = ranked(methods, rounds[main], primary)
    summaries = [summaries[place] for place in order]
    labels = run_labels(methods, summaries)
    contestants = [Contestant(label, one.state_now, one) for label, one in zip(labels, summaries, strict=True)]
    rounds = [replace(one, evaluations=[one.evaluations[place] for place in order]) for one in rounds]
    scores = [rounds[main].of(method, primary) for method in methods]
    pairs, example = pairs_of(scores), rounds[main].example(primary)
    said = verdict([method.label for method in methods], scores, pairs, example, methods)
    studies = studies_of(
        [*trials, *given.pruned, *(one for one in given.failed if one.trial is not None)],
        example,
        rounds[main].protocol_hash,
    )
    notes = [*given.notes, *shared.notes, *chosen_so, *named, *remarks(contestants, methods, rounds[main].evaluations)]
    notes += tuning_notes(studies, trials, methods, summaries)
    return Comparison(methods, contestants, rounds, primary, rounds[main], pairs, studies, said, notes)


def method_places(methods: Sequence[Method]) -> list[int]:
    """Of each run the place of its method."""
    of = {run: place for place, method in enumerate(methods) for run in (*method.runs, *method.copies)}
    return [of[run] for run in range(len(of))]


def ranked(methods: Sequence[Method], one: Round, primary: str) -> tuple[list[Method], list[int]]:
    """The methods best first, then those of which a seed is lost, those without the score last, and the order of the
    runs that this makes."""

    def key(method: Method) -> tuple[bool, bool, float]:
        score = one.of(method, primary)
        badness = score.survivors_badness
        return badness is None, not score.whole, badness or 0.0

    order: list[int] = []
    found = []
    for method in sorted(methods, key=key):
        places = range(len(order), len(order) + len(method.runs) + len(method.copies))
        seeds = len(method.runs)
        found.append(replace(method, runs=tuple(places[:seeds]), copies=tuple(places[seeds:])))
        order += [*method.runs, *method.copies]
    return found, order


def ranking_score(
    summaries: Sequence[Summary], rounds: Sequence[Round], wanted: str | None
) -> tuple[str, int, list[str]]:
    """The score to rank by, the index of the round that has it, and a note when it is not what the runs declare.

    Raises:
        UserError: no run has the wanted one, it has no direction, or there is none that has.
    """
    ranked = [(index, name) for index, one in enumerate(rounds) for name in one.ranked_names]
    names = list(dict.fromkeys(name for _, name in ranked))
    if wanted is not None:
        if wanted not in names:
            raise UserError(
                f"score={wanted} cannot rank these runs{nearest(wanted, names)}: expected one of "
                f"{', '.join(names) or units.MISSING}"
            )
        return wanted, next(index for index, name in ranked if name == wanted), []
    if not ranked:
        raise UserError(
            "these runs share a protocol but no score that can be ranked: score them again with "
            f"{command('evaluate', f'run={summaries[0].run.path}', 'evaluation=NAME')} and the same for the others"
        )
    everywhere = [(index, name) for index, name in ranked if all(name in e.scores for e in rounds[index].evaluations)]
    declared = {one.primary_name for one in summaries} - {""}
    if len(declared) == 1:
        name = next(iter(declared))
        for index, other in everywhere:
            if other == name:
                return name, index, []

    def held(one: tuple[int, str]) -> tuple[int, int]:
        there = [each.scores[one[1]] for each in rounds[one[0]].evaluations if one[1] in each.scores]
        return len(there), sum(score.has_interval for score in there)

    index, name = max(ranked, key=held)
    which = f"ranked by the one that the most have, with the most intervals, {name}; score=NAME takes another"
    if not declared:
        return name, index, [f"The runs declare no primary score; {which}."]
    listed = ", ".join(sorted(declared))
    why = f"The runs declare different primary scores, {listed}" if len(declared) > 1 else f"Not all have {listed}"
    return name, index, [f"{why}; {which}."]

"""A comparison: runs ranked by one score under one protocol, with a verdict that claims no more than the data carry.

c = compare([RunDirectory.open("outputs/a/…"), RunDirectory.open("outputs/b/…")], out=Path("cmp"))
for sheet in c.sheets(): console().print(terminal(sheet))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kantor.atomic import write_text
from kantor.errors import UserError
from kantor.report import units
from kantor.report.cards import FLOOR_NOTE, Evaluation, Score
from kantor.report.contestants import Contestant, read_contestants
from kantor.report.protocols import shared_protocols
from kantor.report.tables import Sheet, console, csv_text, fitting, markdown, markdown_text, terminal
from kantor.report.verdict import SEEDS_NEEDED, Entry, Method, verdict_on_methods, verdict_on_runs
from kantor.runs.directory import RunDirectory

CSV_COLUMNS = (
    "run", "experiment", "config_hash", "seed", "state", "rank", "images_seen", "steps", "seconds",
    "weights", "checkpoint", "sampler", "nfe", "at_step", "evaluation", "protocol_hash",
    "score", "value", "low", "high", "covers", "floor", "floor_low", "floor_high", "floor_n", "better", "target",
    "reading",
)  # fmt: skip


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

    def ranks(self) -> list[int | None]:
        """1 for the best; None where the primary score is missing or not ranked."""
        badness = [badness_of(score) for score in self.rounds[self.primary_round].scores(self.primary)]
        return [index + 1 if value is not None else None for index, value in enumerate(badness)]

    def sheets(self, width: int | None = None) -> list[Sheet]:
        """The tables: the runs, each round's scores, means over seeds; in pieces where `width` columns are too few."""
        from kantor.report.comparison_tables import method_sheets, run_sheet, score_sheets

        whole = [(run_sheet(self), 2), *((sheet, 1) for sheet in [*score_sheets(self), *method_sheets(self)])]
        return [piece for sheet, keep in whole for piece in (fitting(sheet, width, keep) if width else [sheet])]

    def markdown(self) -> str:
        """Verdict, tables, notes."""
        verdict = [markdown_text(sentence) for sentence in self.verdict]
        notes = [f"- {markdown_text(note)}" for note in [*self.notes, FLOOR_NOTE]]
        tables = [markdown(sheet) for sheet in self.sheets()]
        return "\n".join(["# Comparison", "", *verdict, "", *tables, *notes]) + "\n"

    def csv(self) -> str:
        """One row per run and score, in full precision, each with its protocol's hash."""
        return csv_text(CSV_COLUMNS, [row for one in self.rounds for row in csv_rows(self, one)])

    def html(self, out: Path) -> str:
        """The page, with links relative to `out`."""
        from kantor.report.comparison_page import render

        return render(self, out)

    def write(self, out: Path) -> None:
        """compare.html, compare.md and compare.csv in `out`; nothing when one of them cannot be made.

        Raises:
            UserError: `out` is a file or cannot be written to.
        """
        texts = {"compare.html": self.html(out), "compare.md": self.markdown(), "compare.csv": self.csv()}
        try:
            for name, text in texts.items():
                write_text(out / name, text)
        except OSError as error:
            raise UserError(f"out={out}: cannot write there ({error.strerror}): name a directory, out=DIR") from error


def compare(runs: Sequence[RunDirectory], out: Path | None = None) -> Comparison:
    """Compare runs under the protocols that all of them share, and write the results when `out` is given.

    Raises:
        UserError: fewer than two runs, a run without scores, or no shared protocol (nothing is written then).
    """
    contestants = read_contestants(runs)
    shared = shared_protocols([one.path for one in contestants], [one.evaluations for one in contestants])
    rounds = [Round(chosen[-1].name, chosen[0].protocol_hash, chosen) for chosen in shared]
    primary, index, notes = primary_score(contestants, rounds)
    order = sorted(range(len(contestants)), key=placing(rounds[index].scores(primary)))
    contestants = [contestants[i] for i in order]
    rounds = [Round(one.name, one.protocol_hash, [one.evaluations[i] for i in order]) for one in rounds]
    notes += remarks(contestants, rounds[index])
    verdict = verdict_of(contestants, rounds[index], primary)
    comparison = Comparison(contestants, rounds, primary, index, verdict, notes)
    if out is not None:
        comparison.write(Path(out))
    return comparison


def print_comparison(comparison: Comparison) -> None:
    """Tables, verdict and notes on the terminal."""
    out = console()
    for sheet in comparison.sheets(out.width):
        out.print(terminal(sheet))
    for sentence in [*comparison.verdict, "", *(f"- {note}" for note in comparison.notes)]:
        out.print(sentence, markup=False)


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
    declared = {one.config.get("primary_score") for one in contestants} - {None}
    if len(declared) == 1:
        name = str(next(iter(declared)))
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
    wanted = ", ".join(sorted(map(str, declared)))
    why = f"The runs declare different primary scores, {wanted}" if len(declared) > 1 else f"Not all have {wanted}"
    return name, index, [f"{why}; ranked by the first shared one, {name}."]


def methods_of(contestants: Sequence[Contestant]) -> dict[tuple[str, str], list[int]]:
    """Indices of the contestants of each method, one for each training seed."""
    methods: dict[tuple[str, str], dict[int | None, int]] = {}
    for index, one in enumerate(contestants):
        methods.setdefault(one.method, {}).setdefault(one.seed, index)
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
        if each.state not in ("finished", units.MISSING)
    ]
    for counter in ("images_seen", "steps"):
        consumed = [units.count(each.budget(counter)) for each in contestants]
        notes += unequal(f"Budgets differ, {counter}", contestants, consumed)
    for key in ("weights", "checkpoint", "sampler", "nfe"):
        notes += unequal(
            f"Sampling differs, {key}", contestants, [units.plain(each.sampling.get(key)) for each in one.evaluations]
        )
    notes += unequal("Draws differ", contestants, [units.count(each.draw.get("draws")) for each in one.evaluations])
    counted = sum(len(indices) for indices in methods_of(contestants).values())
    if counted < len(contestants):
        notes.append("Some runs repeat method and seed of another: for the number of seeds such copies count once.")
    return notes


def unequal(what: str, contestants: Sequence[Contestant], values: Sequence[str]) -> list[str]:
    """`what: a (run 1, run 2), b (run 3).` when not all values are the same."""
    holders: dict[str, list[str]] = {}
    for one, value in zip(contestants, values, strict=True):
        holders.setdefault(value, []).append(one.label)
    if len(holders) < 2:
        return []
    return [f"{what}: " + ", ".join(f"{value} ({'; '.join(who)})" for value, who in holders.items()) + "."]


def csv_rows(comparison: Comparison, one: Round) -> list[list[object]]:
    """A round's rows of compare.csv."""
    rows: list[list[object]] = []
    for each, evaluation, rank in zip(comparison.contestants, one.evaluations, comparison.ranks(), strict=True):
        run = [each.path, each.experiment, each.config_hash, each.seed, each.state, rank]
        budget = [each.budget("images_seen"), each.budget("steps"), each.train_seconds]
        sampling = [evaluation.sampling.get(key) for key in ("weights", "checkpoint", "sampler", "nfe")]
        measured = [evaluation.at_step, evaluation.name, evaluation.protocol_hash]
        for score in evaluation.scores.values():
            floor = score.floor
            floors = [None] * 4 if floor is None else [floor.value, floor.low, floor.high, floor.n]
            goal = [score.better, score.target, score.reading]
            values = [score.name, score.value, score.low, score.high, score.covers]
            rows.append([*run, *budget, *sampling, *measured, *values, *floors, *goal])
    return rows

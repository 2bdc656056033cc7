"""What may be said about which run, or which method, is better: sentences that claim no more than the data carry.

Below five training seeds per method the sentences speak of these runs, and the intervals cover draws of samples; from
five on they speak of methods, and the intervals cover training seeds. Draws are taken as independent between runs; the
shared reference makes them positively correlated, so the interval of a difference is wide rather than narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from kantor.report import units
from kantor.report.cards import Estimate, Score
from kantor.report.statistics import (
    Difference,
    Mean,
    holm,
    interval_of,
    mean_from_interval,
    mean_of,
    smallest_detectable,
    welch,
)

SEEDS_NEEDED = 5
OTHERS_NAMED = 8
SUPERLATIVE = {"lower": "the lowest", "higher": "the highest"}


@dataclass(frozen=True)
class Entry:
    """A run's primary score, with the draws behind its interval."""

    label: str
    score: Score
    draws: int | None


@dataclass(frozen=True)
class Method:
    """A method's primary score for each of its training seeds."""

    label: str
    values: tuple[float, ...]

    def mean(self) -> Mean:
        """Over training seeds."""
        return mean_of(self.values)


def estimate_of(mean: Mean) -> Estimate:
    """A mean with its 95% interval."""
    return Estimate(mean.value, *interval_of(mean))


def superlative(score: Score) -> str:
    """`the lowest w1`, `the within_3_sigma nearest to its target 0.9889`."""
    if score.better == "target":
        return f"the {score.name} nearest to its target {units.number(score.target)}"
    return f"{SUPERLATIVE[score.better]} {score.name}"


def badness_of(entry: Entry) -> float:
    """Of an entry whose score has a value and a direction."""
    badness = entry.score.badness(entry.score.value)
    assert badness is not None
    return badness


def difference_over_draws(worse: Entry, best: Entry) -> Difference | None:
    """Of the two scores on the scale where lower is better; None without two intervals that cover the same."""
    a, b = mean_behind(worse), mean_behind(best)
    return None if a is None or b is None or worse.score.covers != best.score.covers else welch(a, b)


def mean_behind(entry: Entry) -> Mean | None:
    """The mean and standard error behind a run's interval; None without an interval."""
    half_width, draws = entry.score.half_width, entry.draws if entry.score.covers == "draws" else None
    return None if half_width is None else mean_from_interval(badness_of(entry), half_width, draws)


def against(best: Entry, other: Entry, *, named: bool) -> str:
    """How the best compares with another run, to be continued from `A ` (or said of `named` runs in full)."""
    difference = difference_over_draws(other, best)
    whom = f"{other.label} at {other.score.text}" if named else other.label
    gap = badness_of(other) - badness_of(best)
    if difference is None:
        return f"{units.number(gap)} {way(best.score)} {whom} (no interval of the difference: it needs one of each run)"
    half_width = (difference.high - difference.low) / 2
    covers = f" over {best.score.covers}" if best.score.covers else ""
    over = f"difference 95%{covers}: {units.interval(difference.low, difference.high)}"
    if difference.includes_zero:
        return f"cannot be told apart from {whom} ({over})"
    return f"{units.number(gap, half_width)} {way(best.score)} {whom} ({over})"


def way(score: Score) -> str:
    """The direction of the best one's lead."""
    return {"lower": "below", "higher": "above", "target": "nearer than"}[score.better]


def verdict_on_runs(entries: Sequence[Entry], seeds: Sequence[int]) -> list[str]:
    """Sentences about these runs.

    Args:
        entries: best first; only those with a value.
        seeds: how many training seeds each method has.
    """
    if len(entries) < 2:
        who = f"only {entries[0].label} has it" if entries else "no run has it"
        return [f"The primary score cannot be compared: {who}."]
    best, second, *rest = entries
    tied = difference_over_draws(second, best)
    joint = ", and it " if tied is not None and tied.includes_zero else ", "
    score = best.score
    lead = against(best, second, named=False)
    sentences = [f"Of these runs, {best.label} has {superlative(score)}: {score.text}{joint}{lead}."]
    for other in rest[:OTHERS_NAMED]:
        text = against(best, other, named=True)
        sentences.append(f"It {text}." if text.startswith("cannot") else f"It is {text}.")
    if len(rest) > OTHERS_NAMED:
        sentences.append(f"{len(rest) - OTHERS_NAMED} more are in the table.")
    return [*sentences, caveat(seeds)]


def caveat(seeds: Sequence[int]) -> str:
    """Why the sentences are about runs."""
    if all(count == 1 for count in seeds):
        return "One training seed each: a statement about these runs, not about the methods."
    low, high = min(seeds), max(seeds)
    many = f"{low}" if low == high else f"{low} to {high}"
    return (
        f"{many} training seeds per method, where {SEEDS_NEEDED} of each are needed: "
        "a statement about these runs, not about the methods."
    )


def verdict_on_methods(methods: Sequence[Method], score: Score) -> list[str]:
    """Sentences about methods with at least five seeds each: means over seeds, Welch, Holm over all pairs."""
    ordered = sorted(methods, key=lambda method: on_badness(method, score).value)
    best = estimate_of(ordered[0].mean())
    who, n = ordered[0].label, len(ordered[0].values)
    if len(ordered) == 1:
        spread = f"{units.number(min(ordered[0].values))} to {units.number(max(ordered[0].values))}"
        return [
            f"These are {n} training seeds of one method, {who}: mean {score.name} {best.text} "
            f"(95% over training seeds), single runs from {spread}."
        ]
    sentences = [
        f"{who} has on average {superlative(score)}: {best.text} (mean of {n} seeds, 95% over training seeds)."
    ]
    pairs = list(combinations(ordered, 2))
    differences = [welch(on_badness(b, score), on_badness(a, score)) for a, b in pairs]
    for (a, b), difference, p in zip(pairs, differences, holm([one.p for one in differences]), strict=True):
        sentences.append(pair_sentence(a, b, score, difference, p, len(pairs)))
    return sentences


def on_badness(method: Method, score: Score) -> Mean:
    """The method's mean over seeds on the scale where lower is better."""
    values = [score.badness(value) for value in method.values]
    return mean_of([value for value in values if value is not None])


def pair_sentence(a: Method, b: Method, score: Score, difference: Difference, p: float, pairs: int) -> str:
    """Of two methods, `a` the better by its mean."""
    half_width = (difference.high - difference.low) / 2
    level = 0.05 / pairs
    smallest = smallest_detectable(difference.standard_error, difference.df, level=level)
    p_text = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    if pairs > 1:
        p_text += f" (Holm over {pairs} pairs)"
    facts = (
        f"difference 95% over training seeds: {units.interval(difference.low, difference.high)}, {p_text}; "
        f"smallest detectable difference at 80% power: {smallest:.2g}"
    )
    if p >= 0.05:
        return f"{a.label} and {b.label} cannot be told apart by {score.name} ({facts})."
    return (
        f"{a.label} is {units.number(difference.value, half_width)} {way(score)} {b.label} in {score.name} ({facts})."
    )

"""A method: runs that differ in their training seed only, as one thing with a mean and a spread.

What is random between its runs is the training seed. With two seeds or more a method's score is the mean over them with
the t-interval of that mean; with one seed it is that run's, with the run's own interval, which covers draws of samples
and no training. A method of which a seed failed, or has no score to believe, has none: the mean over those that are
left would be one of survivors. It is shown in brackets, and takes part in no rank and no test.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kantor.report import units
from kantor.report.cards import Estimate, Evaluation, Score
from kantor.report.labels import method_labels
from kantor.report.statistics import Mean, interval_of, mean_from_interval, mean_of
from kantor.report.summary import Summary

SEEDS_NEEDED = 5
OVER_SEEDS = "training seeds"


@dataclass(frozen=True)
class Lost:
    """A training seed whose run failed, or has no score to believe."""

    summary: Summary

    @property
    def how(self) -> str:
        """`diverged`, where that is why it failed, `failed`, or `left out`."""
        if not self.summary.failed:
            return "left out"
        return "diverged" if "diverged" in self.summary.reason else "failed"


@dataclass(frozen=True)
class Method:
    """Runs that differ in their seed only.

    Attributes:
        label: tells it apart from the others.
        runs: places of its runs in the comparison, one for each training seed.
        copies: places of runs that repeat a seed.
        lost: seeds whose run failed or was left out, for which there is no other.
        config: the resolved configuration of one of its runs.
    """

    label: str
    runs: tuple[int, ...]
    copies: tuple[int, ...] = ()
    lost: tuple[Lost, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)

    def of_seed(self, seed: int | None) -> str:
        """`penalty_weight=10 seed 3`, or the label alone of somebody's samples, which have no seed."""
        return self.label if seed is None else f"{self.label} seed {seed}"

    @property
    def seeds_text(self) -> str:
        """`5`, `4 of 5; 1 diverged`, or `1` of somebody's samples, which have no seed."""
        if not self.lost:
            return str(len(self.runs))
        how = Counter(one.how for one in self.lost)
        said = ", ".join(f"{count} {what}" for what, count in sorted(how.items()))
        return f"{len(self.runs)} of {len(self.runs) + len(self.lost)}; {said}"


@dataclass(frozen=True)
class MethodScore:
    """A score of a method.

    Attributes:
        entries: the runs that have a value: their scores, with the draws behind each.
        whole: whether every seed of the method has a value.
        missing: how many of its runs have none while others have.
    """

    entries: tuple[tuple[Score, int | None], ...]
    whole: bool = True
    missing: int = 0

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation], name: str, whole: bool = True) -> "MethodScore":
        """That of a method's runs, as far as they have it."""
        there = ((one.scores[name], one.draws) for one in evaluations if name in one.scores)
        entries = tuple(entry for entry in there if entry[0].value is not None)
        missing = len(evaluations) - len(entries) if entries else 0
        return cls(entries, whole and not missing, missing)

    def seeds_text(self, method: Method) -> str:
        """The seeds of its method, and how many of them have no value."""
        return method.seeds_text + (f"; {self.missing} without a value" if self.missing else "")

    @property
    def values(self) -> tuple[float, ...]:
        """One for each training seed."""
        return tuple(score.value for score, _ in self.entries if score.value is not None)

    @property
    def covers(self) -> str:
        """What the interval covers."""
        if len(self.entries) > 1:
            return OVER_SEEDS
        return self.entries[0][0].covers if self.entries else ""

    @property
    def estimate(self) -> Estimate:
        """The mean over seeds with its interval, which ends where the score can be, and which there is none of where
        all seeds score the same; of one run its own; of survivors the mean alone."""
        if not self.whole:
            return Estimate(mean_of(self.values).value if len(self.entries) > 1 else (*self.values, None)[0])
        if len(self.entries) > 1:
            mean = mean_of(self.values)
            if alike(self.values):
                return Estimate(mean.value)
            (low, high), (least, most) = interval_of(mean), self.entries[0][0].bounds
            return Estimate(mean.value, max(low, least), min(high, most))
        return self.entries[0][0] if self.entries else Estimate(None)

    @property
    def value_text(self) -> str:
        """The mean to the digits that its interval allows; of survivors in brackets, to those of their scatter."""
        if self.whole or not self.values:
            return self.estimate.value_text
        half = (max(self.values) - min(self.values)) / 2 if len(self.values) > 1 else None
        return f"({units.number(self.estimate.value, half)})"

    @property
    def text(self) -> str:
        """The mean and its interval, of survivors the mean alone in brackets."""
        return self.estimate.text if self.whole else self.value_text

    @property
    def range_text(self) -> str:
        """`0.050 to 0.060`: the lowest and the highest of the runs, to the digits that their difference allows."""
        low, high = min(self.values), max(self.values)
        half = None if all(value == int(value) for value in self.values) else (high - low) / 2
        return units.number(low, half) if low == high else f"{units.number(low, half)} to {units.number(high, half)}"

    @property
    def badness(self) -> float | None:
        """The mean over seeds on a scale where lower is better; None when there is nothing to rank by."""
        return self.survivors_badness if self.whole else None

    @property
    def survivors_badness(self) -> float | None:
        """The same, whether a seed is lost or not."""
        bad = self._badness()
        return math.fsum(bad) / len(bad) if bad else None

    def over_seeds(self) -> Mean | None:
        """The badness with the error of its mean over training seeds, 0 where all are the same; None of one run."""
        bad = self._badness()
        if len(bad) < 2:
            return None
        mean = mean_of(bad)
        return replace(mean, standard_error=0.0) if alike(bad) else mean

    def over_draws(self) -> Mean | None:
        """The badness of these runs with the error that draws leave it; None when a run has no interval."""
        parts = []
        for score, draws in self.entries:
            bad, side = score.badness(score.value), score.longer_side
            if bad is None or side is None:
                return None
            parts.append(mean_from_interval(bad, side, draws if score.covers == "draws" else None))
        if not parts:
            return None
        mean = math.fsum(part.value for part in parts) / len(parts)
        error = math.sqrt(math.fsum(part.standard_error**2 for part in parts)) / len(parts)
        return Mean(mean, error, math.fsum(part.df for part in parts))

    def _badness(self) -> list[float]:
        bad = [score.badness(score.value) for score, _ in self.entries]
        return [value for value in bad if value is not None]


def alike(values: Sequence[float]) -> bool:
    """Whether all are the same to 6 digits: what is left of their scatter is rounding."""
    return len({f"{value:.6g}" for value in values}) == 1


def methods_of(summaries: Sequence[Summary], failed: Sequence[Summary] = ()) -> tuple[list[Method], list[str]]:
    """The methods of some runs in the order of their first ones, seeds ascending, and notes on their names.

    Args:
        summaries: of the runs that have scores. Trials of a search are a method each, whatever their seeds.
        failed: of those that failed or were left out. One whose seed did not fail elsewhere is not lost.
    """
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(summaries):
        groups.setdefault(key_of(one), []).append(place)
    losses: dict[str, dict[int | None, Summary]] = {}
    for one in failed:
        if one.seed not in {summaries[place].seed for place in groups.get(key_of(one), [])}:
            losses.setdefault(key_of(one), {}).setdefault(one.seed, one)
    found, examples = [], []
    for key in dict.fromkeys([*groups, *losses]):
        ordered = sorted(groups.get(key, []), key=lambda place: by_seed(summaries[place]))
        first = {summaries[place].seed: place for place in reversed(ordered)}
        runs = tuple(place for place in ordered if first[summaries[place].seed] == place)
        lost = sorted(losses.get(key, {}).values(), key=by_seed)
        examples.append(summaries[runs[0]] if runs else lost[0])
        copies = tuple(place for place in ordered if place not in runs)
        found.append((runs, copies, tuple(map(Lost, lost)), examples[-1].config))
    labels, notes = method_labels(examples)
    return [Method(label, *parts) for label, parts in zip(labels, found, strict=True)], notes


def by_seed(one: Summary) -> tuple[bool, int]:
    """What runs of a method are ordered by: their seed; somebody's samples have none, and come last."""
    return one.seed is None, one.seed or 0


def key_of(one: Summary) -> str:
    """What runs of one method share."""
    path = one.config_hash is None or one.trial is not None
    return f"alone {one.run.path}" if path else str(one.config_hash)


def run_labels(methods: Sequence[Method], summaries: Sequence[Summary]) -> list[str]:
    """`penalty_weight=10 seed 3` for each run; copies of a seed with their path."""
    labels = [""] * len(summaries)
    for method in methods:
        for place in (*method.runs, *method.copies):
            copy = f" ({summaries[place].run.path})" if place in method.copies else ""
            labels[place] = method.of_seed(summaries[place].seed) + copy
    return labels


def weakness(methods: Sequence[Method]) -> str | None:
    """Why a comparison says less than it seems to; None when every method has five seeds or more."""
    seeds = [len(method.runs) for method in methods if not method.lost]
    if not seeds:
        return None
    low, high = min(seeds), max(seeds)
    if low >= SEEDS_NEEDED:
        return None
    what = "statements about these runs, not about the methods" if high == 1 else "weak evidence about methods"
    each = (
        ("One training seed" if low == 1 else f"{low} training seeds")
        if low == high
        else f"{low} to {high} training seeds"
    )
    who = " each" if low == high == 1 else " for each method"
    return f"{each}{'' if len(methods) == 1 else who}, where {SEEDS_NEEDED} are needed: {what}."

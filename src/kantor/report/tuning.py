"""Trials of a search: what the best of so many of them scores, and why they are no reporting seeds.

The expected best of k trials is that of k draws from the values that all trials have (Dodge et al. 2019, "Show Your
Work", EMNLP, section 3): with v_1 the worst of N,

    E[best of k] = sum_i v_i ((i/N)^k - ((i-1)/N)^k),

whatever order they were tried in. It looks at N trials only, and lies below what a longer search would find on average
(Tang et al. 2020); which estimator leads to the fewest wrong conclusions, Dodge et al. 2021 have counted: this one. A
trial that failed counts as the worst that did not, and so does one that was pruned and has no score: it was ended for
being worse than others, and what it scored while training is another score than theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kantor.report import units
from kantor.report.cards import Score
from kantor.report.methods import Method
from kantor.report.protocols import few
from kantor.report.summary import Summary

MIDDLE = (0.1, 0.9)
NAMED = 4


@dataclass(frozen=True)
class Study:
    """The trials of a search that were given.

    Attributes:
        name: its hash.
        values: of the score, the worst first; those of trials that failed or were pruned are the worst one of others.
        failed: how many did.
        seeds: that were trained with.
        pruned: how many were, with a score or without.
    """

    name: str
    values: tuple[float, ...]
    failed: int
    seeds: frozenset[int]
    pruned: int = 0

    @property
    def label(self) -> str:
        """`search 1a2b3c4d5e: 12 trials, 1 failed, 2 pruned`."""
        ended = ((self.failed, "failed"), (self.pruned, "pruned"))
        lost = "".join(f", {count} {how}" for count, how in ended if count)
        return f"search {self.name[:10]}: {units.counted(len(self.values), 'trial')}{lost}"

    def expected(self) -> np.ndarray:
        """The expected best of k trials, (N,) for k from 1 to N."""
        reached = self._reached()
        return np.diff(reached, axis=0, prepend=0.0).T @ np.array(self.values)

    def quantile(self, share: float) -> np.ndarray:
        """What the best of k trials is, or worse, in that share of searches, (N,)."""
        first = (self._reached() >= share - 1e-12).argmax(axis=0)
        return np.array(self.values)[first]

    def _reached(self) -> np.ndarray:
        """How often the best of k draws is the i-th worst value or worse, (N, N) by i and k."""
        n = len(self.values)
        share = np.arange(1, n + 1) / n
        return share[:, None] ** np.arange(1, n + 1)[None, :]


def studies_of(trials: Sequence[Summary], score: Score, protocol_hash: str) -> list[Study]:
    """The searches that some trials are of, with their values of a score; those in which none has it are left out.

    Args:
        trials: those that failed or were pruned among them.
        score: what it is.
        protocol_hash: of the evaluation that it is taken from.
    """
    by_study: dict[str, dict[int, Summary]] = {}
    for one in trials:
        if one.trial is not None:
            by_study.setdefault(one.trial[0], {})[one.trial[1]] = one
    found = []
    for name, ours in sorted(by_study.items()):
        values = [(one, value_of(one, score, protocol_hash)) for one in ours.values()]
        there = [value for _, value in values if value is not None]
        if there:
            worst_first = sorted(there, reverse=score.better != "higher")
            lost = sum(value is None and (one.failed or one.pruned) for one, value in values)
            failed, pruned = (sum(getattr(one, how) for one, _ in values) for how in ("failed", "pruned"))
            seeds = frozenset(one.seed for one, _ in values if one.seed is not None)
            found.append(Study(name, (*[worst_first[0]] * lost, *worst_first), failed, seeds, pruned))
    return found


def value_of(one: Summary, score: Score, protocol_hash: str) -> float | None:
    """A trial's value of a score, of one with a target the distance to it; None of a trial without it."""
    for evaluation in reversed(one.evaluations):
        there = evaluation.scores.get(score.name)
        if not one.failed and evaluation.protocol_hash == protocol_hash and there is not None:
            return score.badness(there.value) if score.better == "target" else there.value
    return None


def tuning_notes(
    studies: Sequence[Study], trials: Sequence[Summary], methods: Sequence[Method], summaries: Sequence[Summary]
) -> list[str]:
    """That trials are no seeds of a method, and which methods are reported with seeds that were tuned on.

    Args:
        studies: the searches.
        trials: all that have scores.
        methods: what is compared.
        summaries: of their runs, by place.
    """
    if not trials:
        return []
    searches = ", ".join(dict.fromkeys(one.trial[0][:10] for one in trials if one.trial is not None))
    if any(one.trial is not None for one in summaries):
        return [
            f"All runs are trials of a search ({searches}): the best was chosen by this score, which flatters it. "
            "Train it again with seeds that no trial had, and compare those."
        ]
    tuned = {(one.config_hash, one.seed) for one in trials if one.seed is not None}
    both = [
        (method.label, [one.seed for one in runs if (one.config_hash, one.seed) in tuned])
        for method in methods
        for runs in [[summaries[place] for place in method.runs]]
    ]
    named = [f"{label} (seed {', '.join(map(str, seeds))})" for label, seeds in both if seeds]
    counts = f"{units.counted(len(trials), 'run')} of {searches}"
    return [
        f"Trials of a search are no training seeds of a method, and in none: {counts}.",
        *([f"Tuned on and reported with the same seeds, which flatters: {few(named, NAMED)}."] if named else []),
    ]

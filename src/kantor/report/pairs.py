"""Pairs of methods: the difference of their means, and what is left of it after Holm's adjustment, which the interval
takes part in: it leaves 0 out exactly where the adjusted p value is below the level.

The pairs with the best are one family, as in multiple comparisons with the best (Hsu 1981, Annals of Statistics 9),
which need no more pairs although the best is known from the same data; any other pair is adjusted over all pairs. A
pair whose methods have two training seeds each or more is held against the scatter over seeds (Welch; where none of
them scatters a difference is one, and there is nothing to test), one of single runs against that over draws of samples,
which says something of these runs only. One run beside several seeds has no test: what its seed alone made of it is not
known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from kantor.report import units
from kantor.report.methods import OVER_SEEDS, MethodScore, alike
from kantor.report.statistics import Difference, holm, holm_errors, welch

LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """Two methods by their places, the better by its mean first.

    Attributes:
        better, worse: places.
        gap: by how much the worse is worse.
        difference: the same with its adjusted interval; None where there is none.
        covers: what the interval covers.
        p: adjusted, None where there is none.
        family: over how many pairs.
        exact: whether neither scatters over its seeds.
    """

    better: int
    worse: int
    gap: float
    difference: Difference | None
    covers: str
    p: float | None
    family: int
    exact: bool = False

    @property
    def compared(self) -> bool:
        """Whether anything tells if the two differ: a test, or seeds that all score the same."""
        return self.exact or self.difference is not None

    @property
    def told_apart(self) -> bool:
        """Whether the adjusted p value is below the level, or two that do not scatter differ."""
        return self.gap != 0 if self.exact else self.p is not None and self.p < LEVEL

    @property
    def told_text(self) -> str:
        """`yes`, `no`, or a dash where nothing tells."""
        return ("yes" if self.told_apart else "no") if self.compared else units.MISSING

    @property
    def gap_text(self) -> str:
        """The gap to the digits that its interval allows."""
        half_width = None if self.difference is None else (self.difference.high - self.difference.low) / 2
        return units.number(self.gap, half_width)

    @property
    def interval_text(self) -> str:
        """That of the difference, adjusted as its p value is, or a dash."""
        return units.MISSING if self.difference is None else units.interval(self.difference.low, self.difference.high)

    @property
    def p_text(self) -> str:
        """`p < 0.001`, `p = 0.031`, or a dash."""
        if self.p is None:
            return units.MISSING
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"


def pairs_of(scores: Sequence[MethodScore]) -> list[Pair]:
    """Every pair of methods that have the score, those with the best first.

    Args:
        scores: of the methods, best first; those without a value last.
    """
    badness = [one.badness for one in scores]
    there = [place for place, value in enumerate(badness) if value is not None]
    raw = {(a, b): difference_of(scores[b], scores[a]) for a, b in combinations(there, 2)}
    tested = {both: difference for both, (difference, _) in raw.items() if difference is not None}
    with_best, all_pairs = adjusted({both: tested[both] for both in tested if both[0] == 0}), adjusted(tested)
    found = []
    for (a, b), (_, covers) in raw.items():
        family = with_best if a == 0 else all_pairs
        difference, p = family.get((a, b), (None, None))
        means = badness[a] or 0.0, badness[b] or 0.0
        exact = do_not_scatter(scores[a], scores[b])
        gap = 0.0 if exact and alike(means) else means[1] - means[0]
        found.append(Pair(a, b, gap, difference, covers, p, len(family), exact))
    return found


def do_not_scatter(*scores: MethodScore) -> bool:
    """Whether each has several seeds, which all score the same."""
    means = [one.over_seeds() for one in scores]
    return all(mean is not None and mean.standard_error == 0 for mean in means)


def adjusted(tested: Mapping[tuple[int, int], Difference]) -> dict[tuple[int, int], tuple[Difference, float]]:
    """The differences of a family with their intervals and p values by Holm's adjustment over it."""
    p = [difference.p for difference in tested.values()]
    parts = zip(tested.items(), holm(p), holm_errors(p, LEVEL), strict=True)
    return {both: (difference.at(error), p) for (both, difference), p, error in parts}


def difference_of(worse: MethodScore, better: MethodScore) -> tuple[Difference | None, str]:
    """How much worse one method is, and what the interval covers."""
    seeds = worse.over_seeds(), better.over_seeds()
    if do_not_scatter(worse, better):
        return None, ""
    if seeds[0] is not None and seeds[1] is not None:
        return welch(seeds[0], seeds[1]), OVER_SEEDS
    if seeds[0] is not None or seeds[1] is not None:
        return None, ""
    draws = worse.over_draws(), better.over_draws()
    if draws[0] is None or draws[1] is None:
        return None, ""
    return welch(draws[0], draws[1]), better.entries[0][0].covers

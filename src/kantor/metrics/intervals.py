"""How sure a number is: intervals that never resample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; without one, `low` and `high` are None."""

    value: float
    low: float | None
    high: float | None

    def within(self, bounds: tuple[float, float]) -> "Estimate":
        """Without values that the number cannot have: the interval holds the truth as often as before."""
        if self.low is None or self.high is None:
            return self
        return Estimate(self.value, max(self.low, bounds[0]), min(self.high, bounds[1]))


GROUPS = 20
"""Groups of the jackknife where nothing else is said: with fewer the interval grows, with more so does the work."""

LEAST_DRAWS = 10
"""Independent draws from which an interval is made."""


def t_interval(values: Sequence[float]) -> Estimate:
    """Mean and 95% interval from independent draws: mean ± t·s/√R, R - 1 degrees of freedom (Student 1908).

    Args:
        values: one score per fresh draw; with fewer than ten the interval is left out.
    """
    from scipy.special import stdtrit  # a fifth of a second of import: only where a number is made

    mean = math.fsum(values) / len(values)
    if len(values) < LEAST_DRAWS:
        return Estimate(mean, None, None)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(variance / len(values))
    return Estimate(mean, mean - half, mean + half)


def without_interval(values: Sequence[float]) -> Estimate:
    """The mean alone, for scores whose spread over draws says nothing of their error."""
    return Estimate(math.fsum(values) / len(values), None, None)


def groups_of(n: int, groups: int = GROUPS) -> list[slice]:
    """Consecutive parts of n samples, as equal as they can be: sizes differ by at most 1, and none is empty if
    n ≥ groups."""
    return [slice(i * n // groups, (i + 1) * n // groups) for i in range(groups)]

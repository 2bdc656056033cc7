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


def jackknife_interval(value: float, left_out: Sequence[float]) -> Estimate:
    """95% interval of a score of one sample, from the scores without each of its G groups in turn:

        value ± t √v with v = (G-1)/G Σ (left_out_g - value)² and G - 1 degrees of freedom

    (the delete-a-group jackknife, Kott 2001). The scatter around the value, rather than around the mean of the others,
    is the safe choice where the score is biased, as Fréchet distances are. The bias itself is not removed: the interval
    is for what samples of this size score on average.

    Args:
        value: the score of the whole sample.
        left_out: without group 0, 1, …; with fewer than ten the interval is left out.
    """
    from scipy.special import stdtrit  # a fifth of a second of import: only where a number is made

    groups = len(left_out)
    if groups < LEAST_DRAWS:
        return Estimate(value, None, None)
    variance = (groups - 1) / groups * math.fsum((each - value) ** 2 for each in left_out)
    half = float(stdtrit(groups - 1, 0.975)) * math.sqrt(variance)
    return Estimate(value, value - half, value + half)


def groups_of(n: int, groups: int = GROUPS) -> list[slice]:
    """Consecutive parts of n samples, as equal as they can be: sizes differ by at most 1, and none is empty if
    n ≥ groups."""
    return [slice(i * n // groups, (i + 1) * n // groups) for i in range(groups)]

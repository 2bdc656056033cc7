"""Differences and what can be said about them: Welch's interval, Holm's adjustment of p values and of intervals, the
smallest detectable difference.

Welch (1947): for independent means with standard errors s_a, s_b on nu_a, nu_b degrees of freedom,

    (m_a - m_b ± t_{nu} sqrt(s_a² + s_b²)),   nu = (s_a² + s_b²)² / (s_a⁴/nu_a + s_b⁴/nu_b)      (Satterthwaite).

scipy.special rather than scipy.stats: the same numbers at a third of the import time (tests hold them against stats).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kantor.metrics.intervals import LEAST_DRAWS


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error and degrees of freedom (infinite when the error is known)."""

    value: float
    standard_error: float
    df: float


@dataclass(frozen=True)
class Difference:
    """Of two means: value, 95% interval, two-sided p value, and what they were made from."""

    value: float
    low: float
    high: float
    p: float
    standard_error: float
    df: float

    @property
    def includes_zero(self) -> bool:
        """Whether the interval includes 0."""
        return self.low <= 0 <= self.high

    def at(self, error: float) -> "Difference":
        """The same with an interval that may miss with probability `error`, instead of 5%."""
        half_width = t_quantile(1 - error / 2, self.df) * self.standard_error if self.standard_error else 0.0
        return replace(self, low=self.value - half_width, high=self.value + half_width)


def t_quantile(p: float, df: float) -> float:
    """The `p` quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and standard error (the n - 1 form) of at least two values."""
    n = len(values)
    if n < 2:
        raise ValueError(f"got {n} value: a standard error needs at least two")
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return Mean(mean, math.sqrt(variance / n), n - 1)


def mean_from_interval(value: float, half_width: float, draws: int | None) -> Mean:
    """Mean with the standard error behind a 95% interval: of ten draws or more a t-interval, h = t·s/√R.

    Of fewer, or of unknown ones, the error was estimated inside each, with 19 degrees of freedom or more: the normal
    quantile, which never understates it.
    """
    df = math.inf if draws is None or draws < LEAST_DRAWS else draws - 1
    return Mean(value, half_width / t_quantile(0.975, df), df)


def interval_of(mean: Mean, level: float = 0.95) -> tuple[float, float]:
    """The t-interval of a mean."""
    half_width = t_quantile((1 + level) / 2, mean.df) * mean.standard_error
    return mean.value - half_width, mean.value + half_width


def welch(a: Mean, b: Mean, level: float = 0.95) -> Difference:
    """Of two independent means, a - b.

    Means without any spread give the difference itself: p is 0, or 1 when they are equal.
    """
    from scipy.special import stdtr

    difference = a.value - b.value
    error = math.hypot(a.standard_error, b.standard_error)
    if error == 0:
        return Difference(difference, difference, difference, float(difference == 0), 0.0, math.inf)
    shares = [(mean.standard_error / error) ** 4 / mean.df for mean in (a, b)]
    df = 1 / sum(shares) if sum(shares) > 0 else math.inf
    half_width = t_quantile((1 + level) / 2, df) * error
    p = 2 * float(stdtr(df, -abs(difference) / error))
    return Difference(difference, difference - half_width, difference + half_width, p, error, df)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjusted p values, in the order given: max over j ≤ i of (m - j) p_(j), at most 1."""
    m = len(p_values)
    adjusted = [0.0] * m
    running = 0.0
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (m - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def holm_errors(p_values: Sequence[float], error: float = 0.05) -> list[float]:
    """How often the interval of each difference may miss, so that it leaves 0 out exactly where Holm's adjusted p value
    is below `error`: error / (m - rank + 1) as far as the procedure rejects, and where it stops and beyond, what it
    stopped at. It is the test of Holm (1979) turned round, difference by difference: each at the level at which it was
    tested. That all hold at once is counted rather than proved (bench/differences.py).

    Each is at most `error`, and a Bonferroni interval where nothing is rejected.
    """
    m = len(p_values)
    errors, stopped = [0.0] * m, None
    for rank, index in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        if stopped is None and not (m - rank) * p_values[index] < error:
            stopped = m - rank
        errors[index] = error / (stopped or m - rank)
    return errors


def smallest_detectable(standard_error: float, df: float, *, level: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided test at `level` finds with probability `power`.

    From the noncentral t: P(T_{df}(δ/se) > t_{1-level/2, df}) = power. The other tail is neglected (below 1e-4).
    """
    if standard_error == 0:
        return 0.0
    from scipy.special import nctdtrinc

    if math.isinf(df):
        return (t_quantile(1 - level / 2, df) + t_quantile(power, df)) * standard_error
    return float(nctdtrinc(df, 1 - power, t_quantile(1 - level / 2, df))) * standard_error

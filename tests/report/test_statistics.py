"""Against scipy.stats and worked examples."""

import math

import numpy as np
import pytest
from scipy import stats

from kantor.report.statistics import (
    Mean,
    holm,
    holm_errors,
    interval_of,
    mean_from_interval,
    mean_of,
    smallest_detectable,
    welch,
)

A = [0.051, 0.055, 0.049, 0.060, 0.052]
B = [0.071, 0.064, 0.090, 0.083, 0.062, 0.077]


def test_welch_is_scipys():
    ours, theirs = welch(mean_of(A), mean_of(B)), stats.ttest_ind(A, B, equal_var=False)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-10)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.df == pytest.approx(theirs.df, rel=1e-10)


def test_welch_of_the_swapped_is_the_negative():
    ab, ba = welch(mean_of(A), mean_of(B)), welch(mean_of(B), mean_of(A))
    assert (ab.value, ab.low, ab.high, ab.p) == pytest.approx((-ba.value, -ba.high, -ba.low, ba.p))


def test_a_known_error_takes_no_degrees_of_freedom():
    difference = welch(Mean(1.0, 3.0, math.inf), Mean(0.0, 4.0, math.inf))
    assert difference.high - difference.value == pytest.approx(5 * stats.norm.ppf(0.975))


@pytest.mark.parametrize(("a", "b", "p"), [(8.0, 8.0, 1.0), (8.0, 7.0, 0.0)])
def test_without_spread_the_difference_is_exact(a: float, b: float, p: float):
    difference = welch(mean_of([a] * 5), mean_of([b] * 5))
    assert (difference.low, difference.high, difference.p) == (a - b, a - b, p)
    assert smallest_detectable(difference.standard_error, difference.df) == 0


def test_an_interval_gives_its_standard_error_back():
    draws = A + B
    low, high = interval_of(mean_of(draws))
    recovered = mean_from_interval(float(np.mean(draws)), (high - low) / 2, len(draws))
    assert recovered.standard_error == pytest.approx(stats.sem(draws))
    assert (low, high) == pytest.approx(stats.t.interval(0.95, len(draws) - 1, np.mean(draws), stats.sem(draws)))


@pytest.mark.parametrize("draws", [2, 3, 9])
def test_the_error_of_few_draws_is_that_from_within_and_no_smaller(draws: int):
    """A quantile of draws - 1 degrees, which the interval was not made with, would make of it a sixth."""
    made = 0.2 * stats.t.ppf(0.975, 19 * draws)
    assert mean_from_interval(1.0, made, draws).standard_error == pytest.approx(0.2, rel=0.05)
    assert mean_from_interval(1.0, made, draws).standard_error > 0.2


def test_without_draws_half_widths_add_in_quadrature():
    difference = welch(mean_from_interval(2.0, 0.3, None), mean_from_interval(1.0, 0.4, None))
    assert (difference.low, difference.high) == pytest.approx((0.5, 1.5))


def test_one_value_has_no_error():
    with pytest.raises(ValueError, match="at least two"):
        mean_of([1.0])


def test_holm_worked_example():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("p_values", [[0.2], [0.9, 0.8, 0.7], [0.01, 0.01], [0.0, 1.0, 0.5]])
def test_holm_lies_between_the_plain_and_bonferronis(p_values: list[float]):
    adjusted = holm(p_values)
    for plain, ours in zip(p_values, adjusted, strict=True):
        assert plain <= ours <= min(1.0, len(p_values) * plain)


@pytest.mark.parametrize("df", [4.0, 8.3, 40.0])
@pytest.mark.parametrize("level", [0.05, 0.05 / 3])
def test_the_smallest_detectable_difference_is_found_with_80_percent(df: float, level: float):
    error = 0.7
    delta = smallest_detectable(error, df, level=level)
    critical = stats.t.ppf(1 - level / 2, df)
    power = stats.nct.sf(critical, df, delta / error) + stats.nct.cdf(-critical, df, delta / error)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_smallest_detectable_with_known_error():
    assert smallest_detectable(1.0, math.inf) == pytest.approx(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))


@pytest.mark.parametrize("methods", [2, 3, 6])
@pytest.mark.parametrize("apart", [0.0, 0.5, 1.0, 5.0])
def test_adjusted_intervals_leave_zero_out_where_the_adjusted_p_says_so_and_hold_the_truth(methods: int, apart: float):
    """Against the best by five seeds, which the same data choose; bench/differences.py simulates more of them."""
    draw, held, together = np.random.default_rng(1), [], []
    for _ in range(300):
        truth = apart * np.arange(methods)
        means = sorted(
            ((mean_of(values), true) for values, true in zip(
                (truth[:, None] + draw.standard_normal((methods, 5))).tolist(), truth, strict=True)),
            key=lambda pair: pair[0].value,
        )  # fmt: skip
        (best, best_true), *others = means
        raw = [welch(mean, best) for mean, _ in others]
        p = [one.p for one in raw]
        for one, error, adjusted, (_, true) in zip(raw, holm_errors(p), holm(p), others, strict=True):
            assert one.at(error).includes_zero == (adjusted >= 0.05)
            held.append(one.at(error).low <= true - best_true <= one.at(error).high)
        together.append(all(held[-len(others) :]))
    assert np.mean(held) > 0.92
    assert np.mean(together) > 0.87  # 92% or more, less three standard errors of 300 comparisons


def test_errors_of_intervals_worked_example():
    """Two of four are rejected, at a quarter and a third of 5%; the rest stops at half of it."""
    assert holm_errors([0.04, 0.001, 0.03, 0.01]) == pytest.approx([0.05 / 2, 0.05 / 4, 0.05 / 2, 0.05 / 3])
    assert holm_errors([0.04]) == [0.05]
    assert holm_errors([0.9, 0.8]) == [0.025, 0.025]  # Bonferroni's, where nothing is rejected

import math

import numpy as np
import pytest
import scipy.stats

from kantor.metrics.intervals import LEAST_DRAWS, Estimate, groups_of, t_interval


@pytest.mark.parametrize("n", [10, 11, 30, 200])
def test_the_interval_is_scipys(n):
    values = list(np.random.default_rng(n).normal(3, 2, n))
    found = t_interval(values)
    low, high = scipy.stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-12)


def test_ten_draws_in_closed_form():
    """0 … 9: mean 4.5, s² = 82.5/9, t(9) = 2.262157."""
    half = 2.2621571628 * math.sqrt(82.5 / 9 / 10)
    found = t_interval(range(10))
    assert (found.value, found.low, found.high) == pytest.approx((4.5, 4.5 - half, 4.5 + half), rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_below_ten_draws_there_is_none(n):
    assert LEAST_DRAWS == 10
    assert t_interval([2.0] * n) == Estimate(2.0, None, None)


def test_it_covers_the_mean_in_95_of_100_simulations():
    """4,000 simulations of 10 normal draws: the count is binomial with deviation sqrt(4000·0.95·0.05) = 13.8."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(4000):
        found = t_interval(rng.normal(1.0, 0.5, 10).tolist())
        hits += found.low <= 1.0 <= found.high
    assert abs(hits - 3800) < 4 * 13.8


def test_a_normal_quantile_would_cover_too_little():
    """The same simulation with 1.96 for 2.26 covers about 91.8%: the test above would see it."""
    assert abs(4000 * (2 * scipy.stats.t.cdf(1.96, 9) - 1) - 3800) > 4 * 13.8


def test_equal_draws_have_an_interval_of_no_width():
    assert t_interval([0.1] * 10) == Estimate(pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))


def test_order_does_not_change_a_bit():
    values = np.random.default_rng(0).normal(0, 1e6, 50).tolist()
    assert t_interval(values) == t_interval(sorted(values)) == t_interval(values[::-1])


def test_shift_and_scale_move_the_interval_along():
    values = np.random.default_rng(0).normal(0, 1, 12)
    base, moved = t_interval(values.tolist()), t_interval((5 * values + 3).tolist())
    assert moved.low == pytest.approx(5 * base.low + 3)
    assert moved.high == pytest.approx(5 * base.high + 3)


def test_a_small_spread_around_a_large_mean_keeps_its_digits():
    """The sum of squares minus n·mean² would cancel."""
    values = [1e8 + k * 1e-4 for k in range(10)]
    expected = 2.2621571628 * 1e-4 * math.sqrt(82.5 / 9 / 10)
    found = t_interval(values)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("n", "groups"), [(100, 20), (103, 20), (20, 20), (19, 20), (7, 3)])
def test_groups_are_equal_parts_of_the_whole(n, groups):
    parts = groups_of(n, groups)
    found = [list(range(n))[part] for part in parts]
    assert [i for part in found for i in part] == list(range(n))
    sizes = {len(part) for part in found}
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == groups


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.9, 1.1, (0.9, 1.0)), (-0.1, 0.2, (0.0, 0.2)), (0.1, 0.2, (0.1, 0.2))]
)
def test_an_interval_ends_where_a_share_does(low, high, expected):
    found = Estimate((low + high) / 2, low, high).within((0.0, 1.0))
    assert (found.value, found.low, found.high) == ((low + high) / 2, *expected)
    assert Estimate(0.5, None, None).within((0.0, 1.0)) == Estimate(0.5, None, None)

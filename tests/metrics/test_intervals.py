import math

import numpy as np
import pytest
import scipy.stats
import torch

from kantor.metrics.frechet import frechet_distance
from kantor.metrics.intervals import LEAST_DRAWS, Estimate, groups_of, jackknife_interval, t_interval
from kantor.metrics.statistics import Statistics


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


def left_out(score, sample, groups=20):
    return [score(np.delete(sample, part, axis=0)) for part in groups_of(len(sample), groups)]


@pytest.mark.parametrize("groups", [10, 20])
def test_the_jackknife_of_a_mean_is_the_t_interval_of_its_group_means(groups):
    """Algebra: a mean without group g is off by (mean - group mean) / (G - 1)."""
    sample = np.random.default_rng(0).normal(3, 2, 40 * groups)
    found = jackknife_interval(sample.mean(), left_out(np.mean, sample, groups))
    expected = t_interval(sample.reshape(groups, 40).mean(1).tolist())
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high), rel=1e-9
    )


def test_the_jackknife_by_hand():
    """Values 4 ± 0.1 around 4: v = 19/20 · 20 · 0.01, t(19) = 2.093024."""
    found = jackknife_interval(4.0, [3.9, 4.1] * 10)
    half = 2.0930240544 * math.sqrt(0.19)
    assert (found.value, found.low, found.high) == pytest.approx((4.0, 4 - half, 4 + half), rel=1e-9)


def test_the_jackknife_scatters_around_the_value():
    """All without a group are 0.1 above it: bias widens the interval."""
    found = jackknife_interval(4.0, [4.1] * 20)
    assert found.high - 4 == pytest.approx(2.0930240544 * math.sqrt(0.19), rel=1e-9)


@pytest.mark.parametrize("groups", [0, 1, 9])
def test_below_ten_groups_there_is_none(groups):
    assert jackknife_interval(2.0, [2.0] * groups) == Estimate(2.0, None, None)


@pytest.mark.parametrize(("n", "groups"), [(100, 20), (103, 20), (20, 20), (19, 20), (7, 3)])
def test_groups_are_equal_parts_of_the_whole(n, groups):
    parts = groups_of(n, groups)
    found = [list(range(n))[part] for part in parts]
    assert [i for part in found for i in part] == list(range(n))
    sizes = {len(part) for part in found}
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == groups


def test_the_jackknife_covers_a_mean_in_95_of_100_simulations():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        sample = rng.normal(1.0, 0.5, 60)
        found = jackknife_interval(sample.mean(), left_out(np.mean, sample))
        hits += found.low <= 1.0 <= found.high
    assert abs(hits - 1900) < 4 * 9.7


def test_the_jackknife_covers_a_frechet_distance():
    """Its mean over samples of this size; groups are taken out of merged statistics. Resampling covers it never."""
    d, n, sets = 8, 400, 80
    reference = Statistics(10**6, torch.zeros(d).double(), torch.eye(d).double() * (10**6 - 1))
    found = []
    for seed in range(sets):
        sample = 0.2 + torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        parts = [Statistics.of(sample[part]) for part in groups_of(n)]
        nothing = Statistics.of(sample[:0])
        without = [
            frechet_distance(reference, sum(parts[:g] + parts[g + 1 :], start=nothing)) for g in range(len(parts))
        ]
        found.append(jackknife_interval(frechet_distance(reference, sum(parts, start=nothing)), without))
    truth = np.mean([each.value for each in found])
    assert 0.9 <= np.mean([each.low <= truth <= each.high for each in found]) <= 1

"""Intervals from fewer than ten draws: by hand, and that nothing is printed where nothing can be said."""

import math

import numpy as np
import pytest
import torch

from kantor.evaluation import spreads
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.picture_comparison import PictureSetting, Reference
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.score_definition import DrawScores, applying
from kantor.evaluation.spreads import (
    CERTAIN,
    Spread,
    of_balls,
    of_frechet_distance,
    of_groups,
    of_left_out,
    of_mean,
    summed,
)
from kantor.metrics.frechet import frechet_distance, frechet_distance_of_features
from kantor.metrics.intervals import groups_of, t_interval
from kantor.metrics.kernel import cubic_kernel, kid
from kantor.metrics.statistics import Statistics

SETTING = PictureSetting(
    n_real=200, n_generated=200, k=5, classes=10, conditional=None, has_detections=False, transport=False,
    infinity=None, memory=None,
)  # fmt: skip
SCORES = applying(PICTURE_SCORES, SETTING)
NONE = {score.name for score in SCORES if isinstance(score.spread, str)}


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def features(n, seed, *, shift=0.0, d=6):
    x = normal(n, d, seed) + shift
    return Features(x, 2 * x[:, :3] + torch.tensor([shift, 0, 0]))


def test_one_draw_s_interval_is_that_of_its_spread():
    found = spreads.pooled_interval([3.0], [Spread(4.0, 10)])
    assert (found.value, found.low) == (3.0, pytest.approx(3 - 2.228138852 * 2))
    assert found.high == pytest.approx(3 + 2.228138852 * 2)


def test_equal_samples_say_nothing_of_others():
    """An interval of width 0 would never hold what it is for."""
    assert of_mean(torch.ones(50, dtype=torch.float64)) == "no interval where all samples score the same"
    assert isinstance(of_balls(torch.ones(50, dtype=torch.float64), share=False), str)
    assert isinstance(of_mean(torch.tensor([1.0, 2.0], dtype=torch.float64)), Spread)


def test_several_draws_halve_the_error_and_add_degrees_of_freedom():
    found = spreads.pooled_interval([1.0, 2.0, 3.0, 6.0], [Spread(4.0, 5)] * 4)
    assert found.value == 3.0
    assert found.high - 3 == pytest.approx(2.085963447 * 2 / math.sqrt(4))  # t of 20 degrees


def jackknife(value, scores):
    """The interval of one sample, by the scores without each of its groups."""
    return spreads.pooled_interval([value], [of_left_out(value, scores)])


def left_out(score, sample, groups=20):
    return [score(np.delete(sample, part, axis=0)) for part in groups_of(len(sample), groups)]


@pytest.mark.parametrize("groups", [10, 20])
def test_the_jackknife_of_a_mean_is_the_t_interval_of_its_group_means(groups):
    """Algebra: a mean without group g is off by (mean - group mean) / (G - 1)."""
    sample = np.random.default_rng(0).normal(3, 2, 40 * groups)
    found = jackknife(sample.mean(), left_out(np.mean, sample, groups))
    expected = t_interval(sample.reshape(groups, 40).mean(1).tolist())
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high), rel=1e-9
    )


def test_the_jackknife_by_hand():
    """Values 4 ± 0.1 around 4: v = 19/20 · 20 · 0.01, t(19) = 2.093024."""
    found = jackknife(4.0, [3.9, 4.1] * 10)
    half = 2.0930240544 * math.sqrt(0.19)
    assert (found.value, found.low, found.high) == pytest.approx((4.0, 4 - half, 4 + half), rel=1e-9)


def test_the_jackknife_scatters_around_the_value():
    """All without a group are 0.1 above it or more: bias widens the interval."""
    above = [0.1 + 0.001 * number for number in range(20)]
    found = jackknife(4.0, [4.0 + each for each in above])
    expected = 2.0930240544 * math.sqrt(19 / 20 * sum(each**2 for each in above))
    assert found.high - 4 == pytest.approx(expected, rel=1e-9)


def test_the_jackknife_covers_a_mean_in_95_of_100_simulations():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        sample = rng.normal(1.0, 0.5, 60)
        found = jackknife(sample.mean(), left_out(np.mean, sample))
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
        found.append(jackknife(frechet_distance(reference, sum(parts, start=nothing)), without))
    truth = np.mean([each.value for each in found])
    assert 0.9 <= np.mean([each.low <= truth <= each.high for each in found]) <= 1


def test_a_sum_has_the_variance_of_both_and_the_degrees_of_the_larger():
    """Two alike have the degrees of both; of one that is certain, those of the other."""
    assert summed(Spread(2.0, 9), Spread(2.0, 9)) == Spread(4.0, 18)
    assert summed(Spread(2.0, 9), CERTAIN) == summed(CERTAIN, Spread(2.0, 9)) == Spread(2.0, 9)
    assert summed(CERTAIN, CERTAIN).variance == 0


def test_of_a_mean_the_jackknife_over_groups_is_the_standard_error():
    values = normal(2000, 1, 0)
    by_groups, by_hand = of_groups(lambda part: float(part.mean()), values), of_mean(values[:, 0])
    assert by_hand == Spread(pytest.approx(float(values.std()) ** 2 / 2000), 1999)
    assert by_groups.degrees == 19
    means = torch.stack([values[group].mean() for group in groups_of(2000)])
    assert by_groups.variance == pytest.approx(float(means.var()) / 20)


@pytest.mark.parametrize("n", [200, 213])
def test_merged_statistics_give_the_distances_without_each_group(n):
    real, generated = features(150, 0).features, features(n, 1, shift=0.3).features
    found = of_frechet_distance(real, generated)
    kept = [torch.cat([generated[: group.start], generated[group.stop :]]) for group in groups_of(n)]
    distances = [frechet_distance_of_features(real, part) for part in kept]
    expected = of_left_out(frechet_distance_of_features(real, generated), distances)
    assert found == Spread(pytest.approx(expected.variance, rel=1e-6), 19)


@pytest.mark.parametrize(("n", "real", "there"), [(23, 100, True), (22, 100, False), (100, 20, False), (100, 21, True)])
def test_a_distance_whose_covariance_is_singular_without_a_group_has_no_spread(n, real, there):
    found = of_frechet_distance(normal(real, 20, 0), normal(n, 20, 1))
    assert isinstance(found, Spread if there else str)
    assert there or "20 dimensions" in found


def test_the_closed_form_of_kid_leaves_out_one_generated_feature_after_the_other():
    real, generated = features(30, 0).features, features(40, 1).features
    found = spreads.of_discrepancy(spreads.Discrepancy.of(real, generated, cubic_kernel))
    left_out = torch.tensor([kid(real, torch.cat([generated[:i], generated[i + 1 :]])) for i in range(40)])
    assert found == Spread(pytest.approx(39 * float(left_out.var(unbiased=False))), 39)
    few = spreads.of_discrepancy(spreads.Discrepancy.of(real, generated[:9], cubic_kernel))
    assert few == "no interval from fewer than 10 features on each side"


@pytest.mark.parametrize(
    ("inside", "share", "there"),
    [(9, True, False), (10, True, True), (90, True, True), (91, True, False), (91, False, True), (9, False, False)],
)
def test_balls_that_hold_few_or_nearly_all_give_no_spread(inside, share, there):
    values = torch.zeros(100, dtype=torch.float64)
    values[:inside] = 1
    found = of_balls(values, share=share)
    assert isinstance(found, Spread if there else str)
    if there:
        assert found.variance == pytest.approx(inside * (100 - inside) / 100**2 / 99)


def test_every_score_has_a_spread_or_a_reason():
    comparison = Reference(features(200, 0), SETTING).compare(features(200, 1, shift=0.5))
    found = DrawScores.of(SCORES, comparison, with_spreads=True).spreads
    assert {"recall", "coverage", "one_nn_accuracy", "one_nn_real", "one_nn_generated"} == NONE
    assert {name for name, spread in found.items() if isinstance(spread, str)} == NONE
    for name, spread in found.items():
        assert spread.startswith("no interval") if name in NONE else 0 < spread.variance < math.inf, name


def test_spreads_are_those_of_fresh_draws():
    """Within the error of 60 draws and of one draw's spread: a factor that leaves √n or n out by far."""
    reference = Reference(features(200, 0), SETTING)
    comparisons = [reference.compare(features(200, seed, shift=0.5)) for seed in range(1, 61)]
    scores = [DrawScores.of(SCORES, comparison, with_spreads=False).values for comparison in comparisons]
    found = [DrawScores.of(SCORES, comparison, with_spreads=True).spreads for comparison in comparisons[:8]]
    for name in scores[0].keys() - NONE:
        values = torch.tensor([each[name] for each in scores])
        inside = torch.tensor([each[name].variance for each in found]).mean()
        assert 0.5 < float(inside / values.var()) < 2.5, name


@pytest.mark.parametrize(
    ("left_out", "known"),
    [
        ([0.82] * 20, False),
        ([0.214, 0.21400000000000002, 0.21399999999999997] * 6 + [0.2, 0.3], False),  # rounding, and two that differ
        ([0.8 + 0.001 * number for number in range(20)], True),
    ],
)
def test_a_draw_that_scores_the_same_whatever_is_left_out_has_no_interval(left_out, known):
    """One of no width would say that the score is known for sure."""
    found = of_left_out(0.82, left_out)
    assert isinstance(found, Spread if known else str)
    estimate, reason = spreads.estimated([0.82], [found], None)
    assert (estimate.low is not None) == known
    assert known or reason == "no interval where leaving out most groups of samples changes nothing"


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ([0.3] * 10, False),
        ([0.1 + 0.2, 0.3] * 5, False),
        ([8.0] * 9 + [7.0], False),
        ([8.0] * 8 + [7.0] * 2, False),
        ([8.0] * 7 + [7.0] * 3, True),
    ],
)
def test_draws_that_mostly_score_the_same_have_no_interval(values, known):
    estimate, reason = spreads.estimated(values, [], None)
    assert (estimate.low is not None) == known
    assert known or reason == "no interval where most of 10 draws score the same"

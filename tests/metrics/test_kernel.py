"""Kernel distances against explicit loops, their variances against enumeration, and what they must do."""

import itertools
import math

import numpy as np
import pytest
import torch

from kantor.errors import UserError
from kantor.metrics import kernel as kernel_module
from kantor.metrics.kernel import Discrepancy, GaussianKernel, Within, cubic_kernel, kid, median_distance

KERNELS = {
    "cubic": cubic_kernel,
    "gaussian": GaussianKernel((1.5,)),
    "gaussians": GaussianKernel((0.5, 1.0, 2.0, 4.0)),
}
each = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())
of_one_width = pytest.mark.parametrize(
    "kernel",
    [
        pytest.param(made, id=name, marks=pytest.mark.long if name == "gaussians" else [])
        for name, made in KERNELS.items()
    ],
)
"""For what takes many trials: several widths are a sum."""


def cloud(n, seed=0, dimensions=4):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mmd2(real, generated, kernel):
    return Discrepancy.of(real, generated, kernel).mmd2


def jackknife_variances(real, generated, kernel):
    """Over the real and over the generated features."""
    return tuple(Discrepancy.of(*sets, kernel).jackknife_variance for sets in ((generated, real), (real, generated)))


def by_loops(real, generated, kernel):
    """The U-statistic, term by term."""

    def k(x, y):
        return float(kernel(x[None], y[None]))

    def within(points):
        pairs = list(itertools.permutations(range(len(points)), 2))
        return math.fsum(k(points[i], points[j]) for i, j in pairs) / len(pairs)

    between = math.fsum(k(x, y) for x in real for y in generated) / (len(real) * len(generated))
    return within(real) + within(generated) - 2 * between


def without(points, i):
    return torch.cat([points[:i], points[i + 1 :]])


@each
@pytest.mark.parametrize(("n", "m", "dimensions"), [(2, 2, 1), (5, 5, 3), (7, 4, 2), (3, 9, 6)])
def test_it_is_the_sum_over_pairs(kernel, n, m, dimensions):
    real, generated = cloud(n, 1, dimensions), cloud(m, 2, dimensions) + 0.3
    assert mmd2(real, generated, kernel) == pytest.approx(by_loops(real, generated, kernel), rel=1e-12)


def test_kid_has_the_cubic_kernel():
    real, generated = cloud(6, 1), cloud(5, 2) + 0.3
    assert kid(real, generated) == mmd2(real, generated, cubic_kernel)


def test_the_kernel_by_hand():
    """x·y = 1·3 + 2·(-1) = 1, d = 2: (½ + 1)³; and x·0 = 0."""
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.0, 0.0]])
    assert cubic_kernel(x, y).tolist() == [[3.375, 1.0]]


def test_single_points_twice_by_hand():
    """All real at 0, all generated at 1 (d = 1): 1 + 8 - 2·1."""
    assert kid(torch.zeros(2, 1).double(), torch.ones(3, 1).double()) == pytest.approx(7.0, rel=1e-15)


def test_gaussian_kernels_by_hand():
    """Distance 5: exp(-25/2σ²), averaged over the bandwidths."""
    x, y = torch.tensor([[0.0, 0.0]]).double(), torch.tensor([[3.0, 4.0], [0.0, 0.0]]).double()
    expected = (math.exp(-25 / 2) + math.exp(-25 / 50)) / 2
    assert GaussianKernel((1.0, 5.0))(x, y).tolist() == [pytest.approx([expected, 1.0], rel=1e-15)]


def test_mmd_of_single_points_twice_by_hand():
    """All real at 0, all generated at distance 2: 1 + 1 - 2 exp(-2²/2)."""
    real, generated = torch.zeros(2, 1).double(), torch.full((3, 1), 2.0).double()
    assert mmd2(real, generated, GaussianKernel((1.0,))) == pytest.approx(2 - 2 * math.exp(-2), rel=1e-15)


@pytest.mark.parametrize("n", [2, 3, 10, 11])
def test_the_median_distance_is_numpys(n):
    points = cloud(n)
    distances = sorted(float(torch.dist(a, b)) for a, b in itertools.combinations(points, 2))
    assert median_distance(points) == pytest.approx(distances[(len(distances) - 1) // 2], rel=1e-12)


def test_the_median_distance_of_many_takes_every_second_or_third():
    points = cloud(30)
    assert median_distance(points, at_most=10) == median_distance(points[::3])
    assert median_distance(points, at_most=20) == median_distance(points[::2])
    assert median_distance(points, at_most=30) == median_distance(points)


def test_bandwidths_around_the_median_follow_the_scale():
    """Of the real features alone; the score then has no unit."""
    real, generated = cloud(30, 1), cloud(40, 2) + 1
    kernel = GaussianKernel.around_median(real, multiples=(0.5, 2))
    assert kernel.bandwidths == (median_distance(real) / 2, median_distance(real) * 2)
    wide = GaussianKernel.around_median(100 * real, multiples=(0.5, 2))
    assert mmd2(100 * real, 100 * generated, wide) == pytest.approx(mmd2(real, generated, kernel), rel=1e-9)


@pytest.mark.parametrize("bandwidths", [(), (1.0, 0.0), (-1.0,)])
def test_bandwidths_are_above_0(bandwidths):
    with pytest.raises(AssertionError):
        GaussianKernel(bandwidths)


def test_the_diagonal_is_left_out():
    """With it the estimate is biased upwards, by (mean of k(x, x) - mean of the others) / n for each set."""

    def kernel(x, y):
        return torch.where(x == y.T, 100.0, 1.5 + (x * y.T > 0) / 2)

    real, generated = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[-1.0], [-2.0]]).double()
    assert mmd2(real, generated, kernel) == pytest.approx(2 + 2 - 3)


@each
@pytest.mark.parametrize("block", [1, 7, 23 * 4, 10**6])
def test_blocks_change_nothing(kernel, block, monkeypatch):
    real, generated = cloud(23, 1), cloud(17, 2) + 0.5
    expected = Discrepancy.of(real, generated, kernel)
    monkeypatch.setattr(kernel_module, "BLOCK", block)
    found = Discrepancy.of(real, generated, kernel)
    assert found.mmd2 == pytest.approx(expected.mmd2, rel=1e-12)
    assert found.jackknife_variance == pytest.approx(expected.jackknife_variance, rel=1e-9)


def test_blocks_hold_no_more_than_they_may(monkeypatch):
    held = []

    def kernel(x, y):
        held.append(len(x) * len(y))
        return x @ y.T

    monkeypatch.setattr(kernel_module, "BLOCK", 100)
    Discrepancy.of(cloud(33, 1), cloud(50, 2), kernel)
    assert 50 < max(held) <= 100


@each
def test_the_references_own_sums_serve_again(kernel):
    real, generated = cloud(20, 1), cloud(30, 2)
    within = Within.of(real, kernel)
    asked = []

    def counting(x, y):
        asked.append((len(x), len(y)))
        return kernel(x, y)

    found = Discrepancy.of(real, generated, counting, within_real=within)
    assert found.mmd2 == mmd2(real, generated, kernel)
    assert sorted(asked) == [(20, 30), (30, 30)]


LAWS = {"equal": (0.3, 0.3), "different": (0.3, 0.6), "certain": (0.5, 1.0)}


@pytest.mark.parametrize(("n", "m"), [(4, 4), (5, 4), (4, 6)])
@pytest.mark.parametrize(("p", "q"), LAWS.values(), ids=LAWS.keys())
def test_the_estimate_is_unbiased_and_its_jackknife_too_large(p, q, n, m):
    """All samples of coins that fall on 0 or 1, with their probabilities."""
    moments = np.zeros(3)
    for ones in itertools.product(range(n + 1), range(m + 1)):
        weight = math.prod(
            math.comb(size, k) * law**k * (1 - law) ** (size - k)
            for size, k, law in zip((n, m), ones, (p, q), strict=True)
        )
        real, generated = ((torch.arange(size) < k).double()[:, None] for size, k in zip((n, m), ones, strict=True))
        found = mmd2(real, generated, cubic_kernel)
        moments += weight * np.array([found, found**2, sum(jackknife_variances(real, generated, cubic_kernel))])
    mean, square, jackknife = moments
    # k is 1, but 8 between two ones: MMD² = 7 (p - q)²
    assert mean == pytest.approx(7 * (p - q) ** 2, abs=1e-12)
    assert jackknife > square - mean**2  # Efron and Stein


@each
@pytest.mark.parametrize(("n", "m"), [(3, 3), (8, 5), (4, 11)])
def test_the_jackknife_is_the_one_that_leaves_each_out(kernel, n, m):
    real, generated = cloud(n, 1), cloud(m, 2) + 0.3
    by_real = np.array([mmd2(without(real, i), generated, kernel) for i in range(n)])
    by_generated = np.array([mmd2(real, without(generated, j), kernel) for j in range(m)])
    expected = (by_real.var() * (n - 1), by_generated.var() * (m - 1))
    assert jackknife_variances(real, generated, kernel) == pytest.approx(expected, rel=1e-8)


def fresh_sets(kernel, shift):
    """Of 300 pairs of sets MMD², and its variance by the jackknife over both."""
    pairs = [(cloud(60, 2 * seed), cloud(50, 2 * seed + 1) + shift) for seed in range(300)]
    found = [(mmd2(*pair, kernel), sum(jackknife_variances(*pair, kernel))) for pair in pairs]
    return np.array(found).T


@of_one_width
def test_the_variance_is_that_of_fresh_sets_and_an_interval_of_two_errors_covers_the_truth(kernel):
    """Of distributions that differ; 300 values have a variance that is known to 8%, of 300 intervals 95% ± 4 · 1.3%."""
    found, variances = fresh_sets(kernel, 0.7)
    assert variances.mean() / found.var(ddof=1) == pytest.approx(1.05, abs=0.25)
    assert np.mean(np.abs(found - found.mean()) < 1.96 * np.sqrt(variances)) == pytest.approx(0.95, abs=0.05)


@of_one_width
def test_of_equal_distributions_the_jackknife_is_too_large_and_at_most_twice(kernel):
    found, variances = fresh_sets(kernel, 0)
    assert 1.3 < variances.mean() / found.var(ddof=1) < 2.6


def test_equal_distributions_score_0_on_average_and_either_sign():
    found = torch.tensor([kid(cloud(60, 2 * seed), cloud(60, 2 * seed + 1)) for seed in range(200)])
    error = float(found.std()) / math.sqrt(len(found))
    assert abs(float(found.mean())) < 3 * error
    assert 0.2 < float((found < 0).double().mean()) < 0.9


def test_a_set_and_itself_score_below_0():
    """The diagonal, which is missing within, is there between: -2 (mean of k(x, x) - mean of the others) / n."""
    points = cloud(50)
    kernel = cubic_kernel(points, points)
    own = float(kernel.diagonal().mean())
    others = (float(kernel.sum()) - 50 * own) / (50 * 49)
    assert kid(points, points) == pytest.approx(-2 * (own - others) / 50, rel=1e-10)


@each
def test_it_grows_with_the_shift(kernel):
    found = [mmd2(cloud(80, 1), cloud(80, 2) + shift, kernel) for shift in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 4


@each
def test_it_grows_with_noise(kernel):
    found = [mmd2(cloud(80, 1), cloud(80, 2) + scale * cloud(80, 3), kernel) for scale in (0.0, 1.0, 2.0, 4.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 3


@each
def test_it_is_symmetric(kernel):
    real, generated = cloud(30, 1), cloud(45, 2) + 1
    assert mmd2(real, generated, kernel) == pytest.approx(mmd2(generated, real, kernel), rel=1e-12)


@each
def test_the_order_of_features_does_not_matter(kernel):
    real, generated = cloud(100, 1), cloud(90, 2) + 0.5
    shuffled = mmd2(real.flip(0), generated[torch.randperm(90, generator=torch.Generator().manual_seed(0))], kernel)
    assert shuffled == pytest.approx(mmd2(real, generated, kernel), rel=1e-11)


@each
def test_a_rotation_of_the_features_does_not_matter(kernel):
    rotation, _ = torch.linalg.qr(cloud(4, 9))
    real, generated = cloud(40, 1), cloud(40, 2) + 1
    assert mmd2(real @ rotation, generated @ rotation, kernel) == pytest.approx(
        mmd2(real, generated, kernel), rel=1e-10
    )


def test_features_in_float32_are_refused():
    with pytest.raises(AssertionError):
        kid(cloud(5).float(), cloud(5).float())


def test_equal_features_give_no_bandwidth():
    features = torch.zeros(10, 2, dtype=torch.float64)
    features[0] = 1
    with pytest.raises(UserError, match=r"most of the real features are equal.*expected different pictures"):
        GaussianKernel.around_median(features, multiples=(1.0,))

"""The Fréchet distance against closed forms, scipy's matrix root and itself by another way."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch

from kantor.errors import UserError
from kantor.metrics.frechet import frechet_distance, frechet_distance_of_features, frechet_infinity
from kantor.metrics.statistics import Statistics


def of_statistics(real, generated):
    return frechet_distance(Statistics.of(real), Statistics.of(generated))


each = pytest.mark.parametrize("distance", [of_statistics, frechet_distance_of_features])
# features each, dimensions: both full rank, one deficient, the other, both, both with n = m
sizes = pytest.mark.parametrize(
    ("n", "m", "d"), [(60, 80, 8), (300, 12, 20), (12, 300, 20), (15, 9, 30), (10, 10, 40), (21, 20, 20), (2, 2, 5)]
)


def cloud(n, seed=0, dimensions=6, *, spectrum=1.0):
    """Correlated features; their scales fall from 1 to `spectrum`."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64) / dimensions**0.5
    scales = torch.logspace(0, math.log10(spectrum), dimensions, dtype=torch.float64)
    return torch.randn(n, dimensions, generator=generator, dtype=torch.float64) @ (scales[:, None] * mixing)


def gaussian(mean, covariance, n=1000):
    covariance = torch.as_tensor(covariance, dtype=torch.float64)
    return Statistics(n, torch.as_tensor(mean, dtype=torch.float64), covariance * (n - 1))


def by_scipy(real, generated):
    """The formula as written, with scipy's matrix root."""
    x, y = real.numpy(), generated.numpy()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    difference = x.mean(0) - y.mean(0)
    root = scipy.linalg.sqrtm(s @ t).real
    return float(difference @ difference + np.trace(s) + np.trace(t) - 2 * np.trace(root))


def by_singular_values(real, generated):
    """tr (Σ_1 Σ_2)^½ is the sum of the singular values of X Yᵀ: no root of a small difference, any rank."""
    x, y = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (real, generated))
    difference = real.mean(0) - generated.mean(0)
    root = torch.linalg.matrix_norm(x @ y.T, ord="nuc")
    return float(difference @ difference + x.square().sum() + y.square().sum() - 2 * root)


@pytest.mark.parametrize("variances", [([4.0, 9.0], [1.0, 16.0]), ([1.0, 0.0], [0.0, 1.0]), ([2.0, 3.0], [0.0, 0.0])])
def test_of_diagonal_covariances(variances):
    """Σ (σ - τ)², also where some of them are 0, which Cholesky refuses."""
    s, t = (np.array(v) for v in variances)
    found = frechet_distance(gaussian([0, 0], np.diag(s)), gaussian([0, 0], np.diag(t)))
    assert found == pytest.approx(((np.sqrt(s) - np.sqrt(t)) ** 2).sum(), rel=1e-12)


def test_equal_covariances_leave_the_squared_difference_of_the_means():
    covariance = torch.cov(cloud(50).T)
    real, generated = gaussian([1, 2, 3, 4, 5, 6], covariance), gaussian([1, 2, 3, 4, 8, 10], covariance)
    assert frechet_distance(real, generated) == pytest.approx(3**2 + 4**2, rel=1e-12)


def test_of_commuting_covariances():
    """Equal eigenvectors: the sum over (√λ - √μ)²."""
    basis, _ = torch.linalg.qr(cloud(6))
    a, b = torch.tensor([1.0, 4, 9, 16, 25, 36]).double(), torch.tensor([9.0, 1, 9, 4, 49, 1]).double()
    found = frechet_distance(gaussian([0] * 6, basis * a @ basis.T), gaussian([0] * 6, basis * b @ basis.T))
    assert found == pytest.approx(4 + 1 + 0 + 4 + 4 + 25, rel=1e-12)


def test_of_one_dimension():
    real, generated = torch.tensor([[0.0], [2.0]]).double(), torch.tensor([[3.0], [5.0], [7.0]]).double()
    expected = (1 - 5) ** 2 + (math.sqrt(2) - math.sqrt(4)) ** 2
    assert of_statistics(real, generated) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance_of_features(real, generated) == pytest.approx(expected, rel=1e-12)


@each
@pytest.mark.parametrize("spectrum", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("d", [3, 20, 64])
def test_it_is_scipys(distance, d, spectrum):
    real, generated = cloud(3 * d, 1, d, spectrum=spectrum), cloud(4 * d, 2, d, spectrum=spectrum) + 0.1
    assert distance(real, generated) == pytest.approx(by_scipy(real, generated), rel=1e-8)


@each
@sizes
def test_any_rank_gives_the_same_number(distance, n, m, d):
    real, generated = cloud(n, 1, d), cloud(m, 2, d) + 0.3
    assert distance(real, generated) == pytest.approx(by_singular_values(real, generated), rel=1e-9)


@each
def test_coordinates_that_never_move(distance):
    """More features than dimensions, and yet singular: pixels at the rim of digits."""
    real, generated = cloud(60, 1, 10), cloud(50, 2, 10)
    expected = distance(real[:, :7], generated[:, :7])
    real[:, 7:], generated[:, 7:] = 5.0, 5.0
    assert distance(real, generated) == pytest.approx(expected, rel=1e-9)


@each
@sizes
def test_a_set_and_itself(distance, n, m, d):
    real = cloud(n, 1, d)
    assert distance(real, real.clone()) < 1e-12 * float(Statistics.of(real).covariance.trace())


@each
@sizes
def test_a_shift_costs_its_square(distance, n, m, d):
    real = cloud(n, 1, d)
    assert distance(real, real + 0.7) == pytest.approx(0.49 * d, rel=1e-9)


@each
@sizes
def test_it_is_symmetric(distance, n, m, d):
    real, generated = cloud(n, 1, d), cloud(m, 2, d) + 0.3
    assert distance(real, generated) == pytest.approx(distance(generated, real), rel=1e-9)


@each
@sizes
def test_order_rotation_and_reflection_do_not_matter(distance, n, m, d):
    real, generated = cloud(n, 1, d), cloud(m, 2, d) + 0.3
    rotation, _ = torch.linalg.qr(cloud(d, 9, d))
    expected = distance(real, generated)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    assert distance(real[order], generated.flip(0)) == pytest.approx(expected, rel=1e-9)
    assert distance(real @ rotation + 3, generated @ rotation + 3) == pytest.approx(expected, rel=1e-9)
    assert distance(-2 * real, -2 * generated) == pytest.approx(4 * expected, rel=1e-9)


@each
def test_it_is_never_negative(distance):
    for seed in range(30):
        real = cloud(40, seed, 5, spectrum=1e-6)
        assert distance(real, real + 1e-9 * cloud(40, 100 + seed, 5)) >= 0


@each
@sizes
def test_it_grows_with_noise(distance, n, m, d):
    real, generated, noise = cloud(n, 1, d), cloud(m, 1, d), cloud(m, 3, d)
    found = [distance(real, generated + scale * noise) for scale in (0.0, 2.0, 4.0, 8.0, 16.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 4


def test_fewer_features_score_higher():
    """Equal distributions; the bias goes like 1/n."""
    found = {}
    for n in (40, 80, 160, 320):
        drawn = [torch.randn(2, n, 6, generator=torch.Generator().manual_seed(seed)).double() for seed in range(40)]
        found[n] = float(np.mean([of_statistics(real, generated) for real, generated in drawn]))
    for n in (40, 80, 160):
        assert found[n] / found[2 * n] == pytest.approx(2, abs=0.4)


@pytest.mark.parametrize("n", [6, 7, 5])
def test_both_ways_meet_where_they_part(n):
    """n = d - 1, d, d + 1."""
    real, generated = cloud(n, 1), cloud(9, 2)
    assert frechet_distance_of_features(real, generated) == pytest.approx(of_statistics(real, generated), rel=1e-9)


@each
def test_features_that_are_no_numbers_are_refused(distance):
    real = cloud(4)
    real[1, 2] = math.nan
    with pytest.raises(UserError, match="1 of 4 rows"):
        distance(real, cloud(5))


@each
def test_one_feature_has_no_covariance(distance):
    with pytest.raises(AssertionError):
        distance(cloud(1), cloud(20))


def test_infinity_is_where_the_line_ends():
    sizes = [100, 200, 400, 1000]
    assert frechet_infinity(sizes, [3 + 50 / n for n in sizes]) == pytest.approx(3, rel=1e-12)
    assert frechet_infinity([10, 20], [5.0, 4.0]) == pytest.approx(3.0)


def test_infinity_is_numpys_line():
    rng = np.random.default_rng(0)
    sizes = [500, 700, 1000, 1500, 2500, 5000]
    scores = 2 + 30 / np.array(sizes) + rng.normal(0, 0.01, 6)
    expected = np.polyfit(1 / np.array(sizes), scores, 1)[1]
    assert frechet_infinity(sizes, scores.tolist()) == pytest.approx(expected, rel=1e-10)


def test_infinity_removes_the_bias_of_the_generated_side():
    """The reference is the true law; equal distributions then have 0 at infinity."""
    d, sizes = 6, [60, 90, 150, 400]
    reference = gaussian([0] * d, torch.eye(d), n=10**6)
    found = []
    for seed in range(60):
        drawn = torch.randn(400, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found.append(frechet_infinity(sizes, [frechet_distance(reference, Statistics.of(drawn[:n])) for n in sizes]))
    at_400 = frechet_distance(reference, Statistics.of(drawn))
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(60) + 0.003
    assert abs(np.mean(found)) < at_400 / 5


def test_infinity_needs_two_sizes():
    with pytest.raises(AssertionError):
        frechet_infinity([100, 100], [1.0, 1.1])

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from kantor.metrics.divergences import common_histograms, jensen_shannon, kl, total_variation

LOG2 = math.log(2)
# name: (function, symmetric, largest value)
DIVERGENCES = {
    "tv": (total_variation, True, 1.0),
    "kl": (kl, False, math.inf),
    "js": (jensen_shannon, True, LOG2),
}
each = pytest.mark.parametrize(("divergence", "symmetric", "largest"), DIVERGENCES.values(), ids=DIVERGENCES.keys())


def shares(k, seed, *, empty=0):
    drawn = np.random.default_rng(seed).gamma(0.7, size=k)
    drawn[:empty] = 0
    return drawn / drawn.sum()


@pytest.mark.parametrize("empty", [0, 3])
def test_against_scipy(empty):
    for seed in range(20):
        p, q = shares(10, seed, empty=empty), shares(10, 100 + seed)
        assert kl(p, q) == pytest.approx(entropy(p, q), rel=1e-10)
        assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-10)
        assert total_variation(p, q) == pytest.approx(np.maximum(p - q, 0).sum(), rel=1e-10)


@each
def test_equal_histograms_have_none(divergence, symmetric, largest):
    for seed in range(5):
        p = shares(8, seed, empty=2)
        assert divergence(p, p.copy()) == 0


@each
def test_disjoint_histograms_have_the_largest(divergence, symmetric, largest):
    assert divergence(np.array([0.3, 0.7, 0, 0]), np.array([0, 0, 0.5, 0.5])) == pytest.approx(largest)


@each
def test_symmetry_where_it_holds(divergence, symmetric, largest):
    p, q = shares(10, 1), shares(10, 2)
    if symmetric:
        assert divergence(p, q) == pytest.approx(divergence(q, p), rel=1e-12)
    else:
        assert abs(divergence(p, q) - divergence(q, p)) > 0.01


@each
def test_values_stay_within_their_bounds(divergence, symmetric, largest):
    for seed in range(50):
        value = divergence(shares(6, seed, empty=seed % 4), shares(6, 1000 + seed))
        assert 0 < value <= largest


@each
def test_permuting_the_cells_changes_nothing(divergence, symmetric, largest):
    p, q, order = shares(10, 1, empty=2), shares(10, 2), np.random.default_rng(0).permutation(10)
    assert divergence(p[order], q[order]) == pytest.approx(divergence(p, q), rel=1e-12)


@each
def test_merging_cells_never_adds(divergence, symmetric, largest):
    """Data processing inequality."""
    for seed in range(20):
        p, q = shares(8, seed), shares(8, 50 + seed)
        merged = divergence(p.reshape(4, 2).sum(1), q.reshape(4, 2).sum(1))
        assert merged <= divergence(p, q) + 1e-12


def test_pinskers_inequality():
    for seed in range(20):
        p, q = shares(8, seed), shares(8, 50 + seed)
        assert total_variation(p, q) <= math.sqrt(kl(p, q) / 2) + 1e-12


def test_kl_is_infinite_only_where_q_misses_p():
    p, q = np.array([0.5, 0.5, 0]), np.array([1.0, 0, 0])
    assert kl(p, q) == math.inf
    assert kl(q, p) == pytest.approx(LOG2)


def test_kl_of_coins_in_closed_form():
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    assert kl(p, q) == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    assert total_variation(p, q) == pytest.approx(0.25)


def test_common_histograms_are_shares_on_one_grid():
    rng = np.random.default_rng(0)
    real, generated = rng.normal(0, 1, (500, 2)), rng.normal(1, 1, (300, 2))
    p, q = common_histograms(real, generated, bins=8)
    both = np.concatenate([real, generated])
    edges = [np.linspace(both[:, axis].min(), both[:, axis].max(), 9) for axis in (0, 1)]
    for found, points in ((p, real), (q, generated)):
        expected = np.histogram2d(points[:, 0], points[:, 1], bins=edges)[0].ravel() / len(points)
        assert found == pytest.approx(expected, abs=1 / len(points) + 1e-12)  # a point on an edge may go either way
        assert found.sum() == pytest.approx(1)
    assert p.shape == q.shape == (64,)


def test_common_histograms_of_equal_sets_are_equal():
    points = np.random.default_rng(0).normal(0, 1, (100, 2))
    p, q = common_histograms(points, points[::-1], bins=5)
    assert (p == q).all()


@pytest.mark.parametrize("theta", [0.5, -0.01, 1e-6])
def test_parallel_lines_share_no_cell(theta):
    """However near: JS = log 2, TV = 1, KL = ∞; that is the example's point."""
    z = (np.arange(64) + 0.5) / 64
    p, q = common_histograms(np.stack([np.zeros(64), z], 1), np.stack([np.full(64, theta), z], 1), bins=16)
    assert jensen_shannon(p, q) == pytest.approx(LOG2)
    assert total_variation(p, q) == pytest.approx(1)
    assert kl(p, q) == math.inf


def test_equal_lines_share_all_cells_although_they_have_no_width():
    z = (np.arange(64) + 0.5) / 64
    line = np.stack([np.zeros(64), z], 1)
    p, q = common_histograms(line, line.copy(), bins=16)
    assert (jensen_shannon(p, q), total_variation(p, q), kl(p, q)) == (0, 0, 0)
    assert np.count_nonzero(p) == 16


def test_one_point_repeated_is_one_cell():
    p, q = common_histograms(np.ones((5, 2)), np.ones((3, 2)), bins=4)
    assert p.max() == q.max() == 1 and p.argmax() == q.argmax()

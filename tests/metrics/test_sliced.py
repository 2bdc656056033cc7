import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from kantor.metrics.sliced import directions, sliced_w1_in_space, w1_on_lines
from kantor.metrics.transport import wasserstein


def cloud(n, seed=0, dimensions=3):
    return np.random.default_rng(seed).standard_normal((n, dimensions))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (40, 40), (40, 25), (7, 90)])
def test_on_a_line_w1_is_scipys(n, m):
    x, y = cloud(n, 1), cloud(m, 2) * [2.0, 1.0, 0.1] + [0.5, 0.0, 7.0]
    expected = [wasserstein_distance(x[:, axis], y[:, axis]) for axis in range(3)]
    assert w1_on_lines(x, y) == pytest.approx(np.array(expected), rel=1e-12)


def test_half_the_mass_moves_by_two():
    assert w1_on_lines(np.array([[0], [10]]), np.array([[0], [12], [0], [12]])).tolist() == [1.0]


def test_equal_sets_are_at_no_distance_whatever_their_sizes_and_order():
    points = np.random.default_rng(0).integers(0, 5, (30, 3))
    assert w1_on_lines(points, np.concatenate([points, points])[::-1]).tolist() == [0, 0, 0]


def test_directions_are_unit_vectors_that_favour_none():
    found = directions(64)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(64), rel=1e-12)
    assert 3 * found.T @ found / 64 == pytest.approx(np.eye(3), abs=0.03)


@pytest.mark.parametrize("shift", [(9.0, 0.0, 0.0), (0.0, -9.0, 0.0), (0.0, 0.0, 9.0), (3.0, -4.0, 12.0)])
def test_a_shift_costs_its_length(shift):
    x = cloud(50)
    assert sliced_w1_in_space(x, x + shift) == pytest.approx(np.linalg.norm(shift), rel=0.015)


@pytest.mark.parametrize("seed", range(1, 6))
def test_it_is_symmetric_and_at_most_w1(seed):
    x, y = cloud(60, seed), cloud(45, seed + 100) * (1 + seed) + seed
    found = sliced_w1_in_space(x, y)
    assert found == pytest.approx(sliced_w1_in_space(y, x), rel=1e-12)
    assert 0.5 * wasserstein(x, y, order=1) < found < 1.015 * wasserstein(x, y, order=1)


def test_it_sees_more_than_the_axes_do():
    """Grey levels against channels that are shuffled by themselves: equal along each axis, not in space."""
    x = np.repeat(np.arange(100.0)[:, None], 3, 1)
    y = np.stack([np.random.default_rng(axis).permutation(100) for axis in range(3)], 1)
    assert w1_on_lines(x, y).tolist() == [0, 0, 0]
    assert sliced_w1_in_space(x, y) > 10

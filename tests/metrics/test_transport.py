import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from kantor.metrics.transport import wasserstein

orders = pytest.mark.parametrize("order", [1, 2])


def cloud(n, seed=0, dimensions=2):
    return np.random.default_rng(seed).standard_normal((n, dimensions))


@orders
@pytest.mark.parametrize("shift", [(0.3, 0.4), (-3.0, 4.0), (0.0, 0.01)])
def test_a_shift_costs_its_length(order, shift):
    points = cloud(60)
    length = float(np.hypot(*shift))
    assert wasserstein(points, points + np.array(shift), order=order) == pytest.approx(length, rel=1e-9)


@orders
@pytest.mark.parametrize("offset", [0.0, 10.0, 1000.0])
def test_the_order_of_points_costs_nothing(order, offset):
    """Exact: the distance of a set from itself is 0 to the rounding of the coordinates, wherever the set lies.

    Distances computed as sqrt(|x|² + |y|² - 2xy) lose half of the digits: 1e-8 where coordinates are near 1.
    """
    points = cloud(50) + offset
    assert wasserstein(points, points[::-1], order=order) == pytest.approx(0, abs=1e-13 * max(1.0, offset))


@orders
def test_small_distances_have_all_their_digits(order):
    points = cloud(50)
    assert wasserstein(points, points + np.array([1e-6, 0.0]), order=order) == pytest.approx(1e-6, rel=1e-8)


@orders
def test_single_points_are_as_far_apart_as_they_are(order):
    assert wasserstein(np.zeros((1, 2)), np.array([[3.0, 4.0]]), order=order) == pytest.approx(5.0)


def test_orders_weigh_distances_differently():
    """Half the mass stays, half moves by 2: W1 = 1, W2 = sqrt(½·4)."""
    real, generated = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, 0.0], [12.0, 0.0]])
    assert wasserstein(real, generated, order=1) == pytest.approx(1.0)
    assert wasserstein(real, generated, order=2) == pytest.approx(2**0.5)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 25), (7, 90)])
def test_on_a_line_w1_is_scipys(n, m):
    x, y = cloud(n, 1, 1)[:, 0], cloud(m, 2, 1)[:, 0] * 2 + 0.5
    direction = np.array([0.6, 0.8])
    found = wasserstein(x[:, None] * direction, y[:, None] * direction, order=1)
    assert found == pytest.approx(wasserstein_distance(x, y), rel=1e-9)


@pytest.mark.parametrize("dimensions", [2, 5, 2048])
@orders
def test_equal_sizes_are_an_assignment(order, dimensions):
    x, y = cloud(40, 1, dimensions), cloud(40, 2, dimensions) * 1.5
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1) ** order
    best = cost[linear_sum_assignment(cost)].mean() ** (1 / order)
    assert wasserstein(x, y, order=order) == pytest.approx(best, rel=1e-9)


@orders
def test_unequal_sizes_share_mass(order):
    """One point against two at distances 1 and 3: each carries a half."""
    real, generated = np.zeros((1, 2)), np.array([[1.0, 0.0], [0.0, 3.0]])
    expected = {1: 2.0, 2: 5**0.5}[order]
    assert wasserstein(real, generated, order=order) == pytest.approx(expected)
    assert wasserstein(generated, real, order=order) == pytest.approx(expected)


@orders
def test_repeating_a_set_changes_nothing(order):
    x, y = cloud(15, 1), cloud(20, 2)
    assert wasserstein(np.concatenate([x, x]), y, order=order) == pytest.approx(wasserstein(x, y, order=order))


@orders
def test_it_is_symmetric(order):
    x, y = cloud(30, 1), cloud(45, 2)
    assert wasserstein(x, y, order=order) == pytest.approx(wasserstein(y, x, order=order), rel=1e-12)


@orders
def test_the_triangle_inequality_holds(order):
    for seed in range(10):
        x, y, z = (cloud(20, 3 * seed + k) * (1 + k) for k in range(3))
        xy, yz, xz = (wasserstein(a, b, order=order) for a, b in ((x, y), (y, z), (x, z)))
        assert xz <= xy + yz + 1e-12


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 17)])
def test_w1_is_at_most_w2(n, m):
    for seed in range(10):
        x, y = cloud(n, seed), cloud(m, 100 + seed) * 2
        assert wasserstein(x, y, order=1) <= wasserstein(x, y, order=2) + 1e-12


@orders
def test_scaling_scales_it(order):
    x, y = cloud(25, 1), cloud(25, 2)
    assert wasserstein(7 * x, 7 * y, order=order) == pytest.approx(7 * wasserstein(x, y, order=order), rel=1e-9)


@orders
def test_it_grows_with_the_shift(order):
    x = cloud(40, 1)
    found = [wasserstein(x, cloud(40, 2) + np.array([s, 0.0]), order=order) for s in (2.0, 3.0, 4.0, 5.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 3


@orders
def test_float32_points_are_computed_in_float64(order):
    x, y = cloud(30, 1).astype(np.float32), cloud(30, 2).astype(np.float32)
    exact = wasserstein(x.astype(np.float64), y.astype(np.float64), order=order)
    assert wasserstein(x, y, order=order) == exact


@orders
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_small_distances_in_many_dimensions_have_all_their_digits(order, offset):
    points = cloud(20, dimensions=2048) + offset
    moved = points + 1e-6 / 2048**0.5
    assert wasserstein(points, moved, order=order) == pytest.approx(1e-6, rel=1e-8 if offset == 0 else 1e-4)

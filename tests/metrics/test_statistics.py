"""Moments of features: against numpy, and exactly as a whole however they are cut."""

import functools
import itertools
import operator

import numpy as np
import pytest
import torch

from kantor.errors import UserError
from kantor.metrics.statistics import Statistics


def cloud(n, seed=0, dimensions=4, *, mean=0.0):
    drawn = torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return mean + drawn @ torch.linspace(0.2, 2, dimensions**2, dtype=torch.float64).view(dimensions, dimensions)


def assert_equal(found, expected, *, relative=1e-12):
    """To 1e-12 of the largest entry of the scatter, and of the mean."""
    assert found.n == expected.n
    torch.testing.assert_close(found.mean, expected.mean, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(
        found.scatter, expected.scatter, rtol=0, atol=relative * float(expected.scatter.abs().max())
    )


def in_one(features):
    return Statistics.of(features)


def merged(features):
    return functools.reduce(operator.add, [Statistics.of(part) for part in features.split([7, 1, 30, 62])])


each = pytest.mark.parametrize("statistics", [in_one, merged])


@each
@pytest.mark.parametrize("mean", [0.0, 3.0, 1e4])
def test_mean_and_covariance_are_numpys(statistics, mean):
    features = cloud(100, mean=mean)
    found = statistics(features)
    centred = features.numpy() - mean  # exact up to the rounding of the features themselves
    expected = np.cov(centred, rowvar=False)
    assert found.n == 100
    assert found.mean.numpy() == pytest.approx(features.numpy().mean(0), rel=1e-13)
    assert found.covariance.numpy() == pytest.approx(expected, rel=1e-9)


@each
def test_three_points_by_hand(statistics):
    """(0, 0), (2, 0), (1, 3): mean (1, 1), M2 = [[2, 0], [0, 6]]; repeated as often as the cuts need."""
    points = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]], dtype=torch.float64).repeat(34, 1)[:100]
    points = torch.cat([points[:99], points.new_tensor([[1.0, 1.0]])])
    found = statistics(points)
    torch.testing.assert_close(found.mean, points.new_tensor([1.0, 1.0]))
    torch.testing.assert_close(found.scatter, points.new_tensor([[66.0, 0.0], [0.0, 198.0]]))


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("sizes", [(50, 50), (1, 99), (3, 40, 57), (1, 1, 1, 97), (25, 25, 25, 25)])
def test_parts_in_any_order_are_the_whole(sizes, mean):
    features = cloud(100, mean=mean)
    whole = Statistics.of(features)
    parts = features.split(list(sizes))
    for order in itertools.permutations(parts):
        assert_equal(functools.reduce(operator.add, map(Statistics.of, order)), whole)


def test_a_tree_of_merges_is_a_chain():
    a, b, c, d = (Statistics.of(part) for part in cloud(100, mean=1e4).split(25))
    assert_equal((a + b) + (c + d), ((a + b) + c) + d)


def test_parts_far_apart_are_the_whole():
    features = torch.cat([cloud(40, 1), cloud(60, 2) + 1e3])
    assert_equal(Statistics.of(features[:40]) + Statistics.of(features[40:]), Statistics.of(features))


def test_nothing_adds_nothing():
    nothing, some = Statistics.of(cloud(0)), Statistics.of(cloud(10))
    assert nothing.n == 0 and nothing.scatter.shape == (4, 4)
    for found in (nothing + some, some + nothing):
        assert found.n == 10 and found.mean.equal(some.mean) and found.scatter.equal(some.scatter)
    assert (nothing + nothing).n == 0


def test_single_features_have_no_scatter_and_no_covariance():
    one = Statistics.of(cloud(1))
    assert one.scatter.eq(0).all() and one.mean.equal(cloud(1)[0])
    with pytest.raises(AssertionError):
        _ = one.covariance


@each
def test_scatter_is_symmetric_to_the_bit(statistics):
    found = statistics(cloud(100, mean=3.0))
    assert found.scatter.equal(found.scatter.T)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_are_refused(value):
    features = cloud(10)
    features[2, 1] = features[2, 3] = features[7, 0] = value
    with pytest.raises(UserError, match="2 of 10 rows"):
        Statistics.of(features)


def test_features_in_float32_are_refused():
    with pytest.raises(AssertionError):
        Statistics.of(cloud(5).float())

"""Distances are those of differences wherever a comparison may turn on them, and copies are copies."""

import pytest
import torch

from kantor.metrics import distances
from kantor.metrics.distances import Distinct, blocks, exact_distances, squared_distances
from kantor.metrics.kernel import median_distance


def cloud(n, seed=0, dimensions=3):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_squared_distances_by_hand():
    x, y = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double(), torch.tensor([[3.0, 4.0], [1.0, 1.0]]).double()
    assert squared_distances(x, y).tolist() == exact_distances(x, y).tolist() == [[25.0, 2.0], [13.0, 0.0]]


def test_squared_distances_of_many_are_those_of_each():
    x, y = cloud(40, 1), cloud(30, 2)
    expected = (x[:, None] - y[None]).square().sum(-1)
    torch.testing.assert_close(squared_distances(x, y), expected, rtol=1e-12, atol=1e-13)
    assert exact_distances(x, y).equal(expected)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 64, 300])
def test_equal_features_are_at_distance_0_wherever_they_are(dimensions):
    points = 1000 + cloud(20, dimensions=dimensions)
    again = torch.cat([points.flip(0), points[:3]])
    expected = (points[:, None] == again[None]).all(2)
    assert (squared_distances(points, again) == 0).equal(expected)


def test_a_scale_of_copies_is_0():
    """Most are equal: a median of rounding errors would be taken for a scale."""
    points = cloud(1, dimensions=100).repeat(50, 1)
    points[:3] += 1
    assert median_distance(points) == 0


def test_distinct_features_come_in_their_order_with_their_places():
    points = torch.tensor([[2.0, 1.0], [0.0, 5.0], [2.0, 1.0], [-0.0, 5.0], [3.0, 3.0]], dtype=torch.float64)
    found = Distinct.of(points)
    assert found.features.tolist() == [[2, 1], [0, 5], [3, 3]]
    assert (found.first.tolist(), found.place.tolist()) == ([0, 1, 4], [0, 1, 0, 1, 2])
    assert found.repeats and not Distinct.of(points[[0, 1, 4]]).repeats


def test_close_features_are_not_taken_for_equal_ones():
    points = torch.cat([torch.arange(2000).double(), 1 + torch.arange(1, 500).double() * 2.0**-52])[:, None]
    assert len(Distinct.of(points).features) == 2499
    pairs = torch.cartesian_prod(points[:50, 0], points[-50:, 0])
    assert len(Distinct.of(torch.cat([pairs, pairs.flip(1), pairs])).features) == 5000


@pytest.mark.parametrize("dimensions", [1, 5, 64])
def test_what_is_settled_is_exact_and_nothing_that_matters_is_left_out(dimensions):
    x, y = cloud(30, 1, dimensions), torch.cat([cloud(30, 1, dimensions).flip(0), cloud(20, 2, dimensions)])
    exact = exact_distances(x, y)
    for k in (1, 4, 80):
        (block,) = blocks(x, y)
        found = block.settle_smallest(k).table.topk(min(k, 50), largest=False).values
        assert found.equal(exact.topk(min(k, 50), largest=False).values)
    (block,) = blocks(x, y)
    assert block.settle_below(y.new_full((50,), torch.inf)).table.amin(0).equal(exact.amin(0))
    (block,) = blocks(x, y)
    values = exact[:, 7:8].clone()
    table = block.settle_around(values).table
    assert (table < values).equal(exact < values) and (table <= values).equal(exact <= values)


def test_blocks_hold_no_more_than_they_may(monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 100)
    found = list(blocks(cloud(33, 1), cloud(50, 2)))
    assert [block.rows.start for block in found] == list(range(0, 33, 2))
    assert max(block.table.numel() for block in found) == 100

import pytest
import torch

from kantor.models.spread import (
    MOST,
    NEAREST_SAMPLE,
    REACHED,
    SAMPLES,
    SPREAD,
    mean_distance,
    nearest_distance,
    spread,
)


def normal(n, seed, scale=1.0):
    return scale * torch.randn(n, 1, 1, 2, generator=torch.Generator().manual_seed(seed))


def test_the_distance_between_samples_is_over_pairs_of_different_ones():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    squared = torch.cdist(points, points).square().fill_diagonal_(torch.inf)
    assert float(mean_distance(squared)) == pytest.approx(10 / 3)
    assert float(nearest_distance(squared)) == pytest.approx(5 / 3)


def test_equal_real_samples_make_no_distance_infinite():
    same = torch.ones(16, 1, 1, 2)
    values = spread(same, lambda n: normal(n, 0))
    assert float(values[SPREAD]) == float(values[NEAREST_SAMPLE]) == MOST
    assert float(spread(same, lambda n: torch.zeros(n, 1, 1, 2))[SPREAD]) == 1


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.5])
def test_distances_scale_with_the_samples(scale):
    real = normal(64, 0)
    values = spread(real, lambda n: scale * real[:n] + 3)
    assert float(values[SPREAD]) == pytest.approx(scale)
    assert float(values[NEAREST_SAMPLE]) == pytest.approx(scale)


def test_samples_like_the_real_ones_cover_them_and_samples_far_away_do_not():
    assert float(spread(normal(64, 0), lambda n: normal(n, 1))[REACHED]) > 0.9
    assert float(spread(normal(64, 0), lambda n: normal(n, 1) + 100)[REACHED]) == 0


def test_two_samples_that_come_again_and_again_have_no_distance_to_the_nearest():
    twins = torch.tensor([[0.0, 0.0], [10.0, 0.0]]).repeat(32, 1)
    values = spread(normal(64, 0), lambda n: twins[:n])
    assert float(values[NEAREST_SAMPLE]) == 0 and float(values[SPREAD]) > 1


def test_as_many_samples_are_drawn_as_are_compared():
    drawn = []
    for n in (1, 2, SAMPLES, 3 * SAMPLES):
        values = spread(normal(n, 0), lambda n: drawn.append(n) or normal(n, 1))
        assert set(values) == (set() if n == 1 else {SPREAD, NEAREST_SAMPLE, REACHED})
    assert drawn == [2, SAMPLES, SAMPLES]

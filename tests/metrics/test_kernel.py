"""KID against explicit loops, and what a squared distance of embeddings must do."""

import itertools
import math

import pytest
import torch

from kantor.metrics.kernel import cubic_kernel, kid, unbiased_mmd2


def cloud(n, seed=0, dimensions=4):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(real, generated):
    """The U-statistic, term by term."""

    def k(x, y):
        return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(points):
        pairs = list(itertools.permutations(range(len(points)), 2))
        return math.fsum(k(points[i], points[j]) for i, j in pairs) / len(pairs)

    between = math.fsum(k(x, y) for x in real for y in generated) / (len(real) * len(generated))
    return within(real) + within(generated) - 2 * between


@pytest.mark.parametrize(("n", "m", "dimensions"), [(2, 2, 1), (5, 5, 3), (7, 4, 2), (3, 9, 6)])
def test_it_is_the_sum_over_pairs(n, m, dimensions):
    real, generated = cloud(n, 1, dimensions), cloud(m, 2, dimensions) + 0.3
    assert kid(real, generated) == pytest.approx(by_loops(real, generated), rel=1e-12)


def test_the_kernel_by_hand():
    """x·y = 1·3 + 2·(-1) = 1, d = 2: (½ + 1)³; and x·0 = 0."""
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0], [0.0, 0.0]])
    assert cubic_kernel(x, y).tolist() == [[3.375, 1.0]]


def test_single_points_twice_by_hand():
    """All real at 0, all generated at 1 (d = 1): 1 + 8 - 2·1."""
    assert kid(torch.zeros(2, 1).double(), torch.ones(3, 1).double()) == pytest.approx(7.0, rel=1e-15)


def test_the_diagonal_is_left_out():
    """With it the estimate is biased upwards, by (mean of k(x, x) - mean of the others) / n for each set."""
    kernel = torch.tensor([[100.0, 2.0], [2.0, 100.0]])
    assert unbiased_mmd2(kernel, torch.full((2, 2), 1.5), kernel) == pytest.approx(2 + 2 - 3)


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


def test_it_grows_with_the_shift():
    found = [kid(cloud(80, 1), cloud(80, 2) + shift) for shift in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 4


def test_it_grows_with_noise():
    found = [kid(cloud(80, 1), cloud(80, 2) + scale * cloud(80, 3)) for scale in (0.0, 1.0, 2.0, 4.0)]
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 3


def test_it_is_symmetric():
    real, generated = cloud(30, 1), cloud(45, 2) + 1
    assert kid(real, generated) == pytest.approx(kid(generated, real), rel=1e-12)


def test_the_order_of_features_does_not_matter():
    real, generated = cloud(100, 1), cloud(90, 2) + 0.5
    shuffled = kid(real.flip(0), generated[torch.randperm(90, generator=torch.Generator().manual_seed(0))])
    assert shuffled == pytest.approx(kid(real, generated), rel=1e-11)


def test_a_rotation_of_the_features_does_not_matter():
    rotation, _ = torch.linalg.qr(cloud(4, 9))
    real, generated = cloud(40, 1), cloud(40, 2) + 1
    assert kid(real @ rotation, generated @ rotation) == pytest.approx(kid(real, generated), rel=1e-10)


def test_features_in_float32_are_refused():
    with pytest.raises(AssertionError):
        kid(cloud(5).float(), cloud(5).float())

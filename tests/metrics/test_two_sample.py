"""The permutation test against all permutations, its p-values under equal laws, and what it must see."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch

from kantor.metrics import two_sample
from kantor.metrics.neighbours import Distances, one_nn_accuracy
from kantor.metrics.two_sample import one_nn_test


def line(*coordinates):
    return torch.tensor(coordinates, dtype=torch.float64)[:, None]


def cloud(n, seed=0, dimensions=3):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grid(n, seed=0, dimensions=3, *, high=3):
    """Points with many equal distances."""
    return torch.randint(0, high, (n, dimensions), generator=torch.Generator().manual_seed(seed)).double()


def outcome(real, generated, *, permutations=200, seed=0):
    return one_nn_test(real, generated, np.random.default_rng(seed), permutations=permutations)


def by_all_permutations(real, generated):
    """The exact p-values: every choice of N of the N + M features is called real once."""
    both, n = torch.cat([real, generated]), len(real)
    observed, found = one_nn_accuracy(Distances.of(real, generated)), []
    for chosen in itertools.combinations(range(len(both)), n):
        rest = [i for i in range(len(both)) if i not in chosen]
        found.append(one_nn_accuracy(Distances.of(both[list(chosen)], both[rest])))
    found = np.array(found)
    return (found >= observed - 1e-12).mean(), (found <= observed + 1e-12).mean()


@pytest.mark.parametrize(("n", "m"), [(5, 5), (4, 6), (7, 3)])
@pytest.mark.parametrize("points", [cloud, grid])
def test_p_values_are_those_of_all_permutations(points, n, m):
    """4,000 random ones: 4 standard deviations are 0.032."""
    real, generated = points(n, 1), points(m, 2) + 1
    found = outcome(real, generated, permutations=4000)
    assert (found.p_apart, found.p_copied) == pytest.approx(by_all_permutations(real, generated), abs=0.032)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (30, 7)])
@pytest.mark.parametrize("points", [cloud, grid])
def test_the_accuracy_is_that_of_the_distances(points, n, m):
    """Ties, of which a grid has many, included."""
    real, generated = points(n, 1), points(m, 2)
    assert outcome(real, generated, permutations=1).accuracy == one_nn_accuracy(Distances.of(real, generated))


def test_equal_laws_have_uniform_p_values():
    """At most as often below a level as the level says (ties make both a little conservative): 300 tests."""
    found = [outcome(cloud(15, 2 * seed), cloud(15, 2 * seed + 1), permutations=99, seed=seed) for seed in range(300)]
    for p_values in ([t.p_apart for t in found], [t.p_copied for t in found]):
        for level in (0.05, 0.2, 0.5):
            below = int((np.array(p_values) <= level).sum())
            assert below <= scipy.stats.binom.ppf(0.9999, 300, level)
            assert below >= scipy.stats.binom.ppf(0.0001, 300, level / 3)


def test_sets_far_apart():
    found = outcome(cloud(20, 1), cloud(20, 2) + 100, permutations=199)
    assert (found.accuracy, found.p_apart, found.p_copied) == (1.0, 1 / 200, 1.0)


def test_copies():
    points = torch.arange(60).double().view(20, 3) ** 2
    found = outcome(points, points.flip(0), permutations=199)
    assert (found.accuracy, found.p_copied, found.p_apart) == (0.0, 1 / 200, 1.0)


def test_all_alike():
    """Every label is as good as any other: the accuracy of each permutation is the observed one."""
    found = outcome(line(*[3] * 6), line(*[3] * 5), permutations=50)
    assert (found.accuracy, found.p_apart, found.p_copied) == (0.5, 1.0, 1.0)


@pytest.mark.parametrize("dimensions", [1, 7, 300])
def test_copies_of_unround_numbers_that_occur_often_are_ties(dimensions):
    points = cloud(10, dimensions=dimensions).repeat(4, 1)
    assert outcome(points, points.flip(0), permutations=1).accuracy == 0.5


def test_the_generator_alone_decides():
    real, generated = cloud(15, 1), cloud(15, 2)
    assert outcome(real, generated, seed=3) == outcome(real, generated, seed=3)
    assert outcome(real, generated, seed=3) != outcome(real, generated, seed=4)


def test_permutations_in_parts_are_as_many(monkeypatch):
    """In all three ways of cutting 100 permutations."""
    real, generated = cloud(15, 1), cloud(15, 2)
    expected = outcome(real, generated, permutations=100)
    for labels in (1, 30 * 7, 30 * 50):
        monkeypatch.setattr(two_sample, "LABELS", labels)
        assert outcome(real, generated, permutations=100) == expected


def test_exchanging_the_sets_keeps_the_accuracy():
    real, generated = cloud(15, 1), cloud(10, 2) + 0.5
    here, there = outcome(real, generated, permutations=2000), outcome(generated, real, permutations=2000)
    assert here.accuracy == there.accuracy
    assert (here.p_apart, here.p_copied) == pytest.approx((there.p_apart, there.p_copied), abs=0.05)

"""The coverage test: few and part are seen, fresh data and copies are not, and its p-values are uniform."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch

from kantor.metrics import variety
from kantor.metrics.neighbours import Distances, coverage
from kantor.metrics.variety import coverage_test


def cloud(n, seed=0, dimensions=3):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outcome(real, held_out, generated, *, k=3, permutations=199, seed=0):
    return coverage_test(real, held_out, generated, np.random.default_rng(seed), k=k, permutations=permutations)


def test_the_p_value_is_that_of_all_permutations():
    """4,000 random ones: 4 standard deviations are 0.032."""
    real, held_out, generated = cloud(12, 1), cloud(4, 2), 0.5 * cloud(4, 3)

    def more(chosen):
        both = torch.cat([held_out, generated])
        rest = [i for i in range(8) if i not in chosen]
        return coverage(Distances.of(real, both[list(chosen)]), k=3) - coverage(Distances.of(real, both[rest]), k=3)

    observed = more((4, 5, 6, 7))
    expected = np.mean([more(chosen) <= observed + 1e-12 for chosen in itertools.combinations(range(8), 4)])
    assert outcome(real, held_out, generated, permutations=4000) == pytest.approx(expected, abs=0.032)


def test_fresh_data_have_uniform_p_values():
    """At most as often below a level as the level says: 300 tests against one set of real features."""
    found = np.array(
        [outcome(cloud(40, 0), cloud(30, 2 * s + 1), cloud(30, 2 * s + 2), permutations=99) for s in range(300)]
    )
    for level in (0.05, 0.2, 0.5):
        assert scipy.stats.binom.ppf(0.0001, 300, level / 2) <= (found <= level).sum()
        assert (found <= level).sum() <= scipy.stats.binom.ppf(0.9999, 300, level)


@pytest.mark.parametrize("m", [60, 40])
def test_few_features_and_a_part_of_the_law_are_seen_and_copies_are_not(m):
    """Also where there are fewer generated than held-out ones, or more."""
    real, held_out = cloud(100, 1), cloud(50, 2)
    constant, half = cloud(1, 3).repeat(m, 1), cloud(200, 4)
    for generated in (constant, half[half[:, 0] > 0][:m], 5 + cloud(m, 5)):
        assert outcome(real, held_out, generated) <= 0.02
    for generated in (real[:m], cloud(m, 6)):
        assert outcome(real, held_out, generated) > 0.05


def test_permutations_in_parts_are_as_many(monkeypatch):
    expected = outcome(cloud(20, 1), cloud(15, 2), cloud(15, 3), permutations=100)
    for labels in (1, 50 * 7):
        monkeypatch.setattr(variety, "LABELS", labels)
        assert outcome(cloud(20, 1), cloud(15, 2), cloud(15, 3), permutations=100) == expected

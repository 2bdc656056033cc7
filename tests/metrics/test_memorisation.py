"""Copies must be seen, fresh data must not, and the p-value is scipy's."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch

from kantor.metrics.memorisation import compare, memorisation


def line(*coordinates):
    return torch.tensor(coordinates, dtype=torch.float64)[:, None]


def cloud(n, seed=0, dimensions=3):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_by_hand():
    """Held out: 1, 2 away from the training data. Generated: 0, 2, 3 away, nearer in 2 of 6 pairs, as near in 1."""
    found = memorisation(line(0, 10), line(1, 8), line(10, -2, 7))
    assert found.share_nearer == pytest.approx(2.5 / 6)


def test_it_is_the_share_of_pairs():
    held_out, generated = (torch.from_numpy(np.random.default_rng(n).integers(0, 9, n)).double() for n in (20, 30))
    pairs = [1.0 if g < h else 0.5 * (g == h) for g, h in itertools.product(generated, held_out)]
    assert compare(held_out, generated).share_nearer == pytest.approx(np.mean(pairs))


def test_the_p_value_is_that_of_mann_and_whitney():
    """Without ties, with the normal approximation and its continuity correction."""
    held_out, generated = cloud(40, 1, 1)[:, 0], cloud(30, 2, 1)[:, 0] - 0.3
    nearer = compare(held_out, generated).share_nearer * 1200
    expected = scipy.stats.norm.sf((nearer - 600 - 0.5) / np.sqrt(40 * 30 * 71 / 12))
    assert compare(held_out, generated).p_value == pytest.approx(expected, rel=1e-9)


def test_a_copier_is_caught():
    training = cloud(100, 1)
    found = memorisation(training, cloud(50, 2), training[:60] + 1e-6)
    assert found.share_nearer > 0.999
    assert found.p_value < 1e-15


def test_one_copy_in_five_is_caught():
    training = cloud(400, 1)
    found = memorisation(training, cloud(200, 2), torch.cat([training[:40], cloud(160, 3)]))
    assert found.share_nearer == pytest.approx(0.6, abs=0.06)
    assert found.p_value < 0.01


def test_a_generator_far_from_the_data_is_no_copier():
    found = memorisation(cloud(100, 1), cloud(50, 2), cloud(50, 3) + 20)
    assert found.share_nearer == 0
    assert found.p_value == pytest.approx(1)


def test_fresh_data_have_uniform_p_values():
    found = [memorisation(cloud(40, 3 * s), cloud(30, 3 * s + 1), cloud(30, 3 * s + 2)) for s in range(300)]
    shares, p_values = np.array([[each.share_nearer, each.p_value] for each in found]).T
    assert abs(shares.mean() - 0.5) < 4 * shares.std() / np.sqrt(300)
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_units_of_the_distances_do_not_matter():
    held_out, generated = cloud(40, 1, 1)[:, 0].abs(), cloud(30, 2, 1)[:, 0].abs()
    assert compare(held_out, generated) == compare(held_out**2, generated**2) == compare(7 * held_out, 7 * generated)


def test_exchanging_held_out_and_generated_gives_the_rest():
    held_out, generated = cloud(40, 1, 1)[:, 0], cloud(30, 2, 1)[:, 0]
    here, there = compare(held_out, generated), compare(generated, held_out)
    assert here.share_nearer + there.share_nearer == pytest.approx(1)
    assert here.p_value + there.p_value == pytest.approx(1, abs=0.01)  # the continuity correction is in both

"""Copies must be seen, fresh data and parts of them must not, and the p-value is scipy's."""

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


def in_one_cell(held_out, generated):
    """Distances alone."""
    return compare(held_out, torch.zeros(len(held_out)), generated, torch.zeros(len(generated)))


def test_by_hand():
    """Held out: 1, 2 away from the training data. Generated: 0, 2, 3 away, nearer in 2 of 6 pairs, as near in 1."""
    found = memorisation(line(0, 10), line(1, 8), line(10, -2, 7))
    assert found.share_nearer == pytest.approx(2.5 / 6)


def test_distances_are_in_units_of_the_place_where_they_are():
    """Training data at 0, 1 and at 100, 120: held out 0.5 from 0, generated 5 from 100, which is a quarter of the gap
    there, and nearer than a half."""
    assert memorisation(line(0, 1, 100, 120), line(-0.5), line(95)).share_nearer == 1


def test_cells_by_hand():
    """In the first cell 1 of 1 pairs is nearer, in the second 1 of 2; they weigh 1/3 and 1/4."""
    held_out, generated = torch.tensor([3.0, 1.0, 5.0]), torch.tensor([2.0, 4.0, 0.0])
    found = compare(held_out, torch.tensor([0, 1, 1]), generated, torch.tensor([0, 1, 2]))
    assert found.share_nearer == pytest.approx((1 / 3 + 1 / 4) / (1 / 3 + 2 / 4))
    z = (1 / 3 + 1 / 4 - 0.5 * (1 / 3 + 2 / 4)) / np.sqrt(1 / 9 * 1 * 3 / 12 + 1 / 16 * 2 * 4 / 12)
    assert found.p_value == pytest.approx(scipy.stats.norm.sf(z))


def test_where_no_cell_has_both_nothing_is_seen():
    found = compare(torch.tensor([1.0]), torch.tensor([0]), torch.tensor([0.0]), torch.tensor([1]))
    assert np.isnan(found.share_nearer) and found.p_value == 1


def test_nothing_is_seen_where_all_are_equally_near():
    found = in_one_cell(torch.ones(5), torch.ones(7))
    assert (found.share_nearer, found.p_value) == (0.5, 0.5)


@pytest.mark.parametrize("scale", [0.05, 5.0])
def test_a_part_of_the_law_is_no_copy(scale):
    """Data of two clouds, the one much denser: a generator of either alone draws fresh data, whatever the distances."""

    def law(n, seed):
        return torch.cat([cloud(n, seed), 100 + scale * cloud(n, seed + 1)])

    found = memorisation(law(1000, 1), law(200, 3), law(300, 5)[300:])
    assert found.p_value > 0.01 and abs(found.share_nearer - 0.5) < 0.06
    copies = law(1000, 1)[1000:1300] + 1e-3 * scale * cloud(300, 9)
    assert memorisation(law(1000, 1), law(200, 3), copies).p_value < 1e-20


def test_training_data_that_occur_often_have_a_scale():
    training = cloud(100, 1).repeat(2, 1)
    found = memorisation(training, cloud(50, 2), training[:60] + 1e-6)
    assert found.share_nearer > 0.999 and found.p_value < 1e-15
    assert memorisation(training, cloud(50, 2), cloud(50, 3)).p_value > 0.01
    assert memorisation(line(0, 0, 0), line(1), line(0)).share_nearer == 1


def test_it_is_the_share_of_pairs():
    held_out, generated = (torch.from_numpy(np.random.default_rng(n).integers(0, 9, n)).double() for n in (20, 30))
    pairs = [1.0 if g < h else 0.5 * (g == h) for g, h in itertools.product(generated, held_out)]
    assert in_one_cell(held_out, generated).share_nearer == pytest.approx(np.mean(pairs))


def test_the_p_value_is_that_of_mann_and_whitney():
    for shift in (0.0, 0.3):
        held_out, generated = cloud(40, 1, 1)[:, 0].round(decimals=1), cloud(30, 2, 1)[:, 0].round(decimals=1) - shift
        expected = scipy.stats.mannwhitneyu(
            generated, held_out, alternative="less", method="asymptotic", use_continuity=False
        )
        assert in_one_cell(held_out, generated).p_value == pytest.approx(expected.pvalue, rel=1e-9)


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
    expected = in_one_cell(held_out, generated)
    assert in_one_cell(held_out**2, generated**2) == in_one_cell(7 * held_out, 7 * generated) == expected


def test_exchanging_held_out_and_generated_gives_the_rest():
    held_out, generated = cloud(40, 1, 1)[:, 0], cloud(30, 2, 1)[:, 0]
    here, there = in_one_cell(held_out, generated), in_one_cell(generated, held_out)
    assert here.share_nearer + there.share_nearer == pytest.approx(1)
    assert here.p_value + there.p_value == pytest.approx(1)

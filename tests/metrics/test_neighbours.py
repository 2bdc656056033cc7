"""Scores of nearest neighbours: small sets by hand, equal distributions, copies, and what all of them must keep."""

import itertools
import math

import pytest
import torch

from kantor.metrics import distances as distances_module
from kantor.metrics.neighbours import (
    Distances,
    Neighbours,
    coverage,
    density,
    expected_coverage,
    nearest,
    one_nn_accuracy,
    one_nn_halves,
    own_nearest,
    precision,
    recall,
)

SCORES = {
    "precision": lambda distances: precision(distances, k=3),
    "recall": lambda distances: recall(distances, k=3),
    "density": lambda distances: density(distances, k=3),
    "coverage": lambda distances: coverage(distances, k=3),
    "one_nn_accuracy": one_nn_accuracy,
    "one_nn_real": lambda distances: one_nn_halves(distances)[0],
    "one_nn_generated": lambda distances: one_nn_halves(distances)[1],
}
each = pytest.mark.parametrize("score", SCORES.values(), ids=SCORES.keys())


def line(*coordinates):
    return torch.tensor(coordinates, dtype=torch.float64)[:, None]


def cloud(n, seed=0, dimensions=3):
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grid(n, seed=0, dimensions=3, *, high=6):
    """Points whose coordinates are small integers: all distances are exact, and many are equal."""
    return torch.randint(0, high, (n, dimensions), generator=torch.Generator().manual_seed(seed)).double()


def test_no_point_is_its_own_neighbour():
    distances = Distances.of(line(0, 1, 3), line(5, 9))
    assert distances.real.tolist() == [[math.inf, 1, 9], [1, math.inf, 4], [9, 4, math.inf]]
    assert distances.generated.tolist() == [[math.inf, 16], [16, math.inf]]
    assert distances.real_radii(1).tolist() == [1, 1, 4]
    assert distances.real_radii(2).tolist() == [9, 4, 9]


BY_HAND = {
    # expected: precision, recall, density, coverage, the real and the generated half of 1-nearest-neighbour accuracy
    # real 0, 1, 10 have radii 1, 1, 9 (k = 1): balls [-1, 1], [0, 2], [1, 19]
    # generated 1.5, 4, 30 have radii 2.5, 2.5, 26: balls [-1, 4], [1.5, 6.5], [4, 56]
    "mixed": (line(0, 1, 10), line(1.5, 4, 30), 1,
              (2 / 3, 1.0, 3 / 3, 2 / 3, 1 / 3, 1 / 3)),
    "far apart": (line(0, 1, 2), line(100, 101, 102), 1,
                  (0.0, 0.0, 0.0, 0.0, 1.0, 1.0)),
    # all of the generated in the middle of the real, whose balls are [-3, 3], [2, 4], [3, 5], [4, 10]
    "crowded": (line(0, 3, 4, 7), line(3.4, 3.5, 3.6), 1,
                (1.0, 0.0, 2.0, 0.5, 0.5, 1.0)),
    # with two neighbours the balls are [-4, 4], [0, 6], [1, 7], [3, 11]: every one holds all
    "crowded, k = 2": (line(0, 3, 4, 7), line(3.4, 3.5, 3.6), 2,
                       (1.0, 0.0, 2.0, 1.0, 0.5, 1.0)),
}  # fmt: skip


@pytest.mark.parametrize(("real", "generated", "k", "expected"), BY_HAND.values(), ids=BY_HAND.keys())
def test_small_sets_by_hand(real, generated, k, expected):
    distances = Distances.of(real, generated)
    of_balls = [score(distances, k=k) for score in (precision, recall, density, coverage)]
    assert [*of_balls, *one_nn_halves(distances)] == pytest.approx(expected)


def test_density_counts_open_balls_and_the_others_closed_ones():
    """A sample on the rim, at distance 1 of the real point 0, whose neighbour is 1 away."""
    distances = Distances.of(line(0, -1, -3), line(1, 50))
    assert precision(distances, k=1) == 0.5
    assert coverage(distances, k=1) == pytest.approx(1 / 3)
    assert density(distances, k=1) == 0.0


def test_an_exact_copy():
    """Nothing is further than its copy: 1-nearest-neighbour accuracy 0, the others at their best."""
    for points in (grid(80, dimensions=8, high=1000), *(cloud(80, dimensions=d) for d in (1, 2, 5, 64, 300))):
        distances = Neighbours.of(points, points.flip(0), k=5)
        for score in (precision, recall, density, coverage):
            assert score(distances, k=5) == 1.0
        assert one_nn_halves(distances) == (0.0, 0.0)


def test_a_copy_of_pictures_that_occur_often_is_covered():
    """Radii are 0: only closed balls hold the copy."""
    for rows in (line(0, 1), *(cloud(10, dimensions=d).float().double() for d in (1, 3, 64, 300))):
        points = rows.repeat(8, 1)
        distances = Neighbours.of(points, points.flip(0), k=5)
        assert precision(distances, k=5) == recall(distances, k=5) == coverage(distances, k=5) == 1.0
        assert density(distances, k=5) == 0.0
        assert one_nn_accuracy(distances) == 0.5  # every nearest neighbour is in both sets


def test_far_apart():
    distances = Distances.of(cloud(50, 1), cloud(40, 2) + 1000)
    assert [score(distances) for score in SCORES.values()] == [0, 0, 0, 0, 1, 1, 1]


def test_equal_distributions_score_what_theory_says():
    """Density 1 on average, coverage as its closed form for n = m, 1-nearest-neighbour accuracy one half."""
    k, n, sets = 5, 100, 60
    found = {"density": [], "coverage": [], "one_nn": []}
    for seed in range(sets):
        distances = Distances.of(cloud(n, 2 * seed), cloud(n, 2 * seed + 1))
        found["density"].append(density(distances, k=k))
        found["coverage"].append(coverage(distances, k=k))
        found["one_nn"].append(one_nn_accuracy(distances))
    # no generated among the k nearest of n - 1 real and n generated: draw k of them, all real
    missed = math.prod((n - 1 - i) / (2 * n - 1 - i) for i in range(k))
    # the nearest of n - 1 own and n others is an own one
    expected = {"density": 1.0, "coverage": 1 - missed, "one_nn": (n - 1) / (2 * n - 1)}
    for name, values in found.items():
        values = torch.tensor(values)
        error = float(values.std()) / math.sqrt(sets)
        assert abs(float(values.mean()) - expected[name]) < 3 * error, name
    assert 1 - missed == pytest.approx(1 - 2**-k, abs=0.005)


def test_density_rises_above_1_where_samples_crowd_and_recall_falls():
    """Shrunken samples: no score to maximise."""
    distances = Distances.of(cloud(300, 1, 8), 0.3 * cloud(300, 2, 8))
    assert density(distances, k=5) > 2
    assert precision(distances, k=5) == 1
    assert recall(distances, k=5) < 0.1


def test_samples_that_crowd_around_real_ones_are_told_by_the_halves():
    """In many dimensions noise is further from other noise than from its centre."""
    centres = 100 * cloud(10, 1, 32)
    real = centres.repeat(10, 1) + cloud(100, 2, 32)
    generated = centres.repeat(10, 1) + 0.1 * cloud(100, 3, 32)
    of_real, of_generated = one_nn_halves(Distances.of(real, generated))
    assert of_real < 0.3 and of_generated > 0.9


def test_missing_modes_cost_recall_and_coverage_but_no_precision():
    centres = line(0, 1000, 2000, 3000)
    real = centres.repeat_interleave(30, 0) + cloud(120, 1, 1)
    for modes in (1, 2, 3, 4):
        generated = centres[:modes].repeat(120 // modes, 1) + cloud(120 // modes * modes, 2, 1)
        distances = Distances.of(real, generated)
        assert precision(distances, k=5) > 0.9
        assert recall(distances, k=5) == pytest.approx(modes / 4, abs=0.06)
        assert coverage(distances, k=5) == pytest.approx(modes / 4, abs=0.06)


def test_a_growing_shift_makes_all_of_them_worse():
    shifts = (0.0, 1.0, 2.0, 3.0, 6.0)
    found = [Distances.of(cloud(200, 1), cloud(200, 2) + shift) for shift in shifts]
    for name in ("precision", "recall", "density", "coverage"):
        values = [SCORES[name](distances) for distances in found]
        assert [a > b for a, b in itertools.pairwise(values[:4])] == [True] * 3, name
        assert values[4] == 0, name
    accuracies = [one_nn_accuracy(distances) for distances in found]
    assert [a < b for a, b in itertools.pairwise(accuracies[:4])] == [True] * 3
    assert accuracies[4] == 1


@each
def test_the_order_of_features_does_not_matter(score):
    """Not even where distances are equal."""
    real, generated = grid(60, 1), grid(50, 2)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert score(Distances.of(real[order], generated.flip(0))) == score(Distances.of(real, generated))


@each
def test_moving_scaling_and_permuting_coordinates_does_not_matter(score):
    real, generated = grid(60, 1), grid(50, 2)
    expected = score(Distances.of(real, generated))
    changes = [lambda x: x + 17, lambda x: 4 * x, lambda x: -x, lambda x: x[:, [2, 0, 1]]]
    for change in changes:
        assert score(Distances.of(change(real), change(generated))) == expected


@each
def test_all_but_density_are_shares(score):
    for seed in range(10):
        found = score(Distances.of(cloud(30, seed), 0.5 * cloud(25, 100 + seed)))
        assert found >= 0
        if score is not SCORES["density"]:
            assert found <= 1


def test_exchanging_the_sets_exchanges_their_scores():
    real, generated = grid(60, 1), grid(50, 2)
    here, there = Distances.of(real, generated), Distances.of(generated, real)
    assert precision(here, k=3) == recall(there, k=3)
    assert one_nn_halves(here) == one_nn_halves(there)[::-1]
    assert one_nn_accuracy(here) == pytest.approx(one_nn_accuracy(there), rel=1e-15)


def test_the_accuracy_weighs_the_halves_by_their_sizes():
    """Real: 2 of 2 right, generated: 4 of 5, since one lies nearest to the real."""
    distances = Distances.of(line(0, 1), line(3, 10, 11, 12, 13))
    assert one_nn_halves(distances) == (1.0, 0.8)
    assert one_nn_accuracy(distances) == pytest.approx(6 / 7)


@pytest.mark.parametrize("k", [0, 4, 5])
def test_a_ball_needs_as_many_neighbours(k):
    with pytest.raises(AssertionError):
        precision(Distances.of(line(0, 1, 2, 3), line(0, 1)), k=k)


SETS = {
    "clouds": (cloud(23, 1), cloud(31, 2) + 0.3),
    "ties": (grid(40, 1), grid(30, 2)),
    "copies": (grid(20, 1), grid(20, 1)),
    "copies of unround numbers": (cloud(8, 1, 7).repeat(3, 1), cloud(8, 1, 7).repeat(3, 1)[torch.randperm(24)][:20]),
    "far apart": (cloud(20, 1), cloud(10, 2) + 1000),
}


@each
@pytest.mark.parametrize("block", [1, 100, 10**6])
@pytest.mark.parametrize(("real", "generated"), SETS.values(), ids=SETS.keys())
def test_blocks_of_rows_give_the_same_scores(score, real, generated, block, monkeypatch):
    expected = score(Distances.of(real, generated))
    monkeypatch.setattr(distances_module, "BLOCK", block)
    around = Neighbours.of(real, generated, k=3)
    assert score(around) == expected
    assert score(around.swapped) == score(Distances.of(generated, real))
    assert score(Neighbours.of(real, generated, k=3, within_real=own_nearest(real, 3))) == expected


@pytest.mark.parametrize("k", [1, 3, 9])
@pytest.mark.parametrize("block", [1, 25, 10**6])
def test_both_answer_the_same(k, block, monkeypatch):
    real, generated = grid(12, 1), grid(10, 2)
    monkeypatch.setattr(distances_module, "BLOCK", block)
    table, blocks = Distances.of(real, generated), Neighbours.of(real, generated, k=k)
    for one, other in ((table, blocks), (table.swapped, blocks.swapped)):
        assert one.sizes == other.sizes
        assert one.real_radii(k).equal(other.real_radii(k))
        for closed in (True, False):
            assert one.balls(k, closed=closed).equal(other.balls(k, closed=closed))
        for a, b in zip(one.nearest(), other.nearest(), strict=True):
            assert a.equal(b)


def test_own_nearest_by_hand():
    assert own_nearest(line(0, 1, 3, 7), 2).tolist() == [[1, 9], [1, 4], [4, 9], [16, 36]]


def test_nearest_by_hand(monkeypatch):
    monkeypatch.setattr(distances_module, "BLOCK", 4)
    assert nearest(line(0, 1, 3, 7, 20), line(2, 4, 8)).tolist() == [4, 1, 1, 1, 144]


def test_neighbours_answer_for_their_own_k_only():
    with pytest.raises(AssertionError):
        coverage(Neighbours.of(cloud(10, 1), cloud(10, 2), k=3), k=4)


@pytest.mark.parametrize("k", [0, 4, 5])
def test_own_neighbours_must_be_there(k):
    with pytest.raises(AssertionError):
        own_nearest(line(0, 1, 2, 3), k)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (60, 20), (20, 60)])
def test_coverage_of_one_law_is_as_expected(n, m):
    """The mean of 200 pairs of sets, of which each has an error of some 0.05."""
    generator = torch.Generator().manual_seed(n)
    sets = [torch.randn(n + m, 3, generator=generator, dtype=torch.float64) for _ in range(200)]
    found = [coverage(Distances.of(x[:n], x[n:]), k=3) for x in sets]
    assert sum(found) / 200 == pytest.approx(expected_coverage(n, m, k=3), abs=0.02)


def test_expected_coverage_of_large_equal_sets_is_the_published_one():
    assert expected_coverage(10**9, 10**9, k=5) == pytest.approx(1 - 2**-5, rel=1e-8)
    assert expected_coverage(2, 1, k=1) == 0.5  # one other real one, one generated: either may be the nearer

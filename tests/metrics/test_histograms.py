"""The earth mover's distance against scipy on a line, linear programming for any cost and mass, and by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from kantor.errors import UserError
from kantor.metrics.histograms import emd, ordered_cost, saturating_cost
from kantor.metrics.transport import wasserstein

COSTS = {
    "ordered": ordered_cost,
    "saturating": lambda bins: saturating_cost(bins, alpha=0.7),
    "same or not": lambda bins: 1 - np.eye(bins),
}
each = pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS.keys())


def masses(bins, seed, *, total=1.0):
    drawn = np.random.default_rng(seed).gamma(0.7, size=bins)
    return drawn / drawn.sum() * total


def by_linear_programming(real, generated, cost):
    """The definition, as inequalities."""
    n, m = cost.shape
    from_each, to_each = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    moved = min(real.sum(), generated.sum())
    found = linprog(
        cost.ravel(), A_ub=np.vstack([from_each, to_each]), b_ub=np.concatenate([real, generated]),
        A_eq=np.ones((1, n * m)), b_eq=[moved],
    )  # fmt: skip
    assert found.success, found.message
    return found.fun / moved


@pytest.mark.parametrize("bins", [2, 10, 60])
def test_on_a_line_it_is_scipys(bins):
    cells = np.arange(bins)
    for seed in range(10):
        p, q = masses(bins, seed), masses(bins, 100 + seed)
        assert emd(p, q, ordered_cost(bins)) == pytest.approx(wasserstein_distance(cells, cells, p, q), rel=1e-9)


@each
@pytest.mark.parametrize("totals", [(1.0, 1.0), (3.0, 1.0), (0.5, 40.0)])
def test_any_cost_and_mass_is_a_linear_programme(cost, totals):
    for seed in range(5):
        p, q = masses(7, seed, total=totals[0]), masses(7, 100 + seed, total=totals[1])
        assert emd(p, q, cost(7)) == pytest.approx(by_linear_programming(p, q, cost(7)), rel=1e-7, abs=1e-10)


def test_a_cost_that_is_no_square():
    cost = np.random.default_rng(0).uniform(0, 5, (4, 9))
    p, q = masses(4, 1, total=2), masses(9, 2, total=3)
    assert emd(p, q, cost) == pytest.approx(by_linear_programming(p, q, cost), rel=1e-8)
    assert emd(q, p, cost.T) == pytest.approx(emd(p, q, cost), rel=1e-9)


def test_by_hand():
    """Half of the mass moves by 3 cells."""
    p, q = np.array([0.5, 0.5, 0, 0, 0]), np.array([0.5, 0, 0, 0, 0.5])
    assert emd(p, q, ordered_cost(5)) == pytest.approx(1.5)
    assert emd(p, q, saturating_cost(5, alpha=0.2)) == pytest.approx(0.5 * (1 - math.exp(-0.6)))


def test_unequal_masses_by_hand():
    """4 at cell 0 against 1 at cell 1 and 1 at cell 3: 2 are moved, by 1 and 3."""
    assert emd(np.array([4.0, 0, 0, 0]), np.array([0, 1.0, 0, 1.0]), ordered_cost(4)) == pytest.approx(2.0)


@pytest.mark.parametrize("ratio", [1e-3, 1e-9, 1e-12])
def test_a_speck_against_a_mountain(ratio):
    """All of the speck goes to the one cell that there is."""
    speck, mountain = ratio * masses(7, 1), np.eye(7)[2]
    expected = (masses(7, 1) * np.abs(np.arange(7) - 2)).sum()
    assert emd(speck, mountain, ordered_cost(7)) == pytest.approx(expected, rel=1e-9)
    assert emd(mountain, speck, ordered_cost(7)) == pytest.approx(expected, rel=1e-9)


def test_counts_and_shares_agree():
    p, q = np.array([3, 0, 5, 2]), np.array([1, 4, 4, 1])
    assert emd(p, q, ordered_cost(4)) == pytest.approx(emd(p / 10, q / 10, ordered_cost(4)), rel=1e-12)


@each
def test_a_histogram_and_any_part_of_it(cost):
    p = masses(8, 1)
    assert emd(p, p.copy(), cost(8)) == pytest.approx(0, abs=1e-15)
    assert emd(p, p * np.linspace(0.1, 1, 8), cost(8)) == pytest.approx(0, abs=1e-15)


@each
def test_it_is_symmetric(cost):
    for totals in ((1, 1), (2, 5)):
        p, q = (masses(8, seed, total=total) for seed, total in enumerate(totals))
        assert emd(p, q, cost(8)) == pytest.approx(emd(q, p, cost(8)), rel=1e-9)


@each
def test_the_triangle_inequality_holds_for_equal_masses(cost):
    for seed in range(10):
        p, q, r = (masses(8, 3 * seed + k) for k in range(3))
        assert emd(p, r, cost(8)) <= emd(p, q, cost(8)) + emd(q, r, cost(8)) + 1e-12


def test_same_or_not_is_total_variation():
    p, q = masses(8, 1), masses(8, 2)
    assert emd(p, q, 1 - np.eye(8)) == pytest.approx(0.5 * np.abs(p - q).sum(), rel=1e-9)


def test_a_cost_for_far_cells_saturates():
    """Moving everything by s cells costs 1 - exp(-αs): α s at first, 1 in the end."""
    cost = saturating_cost(100, alpha=0.05)
    at = np.eye(100)
    found = [emd(at[0], at[s], cost) for s in (0, 1, 10, 30, 99)]
    assert found == pytest.approx([1 - math.exp(-0.05 * s) for s in (0, 1, 10, 30, 99)], rel=1e-12)
    assert [a < b for a, b in itertools.pairwise(found)] == [True] * 4
    assert saturating_cost(2, alpha=1e-12)[0, 1] == pytest.approx(1e-12, rel=1e-12)


def test_feature_sets_of_many_dimensions_meet_the_same_solver():
    """W1 of two sets is the distance of two flat histograms with the distances as costs."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 512)), rng.standard_normal((20, 512)) + 0.1
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1)
    assert wasserstein(x, y, order=1) == pytest.approx(emd(np.ones(30) / 30, np.ones(20) / 20, cost), rel=1e-9)


BAD = {
    "shape": (np.ones(3), np.ones(4), ordered_cost(3), "shape"),
    "negative mass": (np.array([1.0, -1.0]), np.ones(2), ordered_cost(2), "first histogram"),
    "no number": (np.ones(2), np.array([1.0, np.nan]), ordered_cost(2), "second histogram"),
    "negative cost": (np.ones(2), np.ones(2), -ordered_cost(2), "costs"),
    "infinite cost": (np.ones(2), np.ones(2), np.full((2, 2), np.inf), "costs"),
    "empty": (np.zeros(2), np.ones(2), ordered_cost(2), "empty"),
}


@pytest.mark.parametrize(("real", "generated", "cost", "named"), BAD.values(), ids=BAD.keys())
def test_wrong_input_is_named(real, generated, cost, named):
    with pytest.raises(UserError, match=named):
        emd(real, generated, cost)


@pytest.mark.parametrize("alpha", [0.0, -1.0])
def test_alpha_is_above_0(alpha):
    with pytest.raises(UserError, match="alpha"):
        saturating_cost(5, alpha=alpha)

import math

import numpy as np
import pytest

from kantor.data.points import gaussians8, gaussians25
from kantor.metrics.modes import mode_histogram, mode_kl, modes_covered, within_radius

MIXTURES = {"gaussians8": gaussians8(0.1, 1.414), "gaussians25": gaussians25(0.05, 2.828)}
each = pytest.mark.parametrize("mixture", MIXTURES.values(), ids=MIXTURES.keys())
SETTINGS = {"share": 0.01, "radius": 3.0}


def covered(points, mixture, **settings):
    return modes_covered(points, mixture.modes, mixture.sigma, **{**SETTINGS, **settings})


@each
def test_all_points_at_one_mode(mixture):
    points = np.repeat(mixture.modes[3:4], 100, axis=0)
    assert covered(points, mixture) == 1
    assert within_radius(points, mixture.modes, mixture.sigma, radius=3) == 1
    assert mode_kl(points, mixture.modes) == pytest.approx(math.log(len(mixture.modes)))


@each
def test_equal_shares(mixture):
    points = np.repeat(mixture.modes, 10, axis=0)
    assert covered(points, mixture) == len(mixture.modes)
    assert within_radius(points, mixture.modes, mixture.sigma, radius=3) == 1
    assert mode_kl(points, mixture.modes) == pytest.approx(0, abs=1e-12)


@each
@pytest.mark.parametrize("m", [1, 2, 5, 8])
def test_m_of_k_modes(mixture, m):
    points = np.repeat(mixture.modes[:m], 20, axis=0)
    assert covered(points, mixture) == m
    assert mode_kl(points, mixture.modes) == pytest.approx(math.log(len(mixture.modes) / m))


def test_unequal_shares_have_their_divergence():
    modes = MIXTURES["gaussians8"].modes
    points = np.concatenate([np.repeat(modes[:1], 75, 0), np.repeat(modes[1:2], 25, 0)])
    expected = 0.75 * math.log(0.75 * 8) + 0.25 * math.log(0.25 * 8)
    assert mode_kl(points, modes) == pytest.approx(expected)
    assert mode_histogram(points, modes).tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]


@each
def test_points_far_away_cover_nothing(mixture):
    points = np.full((50, 2), 40.0)
    assert covered(points, mixture) == 0
    assert within_radius(points, mixture.modes, mixture.sigma, radius=3) == 0


@pytest.mark.parametrize(("at_the_second", "expected"), [(9, 1), (10, 2), (11, 2)])
def test_a_mode_counts_from_its_share_on(at_the_second, expected):
    """One percent of 1,000 samples: 10."""
    mixture = MIXTURES["gaussians8"]
    points = np.repeat(mixture.modes[:2], [1000 - at_the_second, at_the_second], axis=0)
    assert covered(points, mixture) == expected


@pytest.mark.parametrize(("sigmas", "inside"), [(2.99, 1), (3.01, 0)])
def test_the_radius_is_in_units_of_sigma(sigmas, inside):
    mixture = MIXTURES["gaussians8"]
    points = mixture.modes + np.array([0.6, 0.8]) * sigmas * mixture.sigma
    assert within_radius(points, mixture.modes, mixture.sigma, radius=3) == inside
    assert covered(points, mixture) == 8 * inside
    assert within_radius(points, mixture.modes, mixture.sigma, radius=3.1) == 1


@each
@pytest.mark.parametrize("radius", [1.0, 2.0, 3.0])
def test_the_mixture_itself_has_the_rayleigh_share(mixture, radius):
    n = 40_000
    points = mixture.sample(n, np.random.default_rng(0))
    expected = 1 - math.exp(-(radius**2) / 2)
    error = math.sqrt(expected * (1 - expected) / n)
    found = within_radius(points, mixture.modes, mixture.sigma, radius=radius)
    assert found == pytest.approx(expected, abs=4 * error)


@each
def test_the_mixture_itself_has_all_modes_and_the_multinomials_divergence(mixture):
    n, k = 20_000, len(mixture.modes)
    points = mixture.sample(n, np.random.default_rng(0))
    assert covered(points, mixture) == k
    # 2n·KL is chi-squared with k - 1 degrees of freedom
    assert 0 < 2 * n * mode_kl(points, mixture.modes) < (k - 1) + 5 * math.sqrt(2 * (k - 1))


@each
def test_order_and_repetition_do_not_matter(mixture):
    points = mixture.sample(300, np.random.default_rng(0)) * 1.1
    for other in (points[::-1], np.concatenate([points, points])):
        assert covered(other, mixture) == covered(points, mixture)
        assert mode_kl(other, mixture.modes) == pytest.approx(mode_kl(points, mixture.modes), abs=1e-12)
        within = [within_radius(p, mixture.modes, mixture.sigma, radius=3) for p in (points, other)]
        assert within[0] == pytest.approx(within[1])


@each
def test_mode_kl_is_within_its_bounds(mixture):
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.normal(0, 2, (30, 2))
        assert 0 <= mode_kl(points, mixture.modes) <= math.log(len(mixture.modes)) + 1e-12


def test_modes_with_their_own_shares_have_no_divergence_and_equal_ones_have_that_of_the_shares():
    """And a mode of 2% is covered from a quarter of that on."""
    modes, shares = MIXTURES["gaussians8"].modes[:3], np.array([0.78, 0.2, 0.02])
    right = np.repeat(modes, [78, 20, 2], axis=0)
    assert mode_kl(right, modes, shares) == pytest.approx(0, abs=1e-12)
    even = np.repeat(modes, 10, axis=0)
    assert mode_kl(even, modes, shares) == pytest.approx(-np.log(3 * shares).mean())
    for rare, expected in ((4, 2), (5, 3)):  # of 1,000
        points = np.repeat(modes, [800, 200 - rare, rare], axis=0)
        assert modes_covered(points, modes, 0.1, share=np.minimum(0.01, shares / 4), radius=3) == expected

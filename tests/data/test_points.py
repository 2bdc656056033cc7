import inspect
import math

import numpy as np
import pytest
from scipy.stats import norm

from kantor.data import checkerboard, moons, points, rings
from kantor.data.checkerboard import Checkerboard, Square
from kantor.data.moons import Moon, TwoMoons
from kantor.data.points import (
    GaussianMixture,
    HasClasses,
    HasDensity,
    Line,
    SwissRoll,
    gaussians8,
    gaussians25,
    identity,
    unequal_gaussians,
)
from kantor.data.rings import Rings
from kantor.errors import UserError
from kantor.testing import check_distribution

SHARES = (0.4, 0.25, 0.2, 0.1, 0.05)
ALL = {
    "gaussians8": gaussians8(spread=0.1, scale=1.414),
    "gaussians25": gaussians25(spread=0.05, scale=2.828),
    "unequal": unequal_gaussians(SHARES, spread=0.15, scale=1.414),
    "swiss_roll": SwissRoll(noise=0.25, scale=7.5),
    "line": Line(theta=0.5),
    "moon": Moon(lower=True, noise=0.1, scale=0.8),
    "moons": TwoMoons(noise=0.1, scale=0.8),
    "rings": Rings(radii=[0.6, 1.2, 1.8], noise=0.08),
    "square": Square(corner=(-1.0, 0.5), side=0.75),
    "checkerboard": Checkerboard(cells=4, reach=2.0),
}
LABELLED = {name: one for name, one in ALL.items() if isinstance(one, HasClasses)}
each_labelled = pytest.mark.parametrize("distribution", LABELLED.values(), ids=LABELLED.keys())
each = pytest.mark.parametrize("distribution", ALL.values(), ids=ALL.keys())
# with a spread that a grid can resolve
SMOOTH = {
    "gaussians8": gaussians8(spread=0.3, scale=1.414),
    "gaussians25": gaussians25(spread=0.3, scale=2.828),
    "unequal": unequal_gaussians(SHARES, spread=0.3, scale=1.414),
    "swiss_roll": SwissRoll(noise=0.8, scale=7.5),
    "moons": TwoMoons(noise=0.2, scale=0.8),
    "rings": Rings(radii=[0.6, 1.8], noise=0.2),
    "checkerboard": Checkerboard(cells=4, reach=1.6 * 4 / 3),  # its squares are ten cells of the grid wide
}
each_smooth = pytest.mark.parametrize("distribution", SMOOTH.values(), ids=SMOOTH.keys())


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_distribution_is_tested():
    kinds = {
        kind
        for module in (points, moons, rings, checkerboard)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and hasattr(kind, "__dataclass_fields__")
    }
    assert kinds == {type(distribution) for distribution in ALL.values()}


def test_gaussians8_has_the_centres_of_the_lecture():
    """Two times the unit circle's eight directions, over 1.414 (the lecture's `multi_gaussian_source`)."""
    d = math.sqrt(0.5)
    unit = [(1, 0), (-1, 0), (0, 1), (0, -1), (d, d), (d, -d), (-d, d), (-d, -d)]
    expected = sorted((2 * x / 1.414, 2 * y / 1.414) for x, y in unit)
    found = sorted((round(x, 9) + 0.0, y) for x, y in ALL["gaussians8"].modes.tolist())
    assert np.array(found) == pytest.approx(np.array(sorted((round(x, 9) + 0.0, y) for x, y in expected)), abs=1e-8)


def test_gaussians25_has_the_centres_of_the_paper():
    """range(-2, 3)² doubled, over 2.828 (Gulrajani et al. 2017, published code)."""
    expected = {(round(2 * x / 2.828, 9), round(2 * y / 2.828, 9)) for x in range(-2, 3) for y in range(-2, 3)}
    assert {(round(x, 9), round(y, 9)) for x, y in ALL["gaussians25"].modes.tolist()} == expected
    assert len(ALL["gaussians25"].modes) == 25


@pytest.mark.parametrize(
    ("distribution", "sigma"),
    [(ALL["gaussians8"], 0.1 / 1.414), (gaussians8(0.02, 1.414), 0.02 / 1.414), (ALL["gaussians25"], 0.05 / 2.828)],
)
def test_sigma_is_in_the_units_of_the_data(distribution, sigma):
    assert distribution.sigma == pytest.approx(sigma, rel=1e-12)
    drawn = distribution.sample(40_000, rng())
    offsets = drawn - distribution.modes[((drawn[:, None] - distribution.modes) ** 2).sum(-1).argmin(1)]
    # 80,000 coordinates: the standard error of a deviation is sigma / sqrt(160,000) = 0.25%
    assert offsets.std() == pytest.approx(sigma, rel=0.01)


@each
def test_every_distribution_is_what_data_take(distribution):
    check_distribution(distribution)


@each_labelled
@pytest.mark.parametrize("n", [200, 203, 3])
def test_stratified_classes_have_their_shares_to_one_point(distribution, n):
    _, labels = distribution.labelled(n, rng(), stratified=True)
    shares = distribution.class_shares()
    counts = np.bincount(labels, minlength=len(shares))
    assert counts.sum() == n and shares.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(counts - n * shares).max() < 1


@each_labelled
def test_plain_classes_have_their_shares_by_chance(distribution):
    """Binomial counts: within 4.5 deviations, and not all at their means."""
    n, shares = 8000, distribution.class_shares()
    counts = np.bincount(distribution.labelled(n, rng())[1], minlength=len(shares))
    deviations = np.sqrt(n * shares * (1 - shares))
    assert (np.abs(counts - n * shares) <= 4.5 * deviations).all()
    assert len(shares) == 2 or (np.abs(counts - n * shares) > 0.1 * deviations).any()


@each_labelled
def test_a_label_is_the_class_that_the_point_comes_from(distribution):
    """Far likelier by the law of its own class than by all others together, nearly always; and by the mixture of the
    classes' laws all have the whole's density."""
    drawn, labels = distribution.labelled(2000, rng(), stratified=True)
    classes = [distribution.of_class(label) for label in range(len(distribution.class_shares()))]
    own = np.exp([one.log_density(drawn) for one in classes]) * distribution.class_shares()[:, None]  # (K, n)
    assert (own.argmax(0) == labels).mean() > 0.99
    assert own.sum(0) == pytest.approx(np.exp(distribution.log_density(drawn)), rel=1e-9)


def test_who_has_classes_and_who_has_a_density():
    assert LABELLED.keys() == {"gaussians8", "gaussians25", "unequal", "moons", "rings", "checkerboard"}
    assert [name for name, one in ALL.items() if not isinstance(one, HasDensity)] == ["line"]


@pytest.mark.parametrize("name", ["gaussians8", "gaussians25"])
def test_stratified_modes_do_not_come_in_turns(name):
    """Every K-th point at one mode would give each slice of a draw the same modes, whatever the seed."""
    mixture = ALL[name]
    k = len(mixture.modes)
    drawn = mixture.sample(8 * k, rng(), stratified=True)
    nearest = ((drawn[:, None] - mixture.modes) ** 2).sum(-1).argmin(1).reshape(8, k)
    assert len({tuple(turn) for turn in nearest.tolist()}) == 8


def test_plain_mode_counts_are_binomial():
    mixture = ALL["gaussians8"]
    drawn = mixture.sample(8000, rng())
    nearest = ((drawn[:, None] - mixture.modes) ** 2).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=8)
    spread = math.sqrt(8000 * 7 / 64)  # of one count
    assert np.abs(counts - 1000).max() < 4.5 * spread
    assert counts.std() > spread / 4  # and they do fluctuate: a plain draw is not stratified


def test_stratified_lines_have_one_point_in_each_slice():
    z = ALL["line"].sample(64, rng(), stratified=True)[:, 1]
    assert sorted(np.floor(z * 64).astype(int).tolist()) == list(range(64))


def test_a_stratified_swiss_roll_has_one_point_in_each_slice_of_its_angle():
    drawn = SwissRoll(noise=1e-9, scale=7.5).sample(64, rng(), stratified=True) * 7.5
    u = (np.linalg.norm(drawn, axis=1) / (1.5 * math.pi) - 1) / 2  # the radius is the angle t
    assert sorted(np.floor(u * 64).astype(int).tolist()) == list(range(64))


@pytest.mark.parametrize("stratified", [False, True])
def test_the_line_is_a_unit_segment_at_theta(stratified):
    drawn = Line(theta=-0.75).sample(2000, rng(), stratified=stratified)
    assert (drawn[:, 0] == -0.75).all()
    assert drawn[:, 1].min() >= 0 and drawn[:, 1].max() <= 1
    assert drawn[:, 1].mean() == pytest.approx(0.5, abs=5 * 12**-0.5 / math.sqrt(2000))
    assert drawn[:, 1].std() == pytest.approx(12**-0.5, rel=0.05)


def test_the_swiss_roll_is_the_papers_spiral():
    """t(cos t, sin t), t in [3π/2, 9π/2], over 7.5; t/7.5 is the radius, so angle and radius determine each other."""
    roll = SwissRoll(noise=1e-9, scale=7.5)
    drawn = roll.sample(4000, rng())
    t = np.linalg.norm(drawn, axis=1) * 7.5
    assert t.min() >= 1.5 * math.pi - 1e-6 and t.max() <= 4.5 * math.pi + 1e-6
    assert t.min() == pytest.approx(1.5 * math.pi, abs=0.05) and t.max() == pytest.approx(4.5 * math.pi, abs=0.05)
    assert np.stack([t * np.cos(t), t * np.sin(t)], 1) / 7.5 == pytest.approx(drawn, abs=1e-6)


def test_the_swiss_rolls_noise_is_divided_by_the_scale():
    noisy, bare = SwissRoll(noise=0.25, scale=7.5), SwissRoll(noise=1e-12, scale=7.5)
    difference = noisy.sample(20_000, rng(3)) - bare.sample(20_000, rng(3))  # the same t, another noise
    assert difference.std() == pytest.approx(0.25 / 7.5, rel=0.02)
    assert np.abs(np.corrcoef(difference.T)[0, 1]) < 0.05


@each_smooth
def test_samples_fall_where_the_density_says(distribution):
    n, cells, reach = 40_000, 60, 3.2
    edges = np.linspace(-reach, reach, cells + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    x, y = np.meshgrid(middle, middle, indexing="ij")
    heights = np.exp(distribution.log_density(np.stack([x.ravel(), y.ravel()], 1)))
    shares = heights.reshape(cells, cells) * (2 * reach / cells) ** 2
    assert shares.sum() == pytest.approx(1, abs=1e-4)  # exact once a cell is narrower than sigma
    drawn = distribution.sample(n, rng(1))
    counts = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=[edges, edges])[0]
    block = 4  # coarser cells, for larger expected counts
    counts = counts.reshape(cells // block, block, cells // block, block).sum((1, 3))
    expected = shares.reshape(cells // block, block, cells // block, block).sum((1, 3)) * n
    full = expected >= 20
    chi_squared = ((counts - expected)[full] ** 2 / expected[full]).sum()
    # mean = degrees of freedom, variance = twice that
    assert abs(chi_squared - full.sum()) < 5 * math.sqrt(2 * full.sum())


def test_a_density_is_that_of_quadrature():
    """Of Gaussians written out, and of rings by the mean over 20,000 angles."""
    unequal, ring = ALL["unequal"], ALL["rings"]
    at = np.random.default_rng(4).uniform(-2, 2, (50, 2))
    heights = [norm.pdf(at, centre, unequal.sigma).prod(1) for centre in unequal.modes]  # (N,) each
    assert unequal.log_density(at) == pytest.approx(np.log(np.average(heights, axis=0, weights=SHARES)))
    angle = 2 * math.pi * np.arange(20_000) / 20_000
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    means = [norm.pdf(at[:, None], r * circle, ring.noise).prod(2).mean(1) for r in ring.radii]
    assert ring.log_density(at) == pytest.approx(np.log(np.mean(means, axis=0)))
    assert np.exp(ALL["checkerboard"].log_density(at)) == pytest.approx(
        np.where((np.floor(at).astype(int).sum(1) % 2) == 0, 1 / 8, 0)
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: unequal_gaussians([0.5, 0.6], 1, 1),
            r"weights=\[0.5,0.6\]: expected numbers above 0 that add up to 1",
        ),
        (lambda: unequal_gaussians([1.5, -0.5], 1, 1), r"weights=\[1.5,-0.5\]: expected numbers above 0"),
        (lambda: GaussianMixture(((0.0, 0.0),), 1, 1, (0.5, 0.5)), "expected 1 numbers, one for each Gaussian"),
        (lambda: Rings(radii=[1.0, 0.5], noise=0.1), r"radii=\[1.0,0.5\]: expected numbers that rise"),
        (lambda: Checkerboard(cells=10**6, reach=1.0), "cells=1000000: expected 2 to 64"),
        (lambda: Checkerboard(cells=1, reach=1.0), "cells=1: expected 2 to 64"),
    ],
)
def test_what_is_no_distribution_is_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: TwoMoons(noise=0, scale=1),
        lambda: Moon(lower=False, noise=1, scale=0),
        lambda: Rings(radii=[], noise=1),
        lambda: Rings(radii=[1.0], noise=-1),
        lambda: Checkerboard(cells=2, reach=0),
        lambda: gaussians8(spread=0, scale=1),
        lambda: gaussians8(spread=0.1, scale=-1),
        lambda: gaussians25(spread=-0.1, scale=1),
        lambda: SwissRoll(noise=0, scale=1),
        lambda: SwissRoll(noise=1, scale=0),
        lambda: GaussianMixture(((0.0, 0.0),), spread=float("nan"), scale=1),
    ],
)
def test_widths_and_scales_must_be_positive(make):
    with pytest.raises(UserError, match="expected a number above 0"):
        make()


@each
def test_identities_are_plain_and_tell_distributions_apart(distribution):
    import json

    known = [json.dumps(identity(other), sort_keys=True) for other in ALL.values()]
    assert json.dumps(identity(distribution), sort_keys=True) in known
    assert len(set(known)) == len(ALL)
    assert "-0.0" not in json.dumps(identity(distribution))


def test_an_identity_changes_with_every_parameter():
    base = gaussians8(0.1, 1.414)
    others = [gaussians8(0.02, 1.414), gaussians8(0.1, 1.5), gaussians25(0.1, 1.414), SwissRoll(0.1, 1.414)]
    identities = [str(identity(other)) for other in [base, *others]]
    assert len(set(identities)) == len(identities)

"""Exact denoisers: against brute force, quadrature and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from kantor.data.checkerboard import Checkerboard
from kantor.data.moons import TwoMoons
from kantor.data.points import Line, SwissRoll, gaussians8, unequal_gaussians
from kantor.data.rings import Rings
from kantor.noising import exact
from kantor.noising.exact import ExactGaussian, ExactMixture, cut_off, exact_denoiser, exact_told
from kantor.noising.levels import Levels

MIXTURE = gaussians8(spread=0.1, scale=1.414)
OF_MIXTURE = ExactMixture(torch.from_numpy(MIXTURE.modes), MIXTURE.sigma)


def levels(*pairs):
    alpha, sigma = zip(*pairs, strict=True)
    return Levels(torch.tensor(alpha, dtype=torch.float64), torch.tensor(sigma, dtype=torch.float64))


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def bayes_floor(alpha, sigma):
    """Of ‖x - D‖² of the 8 Gaussians, per dimension: x_t around one of them, by Gauss and Hermite."""
    z, w = np.polynomial.hermite_e.hermegauss(20)
    around = torch.from_numpy(np.stack(np.meshgrid(z, z), axis=-1).reshape(-1, 2))
    shares = torch.from_numpy(np.outer(w, w).ravel() / w.sum() ** 2)
    level = Levels(torch.tensor(alpha), torch.tensor(sigma))
    x_t = alpha * OF_MIXTURE.centres[0] + math.sqrt((alpha * MIXTURE.sigma) ** 2 + sigma**2) * around
    return float(shares @ OF_MIXTURE.posterior(x_t, level).variance)


def test_the_floors_of_the_eight_gaussians():
    """Of the loss in ε on the lecture's chain, by quartile of t, and of the linear flow's in v = ε - x."""
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[2::5]
    by_step = np.array([a / (1 - a) * bayes_floor(math.sqrt(a), math.sqrt(1 - a)) for a in alpha_bar])
    assert by_step.mean() == pytest.approx(0.188, abs=0.001)
    assert by_step.reshape(4, -1).mean(1) == pytest.approx([0.471, 0.253, 0.0261, 0.00081], rel=0.01)
    flow = [bayes_floor(1 - t, t) / t**2 for t in (np.arange(200) + 0.5) / 200]
    assert np.mean(flow) == pytest.approx(1.267, abs=0.003)


def test_the_posterior_variance_is_the_loss_of_the_denoiser():
    """E‖x - D‖², of pairs that were drawn; no other denoiser has less."""
    x, noise = torch.from_numpy(MIXTURE.sample(40_000, np.random.default_rng(1))), normal(40_000, 2)
    level = levels((0.6, 0.8))
    x_t = level.alpha[:, None] * x + level.sigma[:, None] * noise
    posterior = OF_MIXTURE.posterior(x_t, level)
    loss = (x - posterior.mean).square().mean()
    assert float(posterior.variance.mean()) == pytest.approx(float(loss), rel=0.02)
    assert (x - 1.05 * posterior.mean).square().mean() > loss < (x - 0.95 * posterior.mean).square().mean()


@pytest.mark.parametrize("at_once", [3, 4096])
def test_a_finite_set_by_brute_force(at_once, monkeypatch):
    """A softmax over distances, one level for each sample, whatever is looked at at once."""
    monkeypatch.setattr(exact, "CENTRES_AT_ONCE", at_once)
    pictures, level = normal(10, 1, 3, 3).float(), levels((0.9, 0.1), (0.5, 0.8), (1.0, 40.0), (0.0, 1.0), (1.0, 1e-3))
    x = normal(5, 1, 3, 3, seed=1)
    x[4] = pictures[3]
    found = ExactMixture(pictures, 0.0).posterior(x, level)
    for i in range(5):
        a, s = level.alpha[i], level.sigma[i]
        weights = torch.softmax(-(x[i] - a * pictures).square().sum((1, 2, 3)) / (2 * s**2), 0)
        mean = (weights[:, None, None, None] * pictures).sum(0)
        variance = (weights[:, None, None, None] * (pictures - mean).square()).sum(0).mean()
        torch.testing.assert_close(found.mean[i], mean, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(found.variance[i], variance, rtol=1e-9, atol=1e-12)
    assert torch.equal(found.mean[4].float(), pictures[3])


def test_the_mixture_is_the_training_set_that_was_drawn_from_it():
    """In the limit; at a deviation of its own it is not the finite set of its centres."""
    drawn = ExactMixture(torch.from_numpy(MIXTURE.sample(50_000, np.random.default_rng(0), stratified=True)), 0.0)
    x, level = torch.from_numpy(MIXTURE.sample(20, np.random.default_rng(1))), levels((0.98, 0.1))
    torch.testing.assert_close(drawn(x, level), OF_MIXTURE(x, level), rtol=0, atol=0.02)
    assert (ExactMixture(OF_MIXTURE.centres, 0.0)(x, level) - OF_MIXTURE(x, level)).abs().max() > 0.05


def test_a_gaussian():
    """The joint Gaussian of x and x_t conditioned, and a round one as a mixture of one."""
    root = normal(3, 3)
    mean, covariance = normal(3, seed=1), root @ root.T + 0.1 * torch.eye(3)
    x, level = normal(4, 3, seed=2), levels((0.6, 0.7))
    found = ExactGaussian(mean, covariance).posterior(x, level)
    noised = 0.6**2 * covariance + 0.7**2 * torch.eye(3)
    gain = 0.6 * covariance @ torch.linalg.inv(noised)
    torch.testing.assert_close(found.mean, mean + (x - 0.6 * mean) @ gain.T)
    left = covariance - 0.6 * gain @ covariance
    torch.testing.assert_close(found.variance, left.diagonal().mean().expand(4))
    truth = multivariate_normal(0.6 * mean.numpy(), noised.numpy()).logpdf(x.numpy())
    assert found.log_density.numpy() == pytest.approx(truth)
    round_one = ExactGaussian(mean, 0.3**2 * torch.eye(3, dtype=torch.float64)).posterior(x, level)
    for one, other in zip(round_one, ExactMixture(mean[None], 0.3).posterior(x, level), strict=True):
        torch.testing.assert_close(one, other)


def test_the_score_is_the_slope_of_the_log_density():
    """∇log p = (αD - x_t)/σ² (Tweedie), by automatic differentiation; and without noise the density is the data's."""
    x, level = normal(6, 2).requires_grad_(), levels((0.7, 0.4))
    posterior = OF_MIXTURE.posterior(x, level)
    (slope,) = torch.autograd.grad(posterior.log_density.sum(), x)
    torch.testing.assert_close(slope, (0.7 * posterior.mean - x) / 0.4**2)
    modes = [multivariate_normal(mode, MIXTURE.sigma**2).pdf(x.detach().numpy()) for mode in MIXTURE.modes]
    assert OF_MIXTURE.log_density(x.detach()).numpy() == pytest.approx(np.log(np.mean(modes, axis=0)))


def test_a_denoiser_answers_as_it_is_asked():
    """float32 pictures get float32 pictures, computed in float64."""
    x, level = normal(3, 2), levels((0.7, 0.4))
    assert OF_MIXTURE(x.float(), level).dtype == torch.float32
    torch.testing.assert_close(
        OF_MIXTURE(x.float(), level).double(), OF_MIXTURE(x.float().double(), level), rtol=1e-6, atol=1e-6
    )


def test_what_is_known_of_points():
    """Mixtures, and the swiss roll by enough of them to be its own entropy; a line has no density."""
    assert torch.equal(exact_denoiser(MIXTURE).centres, OF_MIXTURE.centres)
    assert exact_denoiser(Line(theta=0.0)) is None
    roll = SwissRoll(noise=0.25, scale=7.5)
    points = torch.from_numpy(roll.sample(400, np.random.default_rng(0)))
    t = (1.5 + 3 * (np.arange(40_000) + 0.5) / 40_000) * math.pi
    curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / 7.5
    fine = ExactMixture(torch.from_numpy(curve), 0.25 / 7.5).log_density(points[:40])
    torch.testing.assert_close(exact_denoiser(roll).log_density(points)[:40], fine, rtol=0, atol=1e-3)


LAWS = {
    "unequal": unequal_gaussians([0.4, 0.3, 0.2, 0.06, 0.04], spread=0.4, scale=1.414),
    "moons": TwoMoons(noise=0.1, scale=0.8),
    "rings": Rings(radii=[0.6, 1.2, 1.8], noise=0.08),
    "checkerboard": Checkerboard(cells=4, reach=2.0),
}
each_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


@each_law
@pytest.mark.parametrize(("alpha", "sigma"), [(0.8, 0.6), (1.0, 0.3), (0.05, 1.0)])
def test_every_exact_denoiser_is_that_of_many_of_its_points(law, alpha, sigma):
    """The finite set of 100,000 stratified points, whose posterior is a softmax: to a few per mille of the data."""
    many = ExactMixture(torch.from_numpy(law.sample(100_000, np.random.default_rng(0), stratified=True)), 0.0)
    x, level = alpha * torch.from_numpy(law.sample(100, np.random.default_rng(1))), levels((alpha, sigma))
    found, expected = (one.posterior(x + sigma * normal(100, 2), level) for one in (exact_denoiser(law), many))
    torch.testing.assert_close(found.mean, expected.mean, rtol=0, atol=0.01)
    torch.testing.assert_close(found.variance, expected.variance, rtol=0.02, atol=0.003)
    torch.testing.assert_close(found.log_density, expected.log_density, rtol=0, atol=0.06)


@each_law
@pytest.mark.parametrize("sigma", [0.02, 0.7])
def test_of_every_law_the_score_is_the_slope_of_the_log_density(law, sigma):
    """Also far out, where a softmax of distances has nothing to hold on to."""
    x = torch.cat([torch.from_numpy(law.sample(20, np.random.default_rng(1))), 6 * normal(5, 2)]).requires_grad_()
    posterior = exact_denoiser(law).posterior(x, levels((0.9, sigma)))
    (slope,) = torch.autograd.grad(posterior.log_density.sum(), x)
    torch.testing.assert_close(slope, (0.9 * posterior.mean - x) / sigma**2, rtol=1e-5, atol=1e-5)


@each_law
def test_without_noise_the_density_is_the_datas(law):
    points = law.sample(200, np.random.default_rng(3))
    found = exact_denoiser(law).log_density(torch.from_numpy(points), levels((1.0, 1e-7)))
    inside = found.numpy() - law.log_density(points)
    assert inside[:-1] == pytest.approx(np.zeros(199), abs=1e-4)


@each_law
def test_at_nothing_but_noise_everybody_is_the_mean(law):
    points = torch.from_numpy(law.sample(40_000, np.random.default_rng(3), stratified=True))
    posterior = exact_denoiser(law).posterior(3 * normal(4, 2), levels((0.0, 1.0)))
    torch.testing.assert_close(posterior.mean, points.mean(0).expand(4, 2), rtol=0, atol=0.005)
    torch.testing.assert_close(posterior.variance, points.var(0).mean().expand(4), rtol=0.01, atol=0)


@each_law
def test_who_is_told_the_class_has_the_posterior_of_that_class(law):
    x, labels = torch.from_numpy(law.sample(12, np.random.default_rng(2))), torch.arange(12) % len(law.class_shares())
    level = levels(*[(0.9, 0.1 + 0.05 * i) for i in range(12)])
    found = exact_told(law, labels).posterior(x, level)
    for i, label in enumerate(labels.tolist()):
        alone = exact_denoiser(law.of_class(label)).posterior(x[i : i + 1], level.each(slice(i, i + 1)))
        for one, other in zip(found, alone, strict=True):
            torch.testing.assert_close(one[i : i + 1], other)
    assert exact_told(SwissRoll(noise=0.25, scale=7.5), labels) is None


@pytest.mark.parametrize("below", [-40.0, -3.0, 0.0, 2.0, 35.0, 400.0])
@pytest.mark.parametrize("width", [3e-3, 0.1, 1.0, 60.0])
def test_a_gaussian_that_is_cut_off_far_out(below, width):
    """By quadrature of the density over its largest value, where it has not vanished; where the width is least, and it
    is hundreds of deviations away, two digits of the variance are left."""
    log_mass, mean, variance = cut_off(*torch.tensor([below, width], dtype=torch.float64))
    peak = min(max(0.0, below), below + width)
    reach = min(width, 40 / max(1.0, abs(peak)))
    start = min(max(peak - reach, below), below + width - reach) if below < 0 < below + width else peak
    step = -1 if start >= below + width - 1e-12 and below < 0 else 1
    low, high = (start, min(start + 2 * reach, below + width)) if step > 0 else (max(start - reach, below), start)
    z, w = np.polynomial.legendre.leggauss(400)
    z, w = (low + high) / 2 + (high - low) / 2 * z, (high - low) / 2 * w
    heights = w * np.exp(-(z**2 - peak**2) / 2)
    share = (z - below) / width
    expected = np.average(share, weights=heights)
    assert float(log_mass) == pytest.approx(math.log(heights.sum()) - (peak**2 + math.log(2 * math.pi)) / 2, abs=1e-6)
    assert float(mean) == pytest.approx(expected, abs=1e-5)
    assert float(variance) == pytest.approx(np.average((share - expected) ** 2, weights=heights), abs=0.01)

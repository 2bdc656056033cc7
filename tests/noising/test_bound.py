"""The variational bound against entropies, and its decoders."""

import math

import pytest
import torch

from kantor.keyed import Rng
from kantor.metrics.likelihood import bits_per_dim
from kantor.noising.betas import CosineBetas, LinearBetas
from kantor.noising.bound import Bound, Reverse, gaussian, larger_variance, smaller_variance, variational_bound
from kantor.noising.byte_levels import bytes_of_gaussian
from kantor.noising.exact import ExactGaussian, ExactMixture
from kantor.noising.levels import at_samples
from kantor.noising.path import Chain, Linear
from kantor.noising.transition import transition
from kantor.samplers.grids import Trailing

LECTURE = Chain(LinearBetas(1000, 1e-4, 0.02))
LEVELS = Trailing().levels(LECTURE, 1000)


class TwoPoints:
    """Noise whose second moments are exact over the four pairs of ±s and ±1: so are means of what is quadratic."""

    def normal(self, n, *shape):
        return torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64).reshape(n, *shape)


def of_gaussian(variance):
    return ExactGaussian(torch.zeros(1, dtype=torch.float64), torch.full((1, 1), variance, dtype=torch.float64))


def best_variance(exact):
    """That of p(x_s | x_t) itself, where it is Gaussian."""

    def reverse(x, t, s):
        posterior, moved = exact.posterior(x, t), transition(t, s)
        return Reverse(posterior.mean, at_samples(moved.smaller + moved.of_data**2 * posterior.variance, x))

    return reverse


def bound_of_gaussian(reverse, path, steps, variance):
    """Exactly, in nats a dimension."""
    x = math.sqrt(variance) * torch.tensor([[1.0], [1.0], [-1.0], [-1.0]], dtype=torch.float64)
    levels = Trailing().levels(path, steps)
    return Bound(*(term.mean() for term in variational_bound(reverse, levels, path.start, x, TwoPoints(), gaussian)))


def entropy(variance):
    return 0.5 * math.log(2 * math.pi * math.e * variance)


@pytest.mark.parametrize("steps", [2, 10, 1000])
@pytest.mark.parametrize(
    "path", [LECTURE, Chain(CosineBetas(1000, 0.008, 0.999)), Linear()], ids=["linear", "cosine", "flow"]
)
def test_with_the_best_variance_it_is_the_entropy(path, steps):
    """Of data with variance 1, whose noisiest samples are what sampling begins with; on the linear flow too, which has
    α = 0 there."""
    variance = 1.0 if path.preserves_variance else 0.25
    bound = bound_of_gaussian(best_variance(of_gaussian(variance)), path, steps, variance)
    assert float(bound.total) == pytest.approx(entropy(variance), abs=1e-9)


def test_with_the_best_variance_nothing_is_lost_but_at_the_prior():
    """Data with another variance: the rest is how far x_T is from the noise that sampling begins with."""
    short = Chain(LinearBetas(20, 1e-3, 0.2))
    bound = bound_of_gaussian(best_variance(of_gaussian(0.25)), short, 20, 0.25)
    left = 1 - short.alpha_bar[-1] * 0.75
    assert float(bound.total) == pytest.approx(entropy(0.25) + 0.5 * (left - 1 - math.log(left)), abs=1e-9)
    assert float(bound.prior) > 0


def test_what_the_usual_variances_lose():
    """β̃ is the posterior's of a single point, and too small for data with a variance of 0.25."""
    smaller = bound_of_gaussian(smaller_variance(of_gaussian(0.25), LEVELS), LECTURE, 1000, 0.25)
    assert float(smaller.total) - entropy(0.25) == pytest.approx(0.456, abs=5e-4)
    larger = bound_of_gaussian(larger_variance(of_gaussian(0.25), LEVELS), LECTURE, 1000, 0.25)
    assert float(larger.total) - entropy(0.25) == pytest.approx(0.0011, abs=5e-5)


def test_a_worse_denoiser_costs_what_its_error_costs():
    """Each step pays of_data²·(error)²/2/variance, whichever the data: equation 61's middle terms and no others."""

    def worse(x, level):
        return of_gaussian(1.0)(x, level) + 0.1

    levels, x = Trailing().levels(LECTURE, 50), torch.ones(4, 1, dtype=torch.float64)
    good, bad = (
        variational_bound(larger_variance(denoiser, levels), levels, 1.0, x, TwoPoints(), gaussian)
        for denoiser in (of_gaussian(1.0), worse)
    )
    cost, mean_cost = bad.steps.mean() - good.steps.mean(), 0.0
    for k in range(49):
        t, s = levels.each(k), levels.each(k + 1)
        moved = transition(t, s)
        x_t = t.alpha + t.sigma * TwoPoints().normal(4, 1)
        apart = float((1 - of_gaussian(1.0)(x_t, t)).mean())
        mean_cost += float(moved.of_data**2 / moved.larger) * (0.1**2 - 2 * 0.1 * apart) / 2
    assert float(cost) == pytest.approx(mean_cost, rel=1e-9)
    assert torch.equal(good.prior, bad.prior)


@pytest.mark.parametrize("deviation", [1e-3, 0.05, 3.0])
@pytest.mark.parametrize("mean", [-1.2, 0.013, 0.99])
def test_bytes_of_a_gaussian_have_a_mass_of_one(mean, deviation):
    """Over all 256, the first and the last with their tails; finite far from the mean."""
    x = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    nats = bytes_of_gaussian(x, torch.full_like(x, mean), torch.full_like(x, deviation**2))
    assert float(torch.exp(-nats).sum()) == pytest.approx(1, abs=1e-12)
    assert nats.isfinite().all() and (nats > -1e-12).all()
    inside = (x.abs() < 1) & ((x - mean).abs() < 2 * deviation)
    if deviation > 0.02:
        density = gaussian(x, torch.full_like(x, mean), torch.tensor(deviation**2)) - math.log(2 / 255)
        torch.testing.assert_close(nats[inside], density[inside], rtol=0, atol=5e-3)


@pytest.mark.parametrize("deviation", [6e-3, 0.05, 1.0])
def test_bytes_in_float32_are_the_same_but_for_rounding(deviation):
    """As a network learns its variance by them; so is what it learns by."""
    x, costs, slopes = torch.arange(256) / 127.5 - 1, [], []
    for dtype in (torch.float32, torch.float64):
        variance = torch.full((256,), deviation**2, dtype=dtype, requires_grad=True)
        nats = bytes_of_gaussian(x.to(dtype), torch.full((256,), 0.3, dtype=dtype), variance)
        nats.sum().backward()
        costs.append(nats.detach().double())
        slopes.append(variance.grad.double())
    torch.testing.assert_close(*costs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*slopes, rtol=5e-3, atol=1e-3)  # the worst 200 deviations from the mean


def test_uniform_bytes_cost_eight_bits():
    """With the exact denoiser of 256 equally likely levels, at a thousand steps, to the error of 256 samples."""
    levels = torch.arange(256, dtype=torch.float64)[:, None] / 127.5 - 1
    reverse = larger_variance(ExactMixture(levels, 0.0), LEVELS)
    bound = variational_bound(reverse, Trailing().levels(LECTURE, 1000), 1.0, levels, Rng(0), bytes_of_gaussian)
    bits = bits_per_dim(bound.total, 1)
    assert float(bits.mean()) == pytest.approx(8, abs=0.2)

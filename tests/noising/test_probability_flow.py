"""The likelihood of what the probability flow draws, against densities that are known."""

import math

import numpy as np
import pytest
import torch

from kantor.data.points import gaussians8
from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.metrics.likelihood import bits_per_dim
from kantor.noising.betas import LinearBetas
from kantor.noising.byte_levels import dequantised, nats_of_density
from kantor.noising.exact import ExactGaussian, ExactMixture
from kantor.noising.levels import Levels
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.noising.probability_flow import ProbabilityFlow

MIXTURE = gaussians8(spread=0.1, scale=1.414)
OF_MIXTURE = ExactMixture(torch.from_numpy(MIXTURE.modes), MIXTURE.sigma)
POINTS = torch.from_numpy(MIXTURE.sample(60, np.random.default_rng(0)))
PATHS = [
    Linear(),
    Cosine(),
    Chain(LinearBetas(1000, 1e-4, 0.02)),
    Exploding(low=1e-3, high=80.0),
]
paths = pytest.mark.parametrize("path", PATHS, ids=lambda path: type(path).__name__)


@paths
def test_of_a_mixture_it_is_its_density(path):
    flow = ProbabilityFlow(steps=60, probes=None, noise=1e-3)
    found = flow.log_density(OF_MIXTURE, path, POINTS, Rng(0))
    torch.testing.assert_close(found, OF_MIXTURE.log_density(POINTS), rtol=0, atol=3e-3)


def test_it_is_of_fourth_order():
    """On a path that ends in noise: nothing but the steps stands between it and the density with a little noise."""
    truth = OF_MIXTURE.log_density(POINTS, Levels(torch.tensor(1.0), torch.tensor(1e-2)))
    errors = [
        float(
            (
                ProbabilityFlow(steps=n, probes=None, noise=1e-2).log_density(OF_MIXTURE, Linear(), POINTS, Rng(0))
                - truth
            )
            .abs()
            .mean()
        )
        for n in (20, 40, 80)
    ]
    assert errors[-1] < 1e-5
    assert math.log2(errors[0] / errors[1]) > 3.5 and math.log2(errors[1] / errors[2]) > 3.5


@pytest.mark.parametrize("probes", [1, 5])
def test_probes_do_not_change_the_mean(probes):
    """Each alone is right on average, and more of them scatter less, as much less as means do."""
    root = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 3)))
    gaussian = ExactGaussian(torch.zeros(3, dtype=torch.float64), root @ root.T)
    x = torch.ones(600, 3, dtype=torch.float64)
    exact = float(ProbabilityFlow(steps=10, probes=None, noise=0.1).log_density(gaussian, Linear(), x[:1], Rng(0)))
    found = ProbabilityFlow(steps=10, probes=probes, noise=0.1).log_density(gaussian, Linear(), x, Rng(0))
    scatter = float(found.std())
    assert float(found.mean()) == pytest.approx(exact, abs=4 * scatter / math.sqrt(600))
    one = ProbabilityFlow(steps=10, probes=1, noise=0.1).log_density(gaussian, Linear(), x, Rng(1))
    assert scatter == pytest.approx(float(one.std()) / math.sqrt(probes), rel=0.15)


def test_signs_are_exact_where_dimensions_do_not_meet():
    """vᵀJv is the trace of a diagonal J for all signs; of normal probes it would only be so on average."""
    apart = ExactGaussian(torch.zeros(3, dtype=torch.float64), torch.tensor([0.1, 1.0, 4.0]).double().diag())
    x = torch.ones(4, 3, dtype=torch.float64)
    one, exact = (
        ProbabilityFlow(steps=5, probes=probes, noise=0.1).log_density(apart, Linear(), x, Rng(0))
        for probes in (1, None)
    )
    torch.testing.assert_close(one, exact)


def test_float32_denoisers_are_asked_in_float32():
    """And give what they give in float64, but for rounding."""
    flow = ProbabilityFlow(steps=30, probes=None, noise=1e-3)
    asked = set()

    def denoiser(x, level):
        asked.add(x.dtype)
        return OF_MIXTURE(x, level)

    found = flow.log_density(denoiser, Linear(), POINTS.float(), Rng(0))
    assert asked == {torch.float32} and found.dtype == torch.float64
    torch.testing.assert_close(found, flow.log_density(OF_MIXTURE, Linear(), POINTS, Rng(0)), rtol=0, atol=0.02)


def uniform(half):
    """The denoiser of samples that are uniform in [-half, half] along each dimension: means of cut normal laws."""

    def denoiser(x, level):
        mean, deviation = x / level.alpha, level.ratio
        a, b = (-half - mean) / deviation, (half - mean) / deviation
        a, b = torch.where(mean > 0, -b, a), torch.where(mean > 0, -a, b)  # to where both tails are small
        mass = torch.special.ndtr(b) - torch.special.ndtr(a)
        shift = (torch.exp(-a.square() / 2) - torch.exp(-b.square() / 2)) / math.sqrt(2 * math.pi) / mass
        return mean + deviation * torch.where(mean > 0, -shift, shift)

    return denoiser


def test_uniform_bytes_have_eight_bits():
    """By the flow of what they are spread to; a bit less or more would be a wrong unit of the levels."""
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (40, 3)) / 127.5 - 1)
    spread = dequantised(x, Rng(0))
    assert ((spread - x).abs() <= 1 / 255).all() and (spread - x).std() == pytest.approx(
        1 / 255 / math.sqrt(3), rel=0.2
    )
    flow = ProbabilityFlow(steps=60, probes=None, noise=1e-3)
    density = flow.log_density(uniform(256 / 255), Chain(LinearBetas(1000, 1e-4, 0.02)), spread, Rng(0))
    bits = bits_per_dim(nats_of_density(density, 3), 3)
    assert float(bits.mean()) == pytest.approx(8, abs=0.02)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"probes": 0}, {"noise": 0.0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        ProbabilityFlow(**{"steps": 10, "probes": None, "noise": 1e-3, **settings})

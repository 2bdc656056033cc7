"""Every sampler against laws whose denoisers are known: order, moments, and the exact recursion of a chain."""

import math

import pytest
import torch
from walks import (
    KINDS,
    LINEAR,
    ON_GRID,
    PAIR,
    SILENT,
    WITH_ORDER,
    deviation,
    error_along_quantiles,
    error_between,
    error_to_data,
    order,
)

from kantor import keyed
from kantor.config.compose import load_option
from kantor.config.files import options
from kantor.noising.betas import LinearBetas
from kantor.noising.path import Chain, Cosine, Exploding

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
each_on_grid = pytest.mark.parametrize("kind", ON_GRID.values(), ids=ON_GRID.keys())
each_with_order = pytest.mark.parametrize("kind", WITH_ORDER.values(), ids=WITH_ORDER.keys())
each_silent = pytest.mark.parametrize("kind", SILENT.values(), ids=SILENT.keys())
THOUSAND = Chain(betas=LinearBetas(steps=1000, first=1e-4, last=0.02))


def test_no_sampler_is_left_out():
    """Of denoisers; the kernels of chains are in test_kernels.py."""
    made = {one.of(4).name for one in KINDS.values()}
    of_chains = {name for name in options("sampler", []) if "kernel" in load_option("sampler", name)}
    assert made == {*options("sampler", [])} - {"direct"} - of_chains


@each_with_order
@pytest.mark.parametrize("variance", [0.25, 4.0])
def test_the_error_falls_with_the_samplers_order(kind, variance):
    assert order(lambda sampler: error_between(sampler, variance), kind.of) > kind.order - 0.1


@each_with_order
def test_also_from_pure_noise_to_the_data(kind):
    """Where two steps are put together in λ, which is infinite at both ends, a logarithm is lost."""
    least = kind.order - (0.25 if kind.of(4).name == "dpm2m" else 0.1)
    assert order(lambda sampler: error_to_data(sampler, 0.25), kind.of, steps=128) > least


@each_silent
def test_a_mixture_is_carried_along_its_quantiles(kind):
    assert order(error_along_quantiles, kind.of) > kind.order - 0.1


@each_kind
@pytest.mark.parametrize("path", [LINEAR, Cosine(), Exploding(low=0.002, high=80.0), THOUSAND], ids=repr)
def test_samples_have_the_variance_of_the_data_on_every_path(kind, path):
    sampler = kind.of(400)
    start = getattr(sampler, "start", path.start)
    assert deviation(sampler, 0.25, sampler.levels(path), start) == pytest.approx(0.5, rel=0.04)


@each_on_grid
def test_samples_of_a_mixture_have_its_moments(kind):
    sampler, n = kind.of(100), 4000
    drawn = sampler.draw(PAIR, LINEAR, (n, 1), keyed.Rng(5)).double()
    error = 4 * math.sqrt(PAIR.variance / n)
    assert drawn.mean().item() == pytest.approx(PAIR.mean, abs=error + 0.03)
    assert drawn.std().item() == pytest.approx(math.sqrt(PAIR.variance), rel=0.05)
    below = (drawn < 0.25).double().mean().item()  # between the two
    assert below == pytest.approx(PAIR.distribution(torch.tensor(0.25)).item(), abs=0.04)


@pytest.mark.parametrize(
    ("name", "variance", "share"),
    [("ancestral, β̃", 0.005, 0.898), ("ancestral, β", 0.005, 1.017), ("ancestral, β̃", 1.0, 0.991)],
)
def test_the_recursion_of_variances_along_the_chain(name, variance, share):
    """Known numbers for T = 1000: even the exact denoiser's samples are a little too narrow, or too wide."""
    sampler = KINDS[name].of(1000, grid="trailing")
    found = deviation(sampler, variance, sampler.levels(THOUSAND), 1.0) ** 2
    assert found / variance == pytest.approx(share, abs=5e-4)

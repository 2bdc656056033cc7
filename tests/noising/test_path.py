"""Paths: levels in closed form, their inverse, the lecture's chain, and what is refused."""

import math

import numpy as np
import pytest
import torch

from kantor.errors import UserError
from kantor.noising.betas import CosineBetas, GivenBetas, LinearBetas
from kantor.noising.chain_table import chain_table
from kantor.noising.levels import Levels, of_log_snr
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.noising.transition import transition

CHAIN = Chain(LinearBetas(1000, 1e-4, 0.02))
PATHS = [CHAIN, Chain(CosineBetas(50, 0.008, 0.999)), Linear(), Cosine(), Exploding(0.002, 80.0)]
each_path = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{type(path).__name__}{path.steps or ''}")
LECTURE = """
0.000 0.002 0.005 0.007 0.009 0.011 0.013 0.016 0.018 0.020
1.000 0.998 0.995 0.993 0.991 0.989 0.987 0.984 0.982 0.980
1.000 0.998 0.993 0.986 0.978 0.967 0.954 0.939 0.922 0.904
1.000 1.000 0.998 0.993 0.986 0.978 0.967 0.954 0.939 0.922
0.998 0.993 0.986 0.978 0.967 0.954 0.939 0.922 0.904 0.000
1.000 0.999 0.997 0.993 0.989 0.983 0.977 0.969 0.960 0.951
0.010 0.049 0.083 0.117 0.150 0.183 0.215 0.247 0.279 0.310
-9.21 -6.028 -4.973 -4.297 -3.797 -3.401 -3.074 -2.795 -2.553 -2.341
1.000 1.001 1.003 1.007 1.011 1.017 1.024 1.032 1.041 1.052
0.010 0.049 0.083 0.117 0.151 0.186 0.220 0.255 0.290 0.326
0.000 9.586e-05 1.575e-03 3.425e-03 5.426e-03 7.506e-03 9.633e-03 1.179e-02 1.397e-02 1.617e-02
-9.253 -9.253 -6.453 -5.677 -5.216 -4.892 -4.643 -4.440 -4.271 -4.125
1.000 0.959 0.653 0.493 0.396 0.331 0.284 0.249 0.222 0.200
0.000 0.041 0.347 0.507 0.604 0.669 0.716 0.751 0.778 0.800
"""
"""What the Purdue lecture prints for T = 10, in its order (slide of alpha_beta_calc.py)."""


def times(*, first=0.001, n=201):
    return torch.linspace(first, 0.999, n, dtype=torch.float64)


@each_path
def test_time_is_the_inverse_of_levels(path):
    t = times()
    assert torch.allclose(path.time(path.at(t)), t, rtol=0, atol=1e-12)


@each_path
def test_noise_grows_with_time_and_begins_small(path):
    levels = path.at(torch.linspace(0, 1, 301, dtype=torch.float64))
    assert (levels.ratio.diff() > 0).all()
    assert levels.ratio[0] < 0.01 and levels.alpha.dtype == torch.float64
    assert bool((path.at(torch.ones(())).alpha == 0).all()) == path.ends_in_noise
    if path.preserves_variance:
        assert torch.allclose(levels.alpha**2 + levels.sigma**2, torch.ones(301, dtype=torch.float64), atol=1e-14)
    assert levels.u.min() >= 0 and levels.u.max() <= 1


def test_the_lectures_table_for_ten_steps():
    rows = [np.array(row.split(), dtype=float) for row in LECTURE.strip().splitlines()]
    table = chain_table(Chain(LinearBetas(10, 1e-4, 0.02)))
    assert len(rows) == len(table) == 14
    for (name, row), printed in zip(table.items(), rows, strict=True):
        unit = 5e-7 if name == "posterior variance" else 5e-4
        unit = np.maximum(unit, 0.5e-3 * 10 ** np.floor(np.log10(np.abs(row) + 1e-12)) if "variance" in name else 0)
        assert (np.abs(row - printed) <= unit * 1.01).all(), name


def test_a_chain_of_levels_is_its_product_of_alphas():
    """In float64: the lecture's first step has σ² = β_1 to the last digits."""
    k = torch.arange(1, 1001, dtype=torch.float64)
    levels = CHAIN.at(k / 1000)
    product = np.cumprod([1 - b for b in np.linspace(1e-4, 0.02, 1000)])
    np.testing.assert_allclose(levels.alpha.numpy() ** 2, product, rtol=1e-12)
    assert float(levels.sigma[0] ** 2) == pytest.approx(1e-4, rel=1e-12)
    assert float(levels.alpha[-1] ** 2) == pytest.approx(4.04e-5, rel=1e-2)  # next to nothing is left


def test_step_after_step_is_one_step():
    """Equations 67 to 71: x_t of x_{t-1}, t times, has the mean and the variance of x_t of x_0."""
    mean, variance = 1.0, 0.0
    for k, beta in enumerate(CHAIN.beta, start=1):
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        levels = CHAIN.at(torch.tensor(k / 1000, dtype=torch.float64))
        assert float(levels.alpha) == pytest.approx(mean, rel=1e-11)
        assert float(levels.sigma) ** 2 == pytest.approx(variance, rel=1e-11)


@pytest.mark.parametrize("t", [1, 2, 10, 500, 1000])
def test_the_posterior_of_neighbouring_steps_is_the_lectures(t):
    """Equations 73 to 75, with the x_t that 74 lacks."""
    beta, before, now = CHAIN.beta[t - 1], np.append(1.0, CHAIN.alpha_bar)[t - 1], CHAIN.alpha_bar[t - 1]
    found = transition(*(CHAIN.at(torch.tensor(k / 1000, dtype=torch.float64)) for k in (t, t - 1)))
    expected = (
        math.sqrt(1 - beta) * (1 - before) / (1 - now),
        math.sqrt(before) * beta / (1 - now),
        (1 - before) / (1 - now) * beta,
        beta,
    )
    assert [float(value) for value in found] == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("path", "t", "s"), [(CHAIN, 0.8, 0.3), (Linear(), 1.0, 0.4), (Cosine(), 0.9, 0.1), (Exploding(0.01, 10), 0.9, 0.2)]
)
def test_a_transition_keeps_the_marginals(path, t, s):
    """x_s drawn from the posterior of x_t has mean α_s·x and variance σ_s², on every path."""
    high, low = (path.at(torch.tensor(value, dtype=torch.float64)) for value in (t, s))
    step = transition(high, low)
    assert float(step.of_x_t * high.alpha + step.of_data) == pytest.approx(float(low.alpha), rel=1e-12)
    assert float(step.of_x_t**2 * high.sigma**2 + step.smaller) == pytest.approx(float(low.sigma) ** 2, rel=1e-12)


def test_cosine_betas_are_improved_ddpms():
    """ᾱ in closed form, but for the last step, whose β is cut."""
    chain = Chain(CosineBetas(1000, 0.008, 0.999))

    def f(t):
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    assert chain.alpha_bar[499] == pytest.approx(f(500) / f(0), rel=1e-9)
    assert chain.beta[-1] == 0.999


def test_the_linear_path_in_u_is_itself():
    t = times()
    assert torch.equal(Linear().at(t).u, t)


def test_levels_of_a_signal_to_noise_ratio_keep_small_numbers():
    levels = of_log_snr(torch.tensor([40.0, 0.0, -40.0], dtype=torch.float64))
    assert float(levels.sigma[0]) == pytest.approx(math.exp(-20), rel=1e-9)
    assert torch.allclose(levels.log_snr, torch.tensor([40.0, 0.0, -40.0], dtype=torch.float64))
    assert Levels(levels.alpha, levels.sigma).each(1).ratio == 1


WRONG = [
    (lambda: LinearBetas(1, 1e-4, 0.02), r"steps=1: a chain has at least 2 steps"),
    (lambda: LinearBetas(10, 0.0, 0.02), r"first=0.0: β=0 is outside \(0, 1\)"),
    (lambda: LinearBetas(10, 0.1, 2.0), r"β=1\.\d+ is outside \(0, 1\)"),
    (lambda: LinearBetas(10, 0.02, 1e-4), r"β falls from 0.02 at step 1 to 0.01\d+ at step 2"),
    (lambda: GivenBetas([0.1]), r"beta=\[0.1\]: a chain has at least 2 steps"),
    (lambda: GivenBetas([0.1, 0.3, 0.2]), r"β falls from 0.3 at step 2 to 0.2 at step 3"),
    (lambda: GivenBetas([0.1, float("nan")]), r"β=nan is outside"),
    (lambda: CosineBetas(10, 0.008, 1.0), r"β=1 is outside \(0, 1\)"),
    (lambda: CosineBetas(10, -1.0, 0.999), r"offset=-1.0"),
    (lambda: Exploding(0.0, 1.0), r"low=0.0"),
    (lambda: Exploding(1.0, 1.0), r"high=1.0: expected more noise than low=1.0"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_what_is_no_path_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()

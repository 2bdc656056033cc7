import math

import pytest
import torch

from kantor.errors import UserError
from kantor.noising.betas import CosineBetas, LinearBetas
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.samplers.grids import GRIDS, Rho

TEN = Chain(betas=LinearBetas(steps=10, first=1e-4, last=0.02))
PATHS = {
    "ten": TEN,
    "thousand": Chain(betas=LinearBetas(steps=1000, first=1e-4, last=0.02)),
    "cosine chain": Chain(betas=CosineBetas(steps=100, offset=0.008, largest=0.999)),
    "linear": Linear(),
    "cosine": Cosine(),
    "exploding": Exploding(low=0.002, high=80.0),
}
each_grid = pytest.mark.parametrize("name", GRIDS)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param(name, path, id=f"{name}, {what}")
        for name in GRIDS
        for what, path in PATHS.items()
        if name != "leading" or path.steps is not None
    ],
)
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_levels_fall_from_the_paths_noise_to_the_data(name, path, steps):
    levels = GRIDS[name].levels(path, steps)
    assert levels.alpha.dtype == levels.sigma.dtype == torch.float64
    assert levels.u.shape == (steps + 1,) and (levels.u.diff() < 0).all()
    assert (levels.alpha[-1], levels.sigma[-1]) == (1, 0)
    on_path = path.at(path.time(levels.each(slice(0, -1))))
    assert torch.allclose(on_path.sigma, levels.sigma[:-1], rtol=1e-9)
    if name != "leading":
        noisiest = path.at(torch.ones((), dtype=torch.float64))
        assert levels.sigma[0] == noisiest.sigma and levels.alpha[0] == noisiest.alpha


@pytest.mark.parametrize(
    ("name", "steps", "visited"),
    [
        ("trailing", 5, [10, 8, 6, 4, 2]),
        ("trailing", 4, [10, 8, 5, 2]),  # halves to the even step
        ("trailing", 1, [10]),
        ("leading", 5, [9, 7, 5, 3, 1]),
        ("leading", 4, [7, 5, 3, 1]),
        ("linspace", 4, [10, 7, 4, 1]),
        ("linspace", 1, [10]),
        ("trailing", 10, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("leading", 10, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("linspace", 10, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_which_steps_of_a_chain_are_visited(name, steps, visited):
    levels = GRIDS[name].levels(TEN, steps)
    alpha_bar = torch.from_numpy(TEN.alpha_bar)[torch.tensor(visited) - 1]
    assert torch.allclose(levels.alpha[:-1] ** 2, alpha_bar, rtol=1e-12)


def test_rho_is_that_of_the_paper():
    """18 steps from 80 to 0.002, the paper's setting for CIFAR-10, and 0."""
    sigma = Rho(rho=7).levels(Exploding(low=0.002, high=80.0), 18).sigma
    assert sigma[:4].tolist() == pytest.approx([80, 57.586, 40.786, 28.375], rel=1e-4)
    assert sigma[-2:].tolist() == pytest.approx([0.002, 0], rel=1e-9)


def test_what_is_in_equal_steps():
    exploding, linear = PATHS["exploding"], PATHS["linear"]
    log_snr = GRIDS["log_snr"].levels(exploding, 9).log_snr[:-1].diff()
    assert torch.allclose(log_snr, log_snr[:1])
    assert torch.allclose(GRIDS["u"].levels(linear, 9).u.diff(), torch.full((9,), -1 / 9, dtype=torch.float64))
    times = linear.time(GRIDS["trailing"].levels(linear, 9))
    assert torch.allclose(times.diff(), torch.full((9,), -1 / 9, dtype=torch.float64))


def test_an_end_at_infinity_is_cut_and_still_the_first_level():
    for name in ("rho", "log_snr"):
        levels = GRIDS[name].levels(PATHS["linear"], 30)
        assert levels.alpha[0] == 0
        assert 20 < levels.ratio[1] < 80 and math.isclose(levels.ratio[-2], 0.002)
        assert GRIDS[name].levels(PATHS["cosine chain"], 30).ratio[1] < 80


@each_grid
def test_more_steps_than_the_chain_has_are_refused(name):
    with pytest.raises(UserError, match=r"steps=11: the model's chain has 10 steps; take at most 10"):
        GRIDS[name].levels(TEN, 11)


def test_what_a_grid_cannot_do_is_refused():
    with pytest.raises(UserError, match=r"grid=leading counts a chain's steps.* take trailing"):
        GRIDS["leading"].levels(PATHS["linear"], 4)
    with pytest.raises(UserError, match="steps=1: leading"):
        GRIDS["leading"].levels(TEN, 1)
    with pytest.raises(UserError, match="rho=0"):
        Rho(rho=0)

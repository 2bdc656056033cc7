"""What holds for every sampler, whatever it does."""

import json
from dataclasses import replace

import pytest
import torch
from walks import KINDS, LINEAR, PAIR, gaussian

from kantor import keyed
from kantor.errors import UserError
from kantor.noising.betas import LinearBetas
from kantor.noising.denoiser import NetworkDenoiser
from kantor.noising.levels import Levels
from kantor.noising.parametrisation import Epsilon
from kantor.noising.path import Chain
from kantor.samplers.ancestral import Ancestral
from kantor.samplers.base import GridSampler
from kantor.samplers.ddim import DDIM
from kantor.samplers.flow import Heun
from kantor.samplers.grids import GRIDS, Rho
from kantor.samplers.langevin import AnnealedLangevin, Counted, Langevin

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


class Watched:
    """A denoiser that keeps what it was asked and what it said."""

    def __init__(self, denoiser):
        self.denoiser, self.asked = denoiser, []

    def __call__(self, x, level):
        data = self.denoiser(x, level)
        self.asked.append((x, level, data))
        return data


@each_kind
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_the_evaluations_told_are_those_made_and_never_without_noise(kind, steps):
    sampler, watched = kind.of(steps), Watched(PAIR)
    sampler.draw(watched, LINEAR, (2, 1), keyed.Rng(0))
    assert len(watched.asked) == sampler.nfe == sampler.describe()["nfe"]
    assert all(level.sigma > 0 for _, level, _ in watched.asked)


@each_kind
@pytest.mark.parametrize("nfe", [30, 31, 100])
def test_as_many_steps_as_so_many_evaluations_allow(kind, nfe):
    found = kind.of(3).with_nfe(nfe)
    assert found.nfe <= nfe < replace(found, steps=found.steps + 1).nfe
    assert replace(found, steps=3) == kind.of(3)
    with pytest.raises(UserError, match=r"takes at least \d+ evaluations for a sample, not 0"):
        found.with_nfe(0)


@each_kind
def test_what_it_says_of_itself_is_plain(kind):
    sampler = kind.of(3)
    said = sampler.describe()
    assert said["sampler"] == sampler.name and said["steps"] == 3
    assert said.get("grid") == ("u" if isinstance(sampler, GridSampler) else None)
    assert json.loads(json.dumps(said)) == said


@each_kind
def test_rows_are_those_of_the_whole_however_it_is_shared(kind):
    sampler, path = kind.of(5), LINEAR
    whole = sampler.draw(PAIR, path, (12, 1), keyed.Rng(7))
    for world in (2, 3, 12):
        shares = [sampler.draw(PAIR, path, (12 // world, 1), keyed.Rng(7, rank=r, world=world)) for r in range(world)]
        assert torch.allclose(torch.cat(shares), whole, atol=1e-6)


@each_kind
def test_equal_keys_give_equal_samples_and_others_do_not(kind):
    def drawn(key):
        return kind.of(4).draw(PAIR, LINEAR, (3, 1, 2, 2), keyed.Rng(key))

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
    assert drawn(1).dtype == torch.float32


@each_kind
def test_noise_is_drawn_only_where_it_is_said(kind):
    class Counting(keyed.Rng):
        count = 0

        def normal(self, n, *shape):
            self.count += 1
            return super().normal(n, *shape)

    rng = Counting(0)
    kind.of(6).draw(PAIR, LINEAR, (2, 1), rng)
    assert (rng.count > 1) == kind.draws


@each_kind
def test_clipped_estimates_alone_are_used(kind):
    """With a denoiser that says 5 everywhere and is clipped, every sample ends at 1, as with one that says 1: means, ε̂
    and slopes are made of the clipped value."""

    def drawn(says, *, clip):
        sampler = kind.of(6, clip=clip)
        return sampler.draw(lambda x, level: torch.full_like(x, says), LINEAR, (4, 1), keyed.Rng(0))

    clipped = drawn(5.0, clip=True)
    assert torch.equal(clipped, drawn(1.0, clip=False))
    assert torch.allclose(clipped, torch.ones(4, 1), atol=1e-5)


@each_kind
def test_the_last_step_adds_no_noise(kind):
    watched = Watched(gaussian(0.25))
    drawn = kind.of(6).draw(watched, LINEAR, (4, 1), keyed.Rng(0))
    assert torch.allclose(drawn, watched.asked[-1][2], atol=1e-5)


def test_a_grid_of_ones_own_has_its_settings_in_the_description():
    sampler = KINDS["Heun"].of(3, grid=Rho(rho=3))
    assert sampler.describe()["grid"] == {"kind": "rho", "rho": 3}
    own, named = sampler.levels(LINEAR), KINDS["Heun"].of(3, grid="rho").levels(LINEAR)
    assert torch.equal(named.sigma, GRIDS["rho"].levels(LINEAR, 3).sigma) and not torch.equal(own.sigma, named.sigma)


QUIET = {"grid": "u", "clip": False, "guidance": 1.0, "guide": None}
CHURN = {"churn": 0.0, "churn_from": 0.0, "churn_to": None, "churn_noise": 1.0}


def langevin(**settings):
    settings = {"noise": 0.1, "step_size": 0.01, "start": 1.0} | settings
    return Langevin(steps=100, clip=False, guidance=1.0, guide=None, **settings)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Ancestral(steps=0, variance="beta", **QUIET), "steps=0: expected at least 1"),
        (lambda: DDIM(steps=2, eta=1.5, **QUIET), r"eta=1.5: expected a number in \[0, 1\]"),
        (lambda: Heun(steps=2, **QUIET, **(CHURN | {"churn": -1.0})), "churn=-1.0: expected at least 0"),
        (
            lambda: Heun(steps=2, **QUIET, **(CHURN | {"churn_from": 2.0, "churn_to": 1.0})),
            "churn_to=1.0: expected at least churn_from=2.0, or null",
        ),
        (lambda: AnnealedLangevin(steps=2, inner=0, step_size=0.1, **QUIET), "inner=0: expected at least 1"),
        (
            lambda: AnnealedLangevin(steps=2, inner=1, step_size=0.0, **QUIET),
            "step_size=0.0: expected a number above 0",
        ),
        (lambda: langevin(noise=0.0), "noise=0.0: expected a number above 0"),
        (lambda: langevin(start=-1.0), "start=-1.0: expected a number above 0"),
        (lambda: langevin(step_size=0.0), "step_size=0.0: expected a number above 0"),
        (
            lambda: langevin(noise=0.5).levels(Chain(betas=LinearBetas(steps=5, first=1e-3, last=0.02))),
            "noise=0.5: the model's path has no such",
        ),
        (
            lambda: langevin(step_size=3.0).draw(gaussian(0.25), LINEAR, (4, 1), keyed.Rng(0)),
            r"step_size=3.0: Langevin steps of this length go ever further, and after step \d\d of 100 samples are no "
            r"longer finite numbers; take less, such as sampler.step_size=0.3$",
        ),
        (
            lambda: AnnealedLangevin(steps=2, inner=200, step_size=3.0, **QUIET).draw(
                gaussian(0.25), LINEAR, (4, 1), keyed.Rng(0)
            ),
            r"step_size=3.0: Langevin steps .* after step 1\d\d of 400 samples .*sampler.step_size=0.3$",
        ),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        make()


def test_the_step_after_which_a_chain_is_nowhere_is_the_first_of_them():
    counted = Counted(0.5, steps=5)
    for place in (0.0, 1e30, torch.inf, torch.nan):
        counted(torch.tensor([[0.0], [place]]))
    with pytest.raises(UserError, match="after step 3 of 5 samples"):
        counted.check()


def test_a_network_is_given_samples_as_its_path_has_them():
    """Churn leaves the path of a chain: the same sample at another scale has the same estimate."""
    path = Chain(betas=LinearBetas(steps=50, first=1e-3, last=0.2))
    denoiser = NetworkDenoiser(lambda x, told: torch.tanh(x) + told[:, None], Epsilon(), path)
    x, level = torch.linspace(-2, 2, 5)[:, None], path.at(torch.tensor(0.5, dtype=torch.float64))
    scaled = denoiser(3 * x, Levels(3 * level.alpha, 3 * level.sigma))
    assert torch.allclose(scaled, denoiser(x, level), atol=1e-5)

"""Samplers against those of diffusers and azula, step by step, with the same noise and the same exact denoiser.

Run by `make peers`, which installs both.
"""

import pytest
import torch
from walks import KINDS, PAIR, kind

from kantor.noising.betas import LinearBetas
from kantor.noising.path import Chain
from kantor.samplers.ancestral import Ancestral

pytestmark = pytest.mark.peers
BETAS = {"steps": 1000, "first": 1e-4, "last": 0.02}
CHAIN = Chain(betas=LinearBetas(**BETAS))
STEPS = 50
START = torch.linspace(-2.5, 2.5, 32, dtype=torch.float64)[:, None]
each_clip = pytest.mark.parametrize("clip", [False, True])


class Repeated:
    """The noise that torch's generator gives after a seed, as the peers draw it."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(5)

    def normal(self, n, *shape):
        return torch.randn(n, *shape, generator=self.generator, dtype=torch.float64)


class Learned:
    """PAIR, with the v of a network that has learned it."""

    def __call__(self, x, level):
        return PAIR(x, level)

    def with_variance(self, x, level):
        return PAIR(x, level), torch.sigmoid(x)


def walked(sampler, denoiser=PAIR):
    """What x_t was at each evaluation, and the samples."""
    seen = []

    class Watched(Learned):
        def __call__(self, x, level):
            seen.append(x)
            return denoiser(x, level)

        def with_variance(self, x, level):
            seen.append(x)
            return denoiser.with_variance(x, level)

    last = sampler(Watched(), START, sampler.levels(CHAIN), Repeated())
    return [*seen, last]


def of_diffusers(scheduler, *, learned=False, **settings):
    """The same by a scheduler, which is told ε of the same denoiser."""
    scheduler.set_timesteps(STEPS)
    scheduler.alphas_cumprod = torch.from_numpy(CHAIN.alpha_bar)  # in float32 the last steps are off by 1.3e-5
    generator, x, seen = torch.Generator().manual_seed(5), START, []
    for index in scheduler.timesteps:
        seen.append(x)
        level = CHAIN.at((index + 1).double() / 1000)
        noise = (x - level.alpha * PAIR(x, level)) / level.sigma
        given = torch.cat([noise, 2 * torch.sigmoid(x) - 1], dim=1) if learned else noise
        drawing = {"generator": generator} if "generator" in scheduler.step.__code__.co_varnames else {}
        x = scheduler.step(given, index, x, **drawing, **settings).prev_sample
    return [*seen, x]


def assert_equal(ours, theirs, *, last=True):
    """At each step; the samples themselves, too, unless `last` says no."""
    assert len(ours) == len(theirs) == STEPS + 1
    for k, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if k < STEPS or last:
            assert (mine - other).abs().max() < 1e-5, k


def schedule(**settings):
    """What all schedulers are told."""
    return {"trained_betas": CHAIN.beta, "clip_sample": False} | settings


@each_clip
@pytest.mark.parametrize("grid", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize(("variance", "theirs"), [("beta_tilde", "fixed_small"), ("beta", "fixed_large")])
def test_ancestral_sampling_is_that_of_diffusers(grid, variance, theirs, clip):
    """Which adds noise of variance β even in the last step, where that does not begin at the chain's first."""
    from diffusers import DDPMScheduler

    peer = DDPMScheduler(**schedule(timestep_spacing=grid, variance_type=theirs, clip_sample=clip))
    sampler = kind(Ancestral, 1, variance=variance).of(STEPS, grid=grid, clip=clip)
    assert_equal(walked(sampler), of_diffusers(peer), last=(variance, grid) != ("beta", "trailing"))


def test_a_learned_variance_is_that_of_diffusers():
    from diffusers import DDPMScheduler

    peer = DDPMScheduler(**schedule(timestep_spacing="trailing", variance_type="learned_range"))
    sampler = kind(Ancestral, 1, variance="learned").of(STEPS, grid="trailing")
    assert_equal(walked(sampler, Learned()), of_diffusers(peer, learned=True), last=False)


@each_clip
@pytest.mark.parametrize("grid", ["leading", "trailing"])
@pytest.mark.parametrize(("name", "eta"), [("DDIM", 0.0), ("DDIM, η = ½", 0.5), ("DDIM, η = 1", 1.0)])
def test_ddim_is_that_of_diffusers(grid, name, eta, clip):
    """Which derives ε anew from what it has clipped only when asked to; and which goes T//n steps wherever its grid
    lies, so that linspace is another matter."""
    from diffusers import DDIMScheduler

    peer = DDIMScheduler(**schedule(timestep_spacing=grid, clip_sample=clip))
    sampler = KINDS[name].of(STEPS, grid=grid, clip=clip)
    assert_equal(walked(sampler), of_diffusers(peer, eta=eta, use_clipped_model_output=True))


def test_dpm_solver_is_that_of_diffusers():
    from diffusers import DPMSolverMultistepScheduler

    settings = schedule(timestep_spacing="trailing", algorithm_type="dpmsolver++", final_sigmas_type="zero")
    del settings["clip_sample"]
    peer = DPMSolverMultistepScheduler(**settings, solver_order=2)
    assert_equal(walked(KINDS["DPM-Solver++ 2M"].of(STEPS, grid="trailing")), of_diffusers(peer))


@pytest.mark.parametrize(("name", "eta"), [("DDIM", 0.0), ("DDIM, η = ½", 0.25), ("DDIM, η = 1", 1.0)])
def test_ddim_is_that_of_azula(name, eta):
    """Whose η is the square of the paper's."""
    from azula.denoise import Denoiser, DiracPosterior
    from azula.noise import Schedule
    from azula.sample import DDIMSampler

    class Steps(Schedule):
        def __call__(self, t):
            level = CHAIN.at(t.double())
            return level.alpha, level.sigma

    class Exact(Denoiser):
        schedule = Steps()

        def forward(self, x_t, t, **given):
            return DiracPosterior(mean=PAIR(x_t, CHAIN.at(t.double())))

    peer, theirs, x = DDIMSampler(Exact(), eta=eta, steps=STEPS, silent=True, dtype=torch.float64), [], START
    torch.manual_seed(5)
    for t, s in peer.timesteps.unfold(0, 2, 1).unbind():
        theirs.append(x)
        x = peer.step(x, t, s)
    assert_equal(walked(KINDS[name].of(STEPS, grid="trailing")), [*theirs, x])

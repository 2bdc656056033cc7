"""The hybrid loss is the simple one and the bound's terms, and what learns of which."""

from dataclasses import replace

import pytest
import tiny
import torch

from kantor import keyed
from kantor.config.compose import load_options
from kantor.config.schema import Configuration
from kantor.data.share import Share
from kantor.errors import UserError
from kantor.noising.bound import learned_variance, variational_bound
from kantor.noising.levels import at_samples
from kantor.noising.path import Linear
from kantor.noising.times import Times, Uniform
from kantor.noising.transition import transition
from kantor.objectives.denoising import Denoising
from kantor.samplers.ancestral import Ancestral
from kantor.samplers.grids import Trailing

STEPS = 20


class EachStep(Times):
    """Step k of the chain for sample k - 1."""

    def quantile(self, u, path):
        return torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS


class Given:
    """The same noise whenever it is asked for."""

    def __init__(self, noise):
        self.noise = noise

    def normal(self, n, *shape):
        return self.noise[:1] if n == 1 else self.noise

    def open_uniform(self, n):
        return torch.full((n,), 0.5, dtype=torch.float64)


def test_the_terms_are_those_of_the_bound():
    """Over all steps their mean is the bound of the same denoiser, but for the prior."""
    model = tiny.hybrid()
    x = torch.tensor([[0.4, -0.3]]).expand(STEPS, 2)
    noise = torch.tensor([[0.7, -1.1]]).expand(STEPS, 2)
    objective = replace(tiny.HYBRID, times=EachStep())
    with torch.no_grad():
        noised = objective.noised(x, Given(noise))
        given, raw = noised.seen_by(model.denoiser).chunk(2, dim=1)
        terms = objective.bound_terms(given, (raw + 1) / 2, noised).sum(1) / STEPS
        levels = Trailing().levels(objective.path, STEPS)
        denoiser = model.denoiser_of(model.networks())
        reverse = learned_variance(denoiser, levels)
        bound = variational_bound(reverse, levels, 1.0, x[:1], Given(noise), objective.decoder)
    assert float(terms.sum()) == pytest.approx(float(bound.steps + bound.decoder), rel=1e-5)
    assert float(terms[0]) == pytest.approx(float(bound.decoder), rel=1e-5)
    assert (terms[1:] >= 0).all()


def test_the_loss_is_simple_and_a_little_of_the_bound():
    model, x = tiny.hybrid(), torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    found = tiny.HYBRID.losses(model.denoiser, x, keyed.Rng(0))
    plain = Denoising(**{name: getattr(tiny.HYBRID, name) for name in Denoising.__dataclass_fields__})
    simple = plain.losses(lambda x, told: model.denoiser(x, told).chunk(2, dim=1)[0], x, keyed.Rng(0))
    assert torch.equal(found.times, simple.times)
    noised = tiny.HYBRID.noised(x, keyed.Rng(0))
    given, raw = noised.seen_by(model.denoiser).chunk(2, dim=1)
    bound = tiny.HYBRID.bound_terms(given, (raw + 1) / 2, noised).mean(1)
    torch.testing.assert_close(found.losses, simple.losses + (0.001 * bound).float())
    assert (found.losses - simple.losses).abs().max() > 1e-5


def test_the_bound_teaches_the_variance_alone():
    """And the simple loss the mean alone, whatever the weight of the bound."""
    x, gradients = torch.randn(9, 2, generator=torch.Generator().manual_seed(0)), []
    for weight in (0.001, 10.0):
        model = tiny.hybrid()
        replace(tiny.HYBRID, bound_weight=weight).losses(model.denoiser, x, keyed.Rng(0)).losses.mean().backward()
        gradients.append(model.denoiser.last.weight.grad.chunk(2))
    (mean, variance), (same, more) = gradients
    assert torch.equal(mean, same) and mean.abs().max() > 0
    torch.testing.assert_close(more, 1e4 * variance, rtol=1e-3, atol=1e-6)


def test_the_variance_is_between_and_samples_take_it():
    """v = 0 is β̃ and v = 1 is β, also in the last step, where β̃ is that of the step before."""
    levels = Trailing().levels(tiny.HYBRID.path, STEPS)
    x = torch.zeros(1, 2)

    class Told:
        def __init__(self, v):
            self.v = v

        def __call__(self, x, level):
            return x

        def with_variance(self, x, level):
            return x, torch.full_like(x, self.v)

    for k in (0, 7, STEPS - 1):
        t, s = levels.each(k), levels.each(k + 1)
        moved = transition(t, s)
        smaller = moved.smaller if k < STEPS - 1 else transition(levels.each(k - 1), t).smaller
        for v, expected in ((0.0, smaller), (1.0, moved.larger), (0.5, (smaller * moved.larger).sqrt())):
            variance = learned_variance(Told(v), levels)(x, t, s).variance
            torch.testing.assert_close(variance, at_samples(expected, variance).expand(1, 2))
    model = tiny.hybrid()
    drawn = {}
    for variance in ("learned", "beta"):
        sampler = Ancestral(steps=STEPS, grid="trailing", clip=False, guidance=1.0, guide=None, variance=variance)
        model.check_sampler(sampler)
        drawn[variance] = model.sample(4, rng=keyed.Rng(0), sampler=sampler, weights="raw")
    assert drawn["learned"].shape == (4, 2) and not torch.equal(drawn["learned"], drawn["beta"])


def test_a_model_trains_by_it():
    model = tiny.hybrid()
    tiny.fit(model, tiny.points(), 2)
    assert model.values["train/loss"].isfinite() and {"train/loss_q1"} <= set(
        model.measurements(tiny.points().blocks(model, Share()).block(0), keyed.Rng(0))
    )


def test_what_does_not_go_together():
    with pytest.raises(UserError, match="the path Linear has none; take the path Chain"):
        replace(tiny.HYBRID, path=Linear(), parametrisation=tiny.FLOW.parametrisation, times=Uniform(0, 1))
    with pytest.raises(UserError, match="bound_weight=0"):
        replace(tiny.HYBRID, bound_weight=0)
    model = tiny.flow(objective=tiny.HYBRID)  # a network with as many outputs as inputs
    with pytest.raises(UserError, match=r"it makes \(2,\), expected \(4,\): Hybrid learns a variance"):
        model.check_shapes((2,))


def test_the_yaml_is_the_papers():
    built = Configuration(load_options({"objective": "improved_ddpm"})).build("objective")
    assert built.path.steps == 4000 and built.bound_weight == 0.001
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    losses = built.losses(lambda x, told: torch.cat([x, x], dim=1), x, keyed.Rng(0)).losses
    assert losses.shape == (2,) and losses.isfinite().all()

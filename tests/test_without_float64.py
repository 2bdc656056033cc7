"""Devices without float64, as Apple's GPUs are: nothing of it is made there, wherever tables and likelihoods are."""

from dataclasses import replace
from functools import partial

import pytest
import tiny
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from walks import KINDS

from kantor.evaluation.denoiser_likelihood import Flow, VariationalBound
from kantor.keyed import Rng
from kantor.models.denoising_measurements import outside, over_nothing
from kantor.models.regret import by_quartile
from kantor.noising.byte_levels import bytes_of_gaussian
from kantor.noising.coupling import OptimalTransport
from kantor.noising.exact import exact_denoiser
from kantor.noising.levels import Levels
from kantor.noising.path import Cosine, Exploding
from kantor.noising.times import LogNormal
from kantor.samplers.inpainting import Redrawing

THERE = torch.device("meta")
ANCESTRAL = KINDS["ancestral, β"].of
SAMPLERS = {
    **{name: kind.of(3, grid="trailing") for name, kind in KINDS.items()},
    "learned variance": replace(ANCESTRAL(3), grid="trailing", variance="learned"),
    "clipped": ANCESTRAL(3, grid="linspace", clip=True),
}
BOUND = VariationalBound(steps=3, variance="beta", pictures=2)
WAYS = {
    "flow": Flow(steps=2, probes=2, noise=1e-3, pictures=2),
    "β": BOUND,
    "β̃": replace(BOUND, variance="beta_tilde"),
    "learned": replace(BOUND, variance="learned"),
}
OBJECTIVES = {
    "flow": tiny.FLOW,
    "optimal transport": replace(tiny.FLOW, coupling=OptimalTransport()),
    "log-normal": replace(tiny.FLOW, path=Exploding(0.01, 10.0), times=LogNormal(-1.0, 1.0)),
    "cosine": replace(tiny.FLOW, path=Cosine()),
    "chain": tiny.DDPM,
    "hybrid": tiny.HYBRID,
    "hybrid of bytes": replace(tiny.HYBRID, decoder=bytes_of_gaussian),
}


class WithoutFloat64(TorchDispatchMode):
    """`meta` as a device that has no float64, from which zeros are fetched, and of which all that is asked holds."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = kwargs or {}
        to = given.get("device")
        if func is torch.ops.aten._to_copy.default and args[0].device == THERE and to is not None and to != THERE:
            return torch.zeros(args[0].shape, dtype=given.get("dtype") or args[0].dtype)
        if func is torch.ops.aten._local_scalar_dense.default and args[0].dtype == torch.bool:
            return True
        made = func(*args, **given)
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.device == THERE and tensor.dtype == torch.float64:
                raise TypeError(f"{func} makes float64 where there is none")
        return made


@pytest.fixture(autouse=True)
def without_float64():
    with WithoutFloat64():
        yield


def model_of(objective):
    wide = objective.channels(2) == 4
    return tiny.flow(denoiser=lambda: tiny.time_mlp(2, outputs=4 if wide else 2), objective=objective).to(THERE)


def test_the_device_refuses_it():
    """And gives what is fetched from it in float32."""
    with pytest.raises(TypeError):
        torch.ones(2, device=THERE).double()
    with pytest.raises(TypeError):
        torch.ones(2, dtype=torch.float64).to(THERE)
    assert torch.ones(2, device=THERE).cpu().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_a_training_step(objective):
    model, x = model_of(objective), torch.zeros(4, 2, device=THERE)
    objective.losses(model.denoiser, x, Rng(0, device=THERE)).losses.mean().backward()
    assert model.denoiser.last.weight.grad.shape == model.denoiser.last.weight.shape


def test_what_is_measured():
    model, x = model_of(tiny.FLOW), torch.zeros(4, 2, device=THERE)
    denoiser, exact = model.denoiser_of(model.networks()), exact_denoiser(tiny.points().distribution)
    with torch.no_grad():
        made = by_quartile(tiny.FLOW, denoiser, exact, x, Rng(0, device=THERE))
        made |= over_nothing(tiny.FLOW, model.denoiser, x, partial(Rng, 0, device=THERE))
        made |= outside(denoiser, model.path, x, Rng(0, device=THERE))
    assert len(made) == 10 and all(value.device == THERE for value in made.values())


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_samples(sampler):
    drawn = tiny.samples(model_of(tiny.HYBRID), sampler=sampler)
    assert drawn.shape == (5, 2) and drawn.device == THERE


def test_samples_that_are_guided_or_drawn_around_something():
    model = tiny.image_ddpm().to(THERE)
    guided = replace(tiny.FEW_STEPS, guidance=2.0)
    assert tiny.samples(model, sampler=guided).device == THERE
    half = torch.zeros(1, tiny.SIDE, tiny.SIDE)
    redrawn = Redrawing(tiny.FEW_STEPS, model.path, half, half > 0, 0.9)
    assert tiny.samples(model, sampler=redrawn).device == THERE


def test_samples_of_the_exact_denoiser():
    """Which an error budget draws on the model's device."""
    exact, level = exact_denoiser(tiny.points().distribution), torch.full((), 0.5, dtype=torch.float64)
    assert exact(torch.zeros(4, 2, device=THERE), Levels(level, level)).device == THERE


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("as_bytes", [False, True])
def test_likelihoods(way, as_bytes):
    model = model_of(tiny.HYBRID if way.describe(2).get("variance") == "learned" else tiny.DDPM)
    nats = way.nats(model, torch.zeros(4, 2), None, weights="raw", rng=Rng(0, device=THERE), as_bytes=as_bytes)
    assert nats.dtype == torch.float64 and nats.device.type == "cpu" and nats.isfinite().all()


def test_likelihoods_that_are_estimated():
    """Of pictures the divergence is, and labels go with them."""
    model, labels = tiny.image_ddpm().to(THERE), torch.zeros(2, dtype=torch.int64, device=THERE)
    x = torch.zeros(2, 1, tiny.SIDE, tiny.SIDE)
    nats = WAYS["flow"].nats(model, x, labels, weights="ema", rng=Rng(0, device=THERE), as_bytes=True)
    assert nats.dtype == torch.float64 and nats.shape == (2, 1)

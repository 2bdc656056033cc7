"""Accumulated and clipped gradients against those of one pass, in float64, over all objectives and families."""

import functools

import pytest
import torch
from every_objective import OBJECTIVES
from tiny import (
    SIDE,
    TinyImages,
    fit,
    gan,
    image_cgan,
    image_vae,
    mlp,
    points,
    same,
    state,
    vae,
)
from torch import nn
from torch.nn.utils import parametrizations

from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models.latent import Normal


class DoubleNormal(Normal):
    """Noise in float64."""

    def __call__(self, n, rng):
        return super().__call__(n, rng).double()


class Noting:
    """Makes optimizers that note the gradients of each step, by network."""

    def __init__(self):
        self.steps = []

    def optimizer(self, name):
        noting = self

        class Noted(torch.optim.SGD):
            def step(self, closure=None):
                gradients = [weight.grad.detach().clone() for group in self.param_groups for weight in group["params"]]
                noting.steps.append((name, gradients))
                return super().step(closure)

        return functools.partial(Noted, lr=0.1)


class DoubleImages(TinyImages):
    """Pictures in float64: Lightning's 64-true converts what is a float before the data make it one."""

    def on_after_batch_transfer(self, batch, dataloader_idx):
        samples, labels = super().on_after_batch_transfer(batch, dataloader_idx)
        return Block(samples.double(), labels)


def adversarial(make, objective, **settings):
    def made(noting, **changed):
        optimizers = {f"{name}_optimizer": noting.optimizer(name) for name in ("generator", "critic")}
        return make(objective=OBJECTIVES[objective], **optimizers, **settings, **changed)

    return made


def bare_vae(make, **settings):
    return lambda noting, **changed: make(optimizer=noting.optimizer("all"), **settings, **changed)


labelled = functools.partial(DoubleImages, labelled=True)
MADE = {
    **{name: (adversarial(gan, name, latent=DoubleNormal(2)), points) for name in OBJECTIVES},
    **{
        f"conditional {name}": (adversarial(image_cgan, name, n_critic=2, latent=DoubleNormal(4)), labelled)
        for name in OBJECTIVES
    },
    "vae of points": (bare_vae(vae, latent=DoubleNormal(2)), points),
    "vae of pictures": (bare_vae(image_vae, latent=DoubleNormal(4)), DoubleImages),
}
each_made = pytest.mark.parametrize(("make", "data"), MADE.values(), ids=MADE.keys())


def gradients(make, data, *, precision="64-true", **settings):
    """The gradients of all optimizer steps in two training steps on batches of 12, and the last step's values."""
    noting = Noting()
    model = make(noting, **settings)
    fit(model, data(batch_size=12), 2, precision=precision)
    return noting.steps, model


@each_made
@pytest.mark.parametrize("passes", [2, 3])
def test_accumulated_gradients_are_those_of_one_pass(make, data, passes):
    one, model = gradients(make, data)
    several, accumulated = gradients(make, data, accumulate=passes)
    assert [name for name, _ in several] == [name for name, _ in one]
    for (_, expected), (_, found) in zip(one, several, strict=True):
        for gradient, whole in zip(found, expected, strict=True):
            assert whole.dtype == torch.float64
            torch.testing.assert_close(gradient, whole, rtol=1e-12, atol=1e-12 * float(whole.abs().max()))
    assert accumulated.counters() == model.counters()
    for name, value in model.values.items():
        torch.testing.assert_close(accumulated.values[name], value, rtol=1e-10, atol=1e-12)


def norm(gradients):
    return float(torch.stack([gradient.norm() for gradient in gradients]).norm())


@each_made
def test_gradients_are_clipped_to_a_norm_in_their_own_direction(make, data):
    """Of each network by itself; the VAE's optimizer has two."""
    (name, whole), *_ = gradients(make, data)[0]
    bound = norm(whole) / 10
    steps, model = gradients(make, data, gradient_clip_norm=bound)
    networks = len(model.networks()) if name == "all" else 1
    for _, clipped in steps:
        assert norm(clipped) <= bound * networks**0.5 * (1 + 1e-6)
    (_, clipped), *_ = steps  # of the same weights as `whole`
    if networks == 1:
        for gradient, before in zip(clipped, whole, strict=True):
            torch.testing.assert_close(gradient, before / 10, rtol=1e-5, atol=1e-12)


@each_made
def test_smaller_gradients_are_left_alone(make, data):
    bounded, free = (gradients(make, data, gradient_clip_norm=bound)[1] for bound in (1e9, None))
    assert same(state(bounded), state(free))


def test_several_passes_are_clipped_together(tmp_path):
    """The bound is on the gradient of the whole batch, not on that of each part."""
    make, data = MADE["wasserstein"]
    one, _ = gradients(make, data, gradient_clip_norm=1e-3)
    three, _ = gradients(make, data, gradient_clip_norm=1e-3, accumulate=3)
    for (_, expected), (_, found) in zip(one, three, strict=True):
        for gradient, whole in zip(found, expected, strict=True):
            torch.testing.assert_close(gradient, whole, rtol=1e-9, atol=1e-15)


def test_passes_take_the_memory_of_one_part():
    """The largest batch that a network meets is a part."""
    sizes = set()

    class Sized(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(2, None)

        def forward(self, x):
            sizes.add(len(x))
            return self.body(x)

    fit(gan(critic=Sized, accumulate=4), points(batch_size=12), 2)
    assert sizes == {3}


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm1d(SIDE), nn.SyncBatchNorm(SIDE)], ids=lambda layer: type(layer).__name__
)
@pytest.mark.parametrize("network", ["generator", "critic"])
def test_batch_normalisation_is_not_accumulated(network, layer):
    def made():
        return nn.Sequential(mlp(2, SIDE), layer, nn.Linear(SIDE, 2))

    with pytest.raises(UserError, match=r"^optimisation\.accumulate=2: the (generator|discriminator) has batch norm"):
        gan(**{network: made}, accumulate=2).check_networks()
    gan(**{network: made}).check_networks()


@pytest.mark.parametrize("normalise", [parametrizations.spectral_norm, nn.utils.spectral_norm], ids=["class", "hook"])
@pytest.mark.parametrize("network", ["generator", "critic"])
def test_spectral_normalisation_is_not_accumulated(network, normalise):
    def made():
        return nn.Sequential(normalise(nn.Linear(2, 4)), nn.Linear(4, 2))

    with pytest.raises(
        UserError, match=r"^optimisation\.accumulate=2: the (generator|discriminator) has spectral norm"
    ):
        gan(**{network: made}, accumulate=2).check_networks()
    gan(**{network: made}).check_networks()


@pytest.mark.parametrize("parametrize", [parametrizations.weight_norm, parametrizations.orthogonal])
def test_a_function_of_the_weight_alone_is_accumulated(parametrize):
    gan(critic=lambda: nn.Sequential(parametrize(nn.Linear(2, 2))), accumulate=2).check_networks()


def test_kept_samples_are_not_accumulated():
    with pytest.raises(UserError, match=r"^accumulate=2: .*take optimisation\.generator_noise=fresh"):
        gan(accumulate=2, generator_noise="last")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"accumulate": 0}, "^accumulate=0"),
        ({"gradient_clip_norm": 0.0}, "^gradient_clip_norm=0"),
        ({"gradient_clip_norm": -1.0}, "^gradient_clip_norm=-1"),
    ],
)
@pytest.mark.parametrize("make", [gan, vae])
def test_settings_out_of_range_are_refused(make, wrong, message):
    with pytest.raises(UserError, match=message):
        make(**wrong)

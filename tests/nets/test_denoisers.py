"""Networks of noised samples: sizes of the lectures', and what they are told."""

import functools

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from kantor.config.compose import load_option
from kantor.config.targets import instantiate
from kantor.errors import UserError
from kantor.nets.attention import SelfAttention
from kantor.nets.normalisation import grouped
from kantor.nets.pooled_unet import PooledUNet
from kantor.nets.residual import Added, ResidualBlock, ScaledAndShifted
from kantor.nets.time_embedding import NoiseEmbedding, sinusoids
from kantor.nets.time_mlp import TimeMLP
from kantor.nets.unet import UNet
from kantor.testing import check_network


def unet(**changed):
    settings = {
        "channels": 1,
        "outputs": 1,
        "width": 8,
        "multipliers": [1, 2],
        "blocks": 1,
        "attention": [2],
        "heads": 2,
        "modulate": Added,
        "normalise": functools.partial(grouped, groups=4),
        "dropout": 0.0,
        "patch": 1,
        "scale": 1000.0,
        "classes": None,
        "recompute": False,
    }
    return UNet(**{**settings, **changed})


def lectures_unet(**changed):
    settings = {"channels": 3, "outputs": 3, "width": 128, "multipliers": [1, 2, 3, 4], "blocks": 2, "heads": 1}
    settings |= {"attention": [4, 8], "normalise": functools.partial(grouped, groups=32)}
    return unet(**{**settings, **changed})


def pooled_unet(**changed):
    settings = {"channels": 1, "width": 8, "image_size": 8, "normalise": functools.partial(grouped, groups=4)}
    return PooledUNet(**{**settings, **changed})


def time_mlp(**changed):
    settings = {
        "inputs": 2,
        "outputs": 2,
        "width": 8,
        "hidden_layers": 2,
        "activation": nn.SiLU,
        "waves": 6,
        "scale": 1000.0,
    }
    return TimeMLP(**{**settings, "classes": None, **changed})


def woken(network, seed=0):
    """With weights in the place of the zeros that it begins with."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


# name: (makes it, a sample's shape going in, a sample's shape coming out)
NETWORKS = {
    "unet": (unet, (1, 8, 8), (1, 8, 8)),
    "unet, scaled and shifted": (lambda: unet(modulate=ScaledAndShifted), (1, 8, 8), (1, 8, 8)),
    "unet with a learned variance": (lambda: unet(channels=3, outputs=6), (3, 8, 8), (6, 8, 8)),
    "unet of patches": (lambda: unet(patch=2, attention=[4]), (1, 8, 8), (1, 8, 8)),
    "unet without attention on the way": (lambda: unet(attention=[]), (1, 8, 8), (1, 8, 8)),
    "unet of a picture that is no square": (unet, (1, 6, 10), (1, 6, 10)),
    "unet of one level": (lambda: unet(multipliers=[1], attention=[1], blocks=2), (1, 5, 3), (1, 5, 3)),
    "pooled unet": (pooled_unet, (1, 8, 8), (1, 8, 8)),
    "perceptron": (time_mlp, (2,), (2,)),
    "perceptron with a learned variance": (lambda: time_mlp(outputs=4), (2,), (4,)),
}
each = pytest.mark.parametrize(("make", "size_in", "size_out"), NETWORKS.values(), ids=NETWORKS.keys())
CONDITIONAL = {"unet": (lambda: unet(classes=3), (1, 8, 8)), "perceptron": (lambda: time_mlp(classes=3), (2,))}


class At(nn.Module):
    """A network at a level of noise that is the sample's own; in float64, or rounding looks like mixing."""

    def __init__(self, network):
        super().__init__()
        self.network = network.double()

    def forward(self, x):
        return self.network(x.double(), x.detach().flatten(1)[:, 0].abs().clamp(max=1)).float()


@each
def test_every_network_takes_each_sample_at_its_own_level_of_noise(make, size_in, size_out):
    check_network(At(woken(make())), takes=size_in, gives=size_out)


@each
def test_every_network_hears_the_level_of_noise(make, size_in, size_out):
    network, x = woken(make()).eval(), torch.randn(1, *size_in)
    first, second, third = (network(x, torch.tensor([level])) for level in (0.2, 0.201, 0.9))
    assert 0 < (first - second).abs().max() < (first - third).abs().max()


@pytest.mark.parametrize(("make", "size_in"), CONDITIONAL.values(), ids=CONDITIONAL.keys())
def test_labels_are_heard_and_the_last_stands_for_none(make, size_in):
    network, x, noise = woken(make()).eval(), torch.randn(1, *size_in).expand(4, *size_in), torch.full((4,), 0.5)
    told = network(x, noise, torch.arange(4))
    assert all((told[i] - told[j]).abs().max() > 1e-4 for i in range(4) for j in range(i))


@pytest.mark.parametrize("modulate", [Added, ScaledAndShifted])
def test_a_new_block_and_a_new_attention_change_nothing_and_a_new_unet_says_zero(modulate):
    x, embedding, normalise = torch.randn(2, 8, 4, 4), torch.randn(2, 5), functools.partial(grouped, groups=2)
    block = ResidualBlock(
        channels_in=8, channels_out=8, embedding_dim=5, modulate=modulate, normalise=normalise, dropout=0.5
    )
    assert torch.equal(block(x, embedding), x)
    assert torch.equal(SelfAttention(channels=8, heads=2, normalise=normalise)(x), x)
    assert unet(modulate=modulate)(torch.randn(2, 1, 8, 8), torch.rand(2)).abs().max() == 0


def test_the_lectures_unets_have_their_weights():
    """Purdue's once the identity of its residual blocks is that, and de Silva's with either normalisation."""
    with torch.device("meta"):
        assert count(lectures_unet()) == 88_217_219
        for normalise in (nn.BatchNorm2d, functools.partial(grouped, groups=8)):
            assert count(pooled_unet(width=128, image_size=32, normalise=normalise)) == 7_482_113


@pytest.mark.parametrize(
    ("model", "weights"), [("unet_denoiser", 88_217_219), ("pooled_unet_denoiser", 7_482_113), ("digit_denoiser", None)]
)
def test_models_configured_with_them_take_their_pictures(model, weights):
    tree = OmegaConf.to_container(OmegaConf.create({"model": load_option("model", model)}), resolve=True)["model"]
    with torch.device("meta"):
        network = instantiate(tree["denoiser"], key="model.denoiser")
        assert weights in (None, count(network))
        assert network(torch.empty(2, *tree["shape"]), torch.empty(2)).shape == (2, *tree["shape"])


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_what_settings_of_a_unet_cost_in_weights():
    """A scale beside each shift, two numbers for a pixel, a vector for each label and none, channels of patches."""
    plain, embedding_dim = count(unet()), 32
    blocks = [(8, 8), (8, 16), (16, 16), (16, 16), (32, 16), (24, 16), (24, 8), (16, 8)]  # in and out
    assert count(unet(modulate=ScaledAndShifted)) - plain == sum(out for _, out in blocks) * (embedding_dim + 1)
    assert count(unet(outputs=2)) - plain == 8 * 9 + 1
    assert count(unet(classes=10)) - plain == 11 * embedding_dim
    assert count(unet(patch=2, attention=[4])) - plain == 3 * 8 * 9 + 3 * (8 * 9 + 1)


def test_attention_is_the_softmax_of_scaled_products():
    attention = woken(SelfAttention(channels=8, heads=2, normalise=functools.partial(grouped, groups=2)))
    x = torch.randn(3, 8, 2, 5)
    pixels = attention.normalise(x).flatten(2).transpose(1, 2)
    query, key, value = attention.project(pixels).chunk(3, dim=2)
    heads = []
    for own in (slice(0, 4), slice(4, 8)):
        weights = (query[..., own] @ key[..., own].transpose(1, 2) / 4**0.5).softmax(2)
        heads.append(weights @ value[..., own])
    expected = x + attention.mix(torch.cat(heads, 2)).transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(attention(x), expected)


def test_maps_computed_again_have_the_same_gradient_to_the_bit_dropout_included():
    x, noise, gradients = torch.randn(2, 1, 8, 8), torch.rand(2), []
    for recompute in (False, True):
        torch.manual_seed(0)
        network = woken(unet(recompute=recompute, dropout=0.3)).train()
        torch.manual_seed(1)
        network(x, noise).square().mean().backward()
        gradients.append([weight.grad for weight in network.parameters()])
    assert all(torch.equal(kept, again) for kept, again in zip(*gradients, strict=True))


def test_maps_computed_again_are_not_kept():
    """Tensors that the graph holds, in numbers."""
    held = []
    for recompute in (False, True):
        network, sizes = unet(recompute=recompute, blocks=2), []
        with torch.autograd.graph.saved_tensors_hooks(lambda x, to=sizes: to.append(x.numel()) or x, lambda x: x):
            network(torch.randn(2, 1, 8, 8), torch.rand(2))
        held.append(sum(sizes))
    assert held[1] < held[0] / 2


@each
def test_networks_take_pictures_with_channels_last(make, size_in, size_out):
    if len(size_in) == 1:
        return
    network, x, noise = woken(make()).eval(), torch.randn(2, *size_in), torch.rand(2)
    expected = network(x, noise)
    last = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last), noise)
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "size", "sizes"),
    [
        ({}, (7, 8), "multiples of 2, such as 6 and 8"),
        ({"multipliers": [1, 1, 1, 1]}, (28, 28), "multiples of 8, such as 24 and 32"),
        ({"patch": 2, "multipliers": [1, 1], "attention": [4]}, (30, 30), "multiples of 4, such as 28 and 32"),
        ({"multipliers": [1, 1, 1]}, (3, 3), "multiples of 4, such as 4 and 8"),
    ],
)
def test_pictures_that_cannot_be_halved_are_refused_with_the_sizes_that_can(settings, size, sizes):
    with pytest.raises(UserError, match=rf"pictures of {size[0]}×{size[1]} pixels: this UNet takes {sizes}"):
        unet(**settings)(torch.zeros(1, 1, *size), torch.zeros(1))


def test_the_pooled_unet_is_of_one_size():
    with pytest.raises(UserError, match=r"image_size=30: .* a multiple of 4, such as 28 or 32"):
        pooled_unet(image_size=30)
    with pytest.raises(UserError, match="pictures of 12×12 pixels: this UNet is built for 8×8"):
        pooled_unet()(torch.zeros(1, 1, 12, 12), torch.zeros(1))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"multipliers": []}, r"multipliers=\[\]: expected a number above 0 for each level"),
        ({"multipliers": [1, 0]}, r"multipliers=\[1, 0\]"),
        ({"attention": [3]}, r"attention=\[3\]: no level has maps smaller by 3; expected some of 1, 2"),
        ({"patch": 2, "attention": [1]}, r"attention=\[1\]: no level has maps smaller by 1; expected some of 2, 4"),
        ({"heads": 3}, "heads=3: expected a divisor of 16"),
        ({"heads": 0}, "heads=0: expected a number above 0"),
        ({"normalise": functools.partial(grouped, groups=3)}, "groups=3: expected a divisor of 8"),
        ({"dropout": 1.0}, r"dropout=1.0: expected a probability in \[0, 1\)"),
        ({"classes": 1}, "classes=1: expected at least 2"),
        ({"width": 0}, "width=0: expected a number above 0"),
        ({"patch": 0, "attention": []}, "patch=0: expected a number above 0"),
        ({"scale": 0.0}, "scale=0.0: expected a number above 0"),
    ],
)
def test_other_wrong_settings_of_a_unet_are_refused_by_name(changed, said):
    with pytest.raises(UserError, match=said):
        unet(**changed)


@pytest.mark.parametrize("changed", [{"waves": 5}, {"hidden_layers": 0}, {"inputs": -1}])
def test_wrong_settings_of_a_perceptron_are_refused_by_name(changed):
    with pytest.raises(UserError, match=f"{next(iter(changed))}={next(iter(changed.values()))}: expected"):
        time_mlp(**changed)


def test_waves_are_of_lengths_from_one_step_up_and_distinguish_all_steps_of_a_chain():
    waves = sinusoids(torch.tensor([0.0, 0.25]), 4, scale=1000.0)
    angles = torch.tensor([250.0, 2.5])  # frequencies 1 and 1/100
    torch.testing.assert_close(
        waves, torch.stack([torch.tensor([1.0, 1, 0, 0]), torch.cat([angles.cos(), angles.sin()])])
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_last_steps_of_a_chain_differ_whatever_the_arithmetic(dtype):
    """bfloat16 makes 1000 of 999; the waves are made before anything is rounded."""
    steps = torch.tensor([0.999, 1.0])
    embedding = NoiseEmbedding(waves=32, dim=4, scale=1000.0, classes=None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first, second = embedding(steps, None)
    assert not torch.equal(first, second)
    first, second = embedding.to(dtype)(steps, None)
    assert first.dtype == dtype and not torch.equal(first, second)

"""The image networks of the lectures: their sizes counted by hand, their shapes, and what they promise."""

import copy
import functools

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from kantor.config.compose import load_option
from kantor.config.targets import instantiate
from kantor.errors import UserError
from kantor.nets.activations import dropping_leaky_relu
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.dcgan import DCGANDiscriminator, DCGANGenerator, doublings, extra_layer
from kantor.nets.digits import DigitCritic, DigitGenerator
from kantor.nets.flat import FromImages, ToImages
from kantor.nets.initialise import dcgan
from kantor.nets.mlp import MLP
from kantor.nets.skip_critic import Halving, SkipCritic
from kantor.nets.spectral import spectral_normalise
from kantor.objectives.penalties import slopes

NORMALISATIONS = {
    "none": None,
    "batch": nn.BatchNorm2d,
    "instance": functools.partial(nn.InstanceNorm2d, affine=True),
    "layer": functools.partial(nn.GroupNorm, 1),
}


def configured(name, network):
    """A network as a YAML of conf/model describes it."""
    tree = OmegaConf.create({"model": load_option("model", name)})
    node = OmegaConf.to_container(tree, resolve=True)["model"][network]
    torch.manual_seed(0)
    return instantiate(node, key=f"model.{network}")


def count_parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def critic(kind, **changed):
    settings = {"channels": 3, "width": 4, "initialise": None, "constrain": None}
    if kind is not DigitCritic:
        settings["image_size"] = 32
    if kind is not ConvCritic:
        settings["normalise"] = None
    if kind is DCGANDiscriminator:
        settings["after_first"] = None
    return kind(**{**settings, **changed})


CRITICS = [DCGANDiscriminator, SkipCritic, ConvCritic, DigitCritic]
each_critic = pytest.mark.parametrize("kind", CRITICS)
# ConvCritic has no normalisation to choose
CHOICES = [(kind, name) for kind in CRITICS for name in NORMALISATIONS if kind is not ConvCritic or name == "none"]


def normalised_critic(kind, name):
    return critic(kind) if kind is ConvCritic else critic(kind, normalise=NORMALISATIONS[name])


# a convolution has in·out·kernel² weights and perhaps out biases, a batch normalisation 2 numbers per channel
UP_64 = (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) * 16 + 2 * (512 + 256 + 128 + 64)
DOWN_64 = (
    (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1) * 16
    + (64 + 128 + 256 + 512 + 1)
    + 2 * (128 + 256 + 512)
)  # fmt: skip


def skip_block(size_in, size_out):
    """3×3 convolution, normalisation, and the 1×1 convolution that halves."""
    return 9 * size_in * size_out + size_out + 2 * size_out + size_out * size_out + size_out


SKIP = (
    skip_block(3, 64) + (3 * 64 + 64)  # the shortcut
    + skip_block(64, 128) + 2 * 128
    + skip_block(128, 256) + 2 * 256
    + skip_block(256, 512) + 2 * 512
    + 9 * 512 + 1  # the last convolution
    + 16 + 1
)  # fmt: skip
CONV = (3 * 64 + 64 * 128 + 128 * 256) * 25 + (64 + 128 + 256) + 256 * 8 * 8 + 1
UP_DIGITS = (100 * 1024 + 1024 * 512 + 512 * 256) * 16 + 256 * 9 + 1 + 2 * (1024 + 512 + 256)
DOWN_DIGITS = (1 * 256 + 256 * 512 + 512 * 1024 + 1024 * 1) * 16 + 1


@pytest.mark.parametrize(
    ("name", "generator", "second"),
    [
        ("dcgan", (UP_64, 3_576_704), (DOWN_64, 2_766_529)),
        ("dcgan_dg2", (UP_64, 3_576_704), (DOWN_64 + 64 * 64 * 16 + 64 + 2 * 64, 2_832_257)),
        ("wgan_cg1", (UP_64, 3_576_704), (SKIP, 1_908_690)),
        ("wgan_cg2", (UP_64, 3_576_704), (CONV, 1_045_633)),
        ("mnist_mlp", (20 * 100 + 100 + 100 * 784 + 784, 81_284), (784 * 100 + 100 + 100 + 1, 78_601)),
        ("mnist_conv", (UP_DIGITS, 12_130_049), (DOWN_DIGITS + 2 * (256 + 512 + 1024), 10_509_825)),
        ("mnist_conv_gp", (UP_DIGITS, 12_130_049), (DOWN_DIGITS + 256 + 512 + 1024, 10_508_033)),
    ],
)
def test_the_lectures_networks_have_their_parameters(name, generator, second):
    assert count_parameters(configured(name, "generator")) == generator[0] == generator[1]
    assert count_parameters(configured(name, "critic")) == second[0] == second[1]


@pytest.mark.parametrize(
    ("name", "latent_dim", "shape"),
    [
        ("dcgan", 100, (3, 64, 64)),
        ("dcgan_dg2", 100, (3, 64, 64)),
        ("wgan_cg1", 100, (3, 64, 64)),
        ("wgan_cg2", 100, (3, 64, 64)),
        ("mnist_mlp", 20, (1, 28, 28)),
        ("mnist_conv", 100, (1, 32, 32)),
        ("mnist_conv_gp", 100, (1, 32, 32)),
    ],
)
def test_configured_networks_fit_each_other(name, latent_dim, shape):
    images = configured(name, "generator")(torch.randn(3, latent_dim))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1 and images.std() > 0
    assert configured(name, "critic")(images).shape == (3,)


@pytest.mark.parametrize("image_size", [8, 16, 32, 64, 128])
def test_dcgan_goes_from_one_pixel_to_the_image_and_back(image_size):
    generator = DCGANGenerator(latent_dim=7, channels=2, width=2, image_size=image_size, initialise=None)
    discriminator = critic(DCGANDiscriminator, channels=2, width=2, image_size=image_size)
    images = generator(torch.randn(2, 7))
    assert images.shape == (2, 2, image_size, image_size)
    assert discriminator(images).shape == (2,)
    assert critic(SkipCritic, channels=2, width=2, image_size=image_size)(images).shape == (2,)


def maps(network, x):
    """Height of what each convolution makes."""
    heights = []
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, y: heights.append(y.shape[-1]))
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    return heights


def test_maps_of_the_lectures_networks():
    x = torch.zeros(2, 3, 64, 64)
    assert maps(configured("dcgan", "generator"), torch.zeros(2, 100)) == [4, 8, 16, 32, 64]
    assert maps(configured("dcgan", "critic"), x) == [32, 16, 8, 4, 1]
    assert maps(configured("dcgan_dg2", "critic"), x) == [32, 33, 16, 8, 4, 1]
    assert maps(configured("wgan_cg1", "critic"), x) == [64, 32, 32, 32, 16, 16, 8, 8, 4, 4]
    assert maps(configured("wgan_cg2", "critic"), x) == [32, 16, 8]
    assert maps(configured("mnist_conv", "generator"), torch.zeros(2, 100)) == [4, 8, 16, 32]
    assert maps(configured("mnist_conv", "critic"), x[:, :1, :32, :32]) == [16, 8, 4, 1]


@each_critic
@pytest.mark.parametrize("batch", [1, 3, 32, 33])
def test_any_batch_size_gives_one_number_per_image(kind, batch):
    assert critic(kind)(torch.randn(batch, 3, 32, 32)).shape == (batch,)


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_in_eval_mode_an_images_number_is_its_own(kind, name):
    torch.manual_seed(1)
    network = normalised_critic(kind, name)
    for _ in range(3):  # running averages that are not those of the batch below
        network(torch.randn(4, 3, 32, 32) * 2 + 1)
    network.eval()
    x = torch.randn(4, 3, 32, 32)
    others = torch.cat([x[:1], torch.randn(6, 3, 32, 32) * 5])
    torch.testing.assert_close(network(others)[0], network(x)[0], rtol=1e-4, atol=1e-6)
    assert network(x).std() > 0


@pytest.mark.parametrize(("kind", "name"), [choice for choice in CHOICES if choice[1] != "batch"])
def test_without_batch_normalisation_an_images_number_is_its_own_while_training(kind, name):
    torch.manual_seed(1)
    network = normalised_critic(kind, name)
    x = torch.randn(4, 3, 32, 32)
    others = torch.cat([x[:1], torch.randn(6, 3, 32, 32) * 5])
    assert network.training
    torch.testing.assert_close(network(others)[0], network(x)[0], rtol=1e-4, atol=1e-6)
    assert network(x).std() > 0


NETWORKS = {
    "dcgan generator": (
        lambda: DCGANGenerator(latent_dim=5, channels=3, width=4, image_size=32, initialise=None),
        (5,),
    ),
    "dg1": (lambda: critic(DCGANDiscriminator, normalise=nn.BatchNorm2d), (3, 32, 32)),
    "dg2": (lambda: critic(DCGANDiscriminator, normalise=nn.BatchNorm2d, after_first=extra_layer), (3, 32, 32)),
    "cg1": (lambda: critic(SkipCritic, normalise=nn.BatchNorm2d), (3, 32, 32)),
    "cg2": (lambda: critic(ConvCritic), (3, 32, 32)),
    "digit generator": (lambda: DigitGenerator(latent_dim=5, channels=3, width=4, initialise=None), (5,)),
    "digit critic": (lambda: critic(DigitCritic, normalise=nn.BatchNorm2d), (3, 32, 32)),
    "spectral": (
        lambda: critic(DCGANDiscriminator, constrain=functools.partial(spectral_normalise, power_iterations=1)),
        (3, 32, 32),
    ),
}
each_network = pytest.mark.parametrize(("make", "shape"), NETWORKS.values(), ids=NETWORKS.keys())


@each_network
def test_a_deep_copy_and_a_reloaded_network_give_the_same_bits(make, shape):
    """The moving average is a deep copy, a checkpoint a state dict; buffers belong to both."""
    torch.manual_seed(2)
    network, other = make(), make()
    for _ in range(2):
        network(torch.randn(4, *shape))
    copied = copy.deepcopy(network).eval()
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    network.eval()
    x = torch.randn(4, *shape)
    expected = network(x)
    assert torch.equal(copied(x), expected)
    assert torch.equal(other.eval()(x), expected)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(1)
    assert torch.equal(copied(x), expected)  # it shares nothing


@each_network
def test_every_parameter_is_used(make, shape):
    torch.manual_seed(3)
    network = make()
    network(torch.randn(4, *shape)).sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_the_extra_layer_stands_after_the_first_activation():
    with_it = critic(DCGANDiscriminator, normalise=nn.BatchNorm2d, after_first=extra_layer).body
    without = critic(DCGANDiscriminator, normalise=nn.BatchNorm2d).body
    kinds = [type(layer) for layer in without]
    assert kinds[:2] == [nn.Conv2d, nn.LeakyReLU]
    assert [type(layer) for layer in with_it] == [*kinds[:2], nn.Sequential, *kinds[2:]]
    assert [type(layer) for layer in with_it[2]] == [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]


def test_only_the_first_block_of_the_skip_critic_has_a_way_around():
    """With the long way's last convolution at zero, only the 1×1 convolution around the first block is left."""
    network = critic(SkipCritic)
    first = network.body[0]
    nn.init.zeros_(first.body[1].weight)
    nn.init.zeros_(first.body[1].bias)
    x = torch.randn(2, 3, 32, 32)
    pixels = x[:, :, ::2, ::2].permute(0, 2, 3, 1)  # (B, 16, 16, 3)
    expected = pixels @ first.around.weight[:, :, 0, 0].T + first.around.bias
    torch.testing.assert_close(first(x), expected.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_halving_is_a_strided_convolution_also_backwards(channels):
    """Channels last, as runs have them: oneDNN's strided one ends with a segmentation fault there."""
    x = torch.randn(4, channels, 64, 64).to(memory_format=torch.channels_last).requires_grad_(True)
    layer = Halving(channels, 8).to(memory_format=torch.channels_last)
    found = layer(x)
    expected = torch.einsum("oc,bchw->bohw", layer.weight[:, :, 0, 0], x[:, :, ::2, ::2])
    torch.testing.assert_close(found, expected + layer.bias[:, None, None], rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(found)
    for _ in range(20):
        (gradient,) = torch.autograd.grad((layer(x) * weight).sum(), layer.weight)
    (by_hand,) = torch.autograd.grad((expected * weight).sum(), layer.weight)
    torch.testing.assert_close(gradient, by_hand, rtol=1e-3, atol=1e-3)


def test_a_digit_critics_convolutions_have_a_bias_where_no_normalisation_has_one():
    def biases(network):
        return [layer.bias is not None for layer in network.body if isinstance(layer, nn.Conv2d)]

    assert biases(critic(DigitCritic, normalise=nn.BatchNorm2d)) == [False, False, False, True]
    assert biases(critic(DigitCritic)) == [True, True, True, True]


def test_images_of_a_perceptron_are_its_outputs_row_by_row():
    network = MLP(inputs=2, width=3, hidden_layers=1, outputs=12, activation=nn.ReLU, initialise=None)
    z = torch.randn(5, 2)
    images = ToImages(network=network, channels=3, image_size=2)(z)
    assert torch.equal(images[1, 2, 1, 0], network(z)[1, 2 * 4 + 1 * 2 + 0].tanh())
    assert torch.equal(FromImages(network=lambda x: x.sum(1))(images), images.flatten(1).sum(1))


def test_dropout_is_in_training_mode_only():
    torch.manual_seed(4)
    layer = dropping_leaky_relu(dropout=0.5)
    x = torch.ones(20_000)
    dropped = layer(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert (dropped == 0).float().mean().item() == pytest.approx(0.5, abs=5 * 0.5 / 20_000**0.5)
    layer.eval()
    assert layer(torch.tensor([2.0, -1.0])).tolist() == pytest.approx([2.0, -0.01])


def test_dcgan_initialisation():
    torch.manual_seed(5)
    network = critic(
        DCGANDiscriminator, width=32, normalise=nn.BatchNorm2d, initialise=functools.partial(dcgan, std=0.02)
    )
    convolutions = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    weights = torch.cat([layer.weight.flatten() for layer in convolutions])
    scales = torch.cat([layer.weight for layer in network.body if isinstance(layer, nn.BatchNorm2d)])
    n, m = len(weights), len(scales)
    assert (n, m) == ((3 * 32 + 32 * 64 + 64 * 128 + 128) * 16, 64 + 128)
    assert weights.mean().item() == pytest.approx(0, abs=5 * 0.02 / n**0.5)
    assert weights.std().item() == pytest.approx(0.02, rel=5 / (2 * n) ** 0.5)
    assert scales.mean().item() == pytest.approx(1, abs=5 * 0.02 / m**0.5)
    assert scales.std().item() == pytest.approx(0.02, rel=5 / (2 * m) ** 0.5)
    assert {bias.abs().max().item() for name, bias in network.named_parameters() if name.endswith("bias")} == {0.0}


def test_dcgan_initialisation_reaches_transposed_convolutions_and_leaves_linear_layers():
    torch.manual_seed(6)
    kept = critic(ConvCritic).body[-1].weight.detach().clone()
    torch.manual_seed(6)
    network = critic(ConvCritic, initialise=functools.partial(dcgan, std=0.0))
    assert torch.equal(network.body[-1].weight, kept) and network.body[0].weight.abs().max() == 0
    generator = DigitGenerator(latent_dim=5, channels=1, width=2, initialise=functools.partial(dcgan, std=0.0))
    assert generator(torch.randn(2, 5)).abs().max() == 0


def spectral(network):
    """Normalised, and its power iterations run until they stand."""
    spectral_normalise(network, power_iterations=20)
    return network


def settle(network, x):
    for _ in range(20):
        network(x)
    return network.eval()


def test_spectral_normalisation_bounds_the_slope_of_a_perceptron():
    """Weights three times too large have slopes far above 1; normalised, each layer has at most 1."""
    torch.manual_seed(7)

    def steep():
        torch.manual_seed(7)
        network = MLP(inputs=6, width=32, hidden_layers=2, outputs=None, activation=nn.ReLU, initialise=None)
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(10)
        return network

    x = torch.randn(64, 6)
    assert slopes(steep(), x, differentiable=False).min() > 1
    bounded = settle(spectral(steep()), x)
    assert slopes(bounded, x, differentiable=False).max() <= 1 + 1e-4
    for layer in bounded.body:
        if isinstance(layer, nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("norm", [0.5, 1.5])
def test_a_norm_other_than_one_scales_every_layer(norm):
    """Without biases a chain of L layers of slope 1 gets normᴸ times as large."""
    networks = []
    for given in ({}, {"norm": norm}):
        torch.manual_seed(12)
        network = critic(ConvCritic)
        for layer in network.body:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.zeros_(layer.bias)
        spectral_normalise(network, power_iterations=20, **given)
        networks.append(settle(network, x := torch.randn(4, 3, 32, 32)))
    at_one, scaled = networks
    for one, other in zip(at_one.body, scaled.body, strict=True):
        if isinstance(one, nn.Conv2d | nn.Linear):
            assert torch.linalg.matrix_norm(other.weight.flatten(1), 2).item() == pytest.approx(norm, rel=1e-3)
            assert torch.allclose(other.weight, norm * one.weight, atol=1e-6)
    assert torch.allclose(scaled(x), norm**4 * at_one(x), rtol=1e-4, atol=1e-6)
    assert count_parameters(scaled) == count_parameters(at_one)


def test_a_norm_that_is_not_positive_is_refused():
    with pytest.raises(UserError, match="norm=0: expected"):
        critic(ConvCritic, constrain=functools.partial(spectral_normalise, power_iterations=1, norm=0))


def test_spectral_normalisation_bounds_the_slope_of_a_discriminator():
    """4×4 patches at stride 2 overlap 4-fold: slope at most 2 for each of three layers, 1 for the last."""
    torch.manual_seed(8)
    x = torch.randn(8, 3, 32, 32)
    loose = critic(DCGANDiscriminator, width=8, initialise=functools.partial(dcgan, std=0.5))
    assert slopes(loose, x, differentiable=False).min() > 8
    bounded = settle(spectral(loose), x)
    found = slopes(bounded, x, differentiable=False)
    assert found.min() > 0 and found.max() <= 8
    for layer in bounded.body:
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, rel=1e-3)


def buffers(network):
    return {name: value.clone() for name, value in network.named_buffers()}


def test_power_iteration_runs_in_training_mode_only():
    torch.manual_seed(9)
    network = critic(ConvCritic, constrain=functools.partial(spectral_normalise, power_iterations=1))
    x = torch.randn(2, 3, 32, 32)
    before = buffers(network)
    assert len(before) == 2 * 4  # two vectors for each of four layers
    network.eval()
    network(x)
    assert all(torch.equal(before[name], value) for name, value in buffers(network).items())
    network.train()
    network(x)
    assert not all(torch.equal(before[name], value) for name, value in buffers(network).items())


def test_spectral_normalisation_adds_no_parameters_and_follows_the_initialisation():
    normalised = critic(
        ConvCritic,
        initialise=functools.partial(dcgan, std=0.02),
        constrain=functools.partial(spectral_normalise, power_iterations=1),
    )
    assert count_parameters(normalised) == count_parameters(critic(ConvCritic))
    first = normalised.body[0].parametrizations.weight.original
    assert first.std().item() == pytest.approx(0.02, rel=0.3)  # 300 numbers
    assert normalised.body[0].weight.std() > first.std()


@pytest.mark.parametrize("image_size", [0, 4, 28, 33, 60, -64])
def test_image_sizes_that_no_doubling_reaches_are_refused(image_size):
    with pytest.raises(UserError, match=rf"image_size={image_size}: expected 4 times a power of two, such as 32 or 64"):
        doublings(image_size)
    for kind in (DCGANDiscriminator, SkipCritic):
        with pytest.raises(UserError, match=f"image_size={image_size}: expected"):
            critic(kind, image_size=image_size)


@each_critic
@pytest.mark.parametrize("wrong", [{"channels": 0}, {"width": -1}])
def test_critics_refuse_sizes_out_of_range_by_name(kind, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(UserError, match=f"{name}={value}: expected a number above 0"):
        critic(kind, **wrong)


@pytest.mark.parametrize("wrong", [{"latent_dim": 0}, {"channels": -3}, {"width": 0}])
def test_generators_refuse_sizes_out_of_range_by_name(wrong):
    ((name, value),) = wrong.items()
    settings = {"latent_dim": 5, "channels": 3, "width": 4, "initialise": None, **wrong}
    for make in (DigitGenerator, functools.partial(DCGANGenerator, image_size=32)):
        with pytest.raises(UserError, match=f"{name}={value}: expected a number above 0"):
            make(**settings)


def test_other_wrong_settings_are_refused_by_name():
    with pytest.raises(UserError, match="image_size=0: expected a number above 0"):
        critic(ConvCritic, image_size=0)
    with pytest.raises(UserError, match="image_size=-1: expected a number above 0"):
        ToImages(network=nn.Identity(), channels=1, image_size=-1)
    with pytest.raises(UserError, match=r"dropout=1.0: expected a probability in \[0, 1\)"):
        dropping_leaky_relu(dropout=1.0)


@pytest.mark.parametrize("kind", [DCGANDiscriminator, DigitCritic])
def test_images_of_another_size_do_not_pass_in_silence(kind):
    with pytest.raises(RuntimeError):
        critic(kind)(torch.randn(2, 3, 64, 64))

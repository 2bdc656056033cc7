"""What every network keeps to, and the sizes of each."""

import functools
import importlib
import inspect
import pkgutil

import pytest
import torch
from torch import nn

from kantor import nets
from kantor.errors import UserError
from kantor.nets.activations import ReLU
from kantor.nets.classifiers import Classifier
from kantor.nets.conditional import (
    ConcatenationDiscriminator,
    ConditionalGenerator,
    PointDiscriminator,
    ProjectionDiscriminator,
)
from kantor.nets.confined import Confined
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.conv_energy import ConvEnergy
from kantor.nets.conv_pair import ConvDecoder, ConvEncoder
from kantor.nets.convolutions import ImageCritic, ImageGenerator
from kantor.nets.dcgan import DCGANDiscriminator, DCGANGenerator, extra_layer
from kantor.nets.digits import DigitCritic, DigitGenerator
from kantor.nets.flat import FromImages, ToImages, ToPixels
from kantor.nets.initialise import normal
from kantor.nets.mlp import MLP
from kantor.nets.noise import LearnedNoise
from kantor.nets.normalisation import grouped
from kantor.nets.rbm import RBM
from kantor.nets.shift import Shift
from kantor.nets.skip_critic import Halving, Shortcut, SkipCritic
from kantor.nets.spectral import Times
from kantor.testing import check_network


def count_parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def mlp(**changed):
    settings = {"inputs": 2, "width": 6, "hidden_layers": 3, "outputs": 2, "activation": ReLU, "initialise": None}
    return MLP(**{**settings, **changed})


def image_critic(kind, **settings):
    """A small critic of images in eval mode: in training mode batch normalisation lets samples meet, as it should."""
    settings = {"channels": 3, "width": 4, "initialise": None, "constrain": None, **settings}
    return kind(**settings).eval()


def dcgan_discriminator(after_first):
    return image_critic(DCGANDiscriminator, image_size=16, normalise=nn.BatchNorm2d, after_first=after_first)


def image_generator(kind, **settings):
    return kind(latent_dim=5, channels=3, width=4, initialise=None, **settings).eval()


# name: (makes it, a sample's shape going in, a sample's shape coming out)
GROUPED = functools.partial(grouped, groups=4)
NETWORKS = {
    "mlp": (mlp, (2,), (2,)),
    "mlp without hidden layers": (lambda: mlp(hidden_layers=0), (2,), (2,)),
    "mlp critic": (lambda: mlp(outputs=None), (2,), ()),
    "mlp with one output": (lambda: mlp(outputs=1), (2,), (1,)),
    "shift": (lambda: Shift(theta=0.5), (1,), (2,)),
    "image generator": (
        lambda: ImageGenerator([nn.ConvTranspose2d(5, 3, 4)], initialise=None),
        (5,),
        (3, 4, 4),
    ),
    "image critic": (lambda: ImageCritic([nn.Conv2d(3, 1, 4)], initialise=None, constrain=None), (3, 4, 4), ()),
    "dcgan generator": (lambda: image_generator(DCGANGenerator, image_size=16), (5,), (3, 16, 16)),
    "dcgan discriminator": (lambda: dcgan_discriminator(None), (3, 16, 16), ()),
    "dcgan discriminator with an extra layer": (lambda: dcgan_discriminator(extra_layer), (3, 16, 16), ()),
    "shortcut": (lambda: Shortcut(body=nn.Conv2d(3, 2, 1), around=nn.Conv2d(3, 2, 1)), (3, 4, 4), (2, 4, 4)),
    "halving": (lambda: Halving(3, 2), (3, 4, 4), (2, 2, 2)),
    "skip critic": (
        lambda: image_critic(SkipCritic, image_size=16, width=8, normalise=nn.BatchNorm2d),
        (3, 16, 16),
        (),
    ),
    "conv critic": (lambda: image_critic(ConvCritic, image_size=16), (3, 16, 16), ()),
    "images of a perceptron": (
        lambda: ToImages(network=mlp(outputs=3 * 4 * 4), channels=3, image_size=4),
        (2,),
        (3, 4, 4),
    ),
    "pixels of a perceptron": (
        lambda: ToPixels(network=mlp(outputs=3 * 4 * 4), channels=3, image_size=4),
        (2,),
        (3, 4, 4),
    ),
    "a perceptron with one learned variance": (
        lambda: LearnedNoise(network=mlp(outputs=5), shape=[1], start=0.0),
        (2,),
        (10,),
    ),
    "encoder of pictures": (
        lambda: ConvEncoder(channels=3, image_size=32, width=4, outputs=10, normalise=GROUPED),
        (3, 32, 32),
        (10,),
    ),
    "decoder of pictures": (
        lambda: ConvDecoder(latent_dim=5, channels=3, image_size=32, width=4, normalise=GROUPED),
        (5,),
        (3, 32, 32),
    ),
    "a perceptron of images": (lambda: FromImages(network=mlp(inputs=3 * 4 * 4, outputs=None)), (3, 4, 4), ()),
    "digit generator": (lambda: image_generator(DigitGenerator), (5,), (3, 32, 32)),
    "digit critic": (lambda: image_critic(DigitCritic, normalise=None), (3, 32, 32), ()),
    "digit critic with batch normalisation": (
        lambda: image_critic(DigitCritic, normalise=nn.BatchNorm2d),
        (3, 32, 32),
        (),
    ),
}
each = pytest.mark.parametrize(("make", "size_in", "size_out"), NETWORKS.values(), ids=NETWORKS.keys())


PARTS_OF_DENOISERS = ("attention", "pooled_unet", "residual", "time_embedding", "time_mlp", "unet")
DENOISERS = {f"kantor.nets.{name}" for name in PARTS_OF_DENOISERS}


def every_module():
    found = set()
    for entry in pkgutil.iter_modules(nets.__path__):
        module = importlib.import_module(f"kantor.nets.{entry.name}")
        kinds = inspect.getmembers(module, inspect.isclass)
        found |= {kind for _, kind in kinds if issubclass(kind, nn.Module) and kind.__module__ == module.__name__}
    return found


def test_every_network_is_tested():
    elsewhere = {ReLU, Classifier}  # in test_activations.py; with their weights, in test_extractors_classifiers.py
    elsewhere |= {Times}  # a part of spectral normalisation, in test_image_networks.py
    elsewhere |= {ConditionalGenerator, ConcatenationDiscriminator, ProjectionDiscriminator}  # in test_conditional.py
    elsewhere |= {PointDiscriminator}  # in models/test_conditional_points.py
    elsewhere |= {RBM, ConvEnergy, Confined}  # in test_rbm.py
    elsewhere |= {module for module in every_module() if module.__module__ in DENOISERS}  # in test_denoisers.py
    assert every_module() - elsewhere == {type(make()) for make, _, _ in NETWORKS.values()}


@each
def test_every_network_is_what_a_model_takes(make, size_in, size_out):
    torch.manual_seed(1)
    check_network(make(), takes=size_in, gives=size_out)


@pytest.mark.parametrize(
    ("inputs", "width", "hidden_layers", "outputs"), [(2, 512, 3, 2), (1, 7, 1, 3), (4, 5, 0, 3), (2, 8, 2, 1)]
)
def test_parameter_counts_in_closed_form(inputs, width, hidden_layers, outputs):
    network = mlp(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
    if hidden_layers == 0:
        expected = inputs * outputs + outputs
    else:
        hidden = (hidden_layers - 1) * (width * width + width)
        expected = inputs * width + width + hidden + width * outputs + outputs
    assert count_parameters(network) == expected


def test_the_lectures_generator_and_critic_have_their_parameters():
    generator = 2 * 512 + 512 + 2 * (512 * 512 + 512) + 512 * 2 + 2
    critic = 2 * 512 + 512 + 2 * (512 * 512 + 512) + 512 * 1 + 1
    assert count_parameters(mlp(width=512)) == generator == 527_874
    assert count_parameters(mlp(width=512, outputs=None)) == critic == 527_361


def test_a_critic_is_the_network_with_one_output_without_its_last_dimension():
    one, critic = mlp(outputs=1), mlp(outputs=None)
    critic.load_state_dict(one.state_dict())
    x = torch.randn(4, 2)
    assert torch.equal(critic(x), one(x)[:, 0])


def test_without_hidden_layers_an_mlp_is_affine():
    network = mlp(hidden_layers=0)
    weight, bias = network.body[0].weight, network.body[0].bias
    x = torch.randn(4, 2)
    torch.testing.assert_close(network(x), x @ weight.T + bias)


def test_activations_stand_between_each_two_linear_layers():
    kinds = [type(layer) for layer in mlp(hidden_layers=2, activation=nn.Tanh).body]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]


@pytest.mark.parametrize("wrong", [{"inputs": 0}, {"width": -1}, {"outputs": 0}, {"hidden_layers": -1}])
def test_sizes_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}: expected"):
        mlp(**wrong)


def test_normal_initialisation_is_the_lectures():
    torch.manual_seed(0)
    network = mlp(width=200, initialise=functools.partial(normal, std=0.02))
    weights = torch.cat([layer.weight.flatten() for layer in network.body if isinstance(layer, nn.Linear)])
    biases = torch.cat([layer.bias for layer in network.body if isinstance(layer, nn.Linear)])
    assert len(weights) == 2 * 200 + 2 * 200 * 200 + 200 * 2
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)  # 80,800 weights: standard error 0.25%
    assert weights.mean().item() == pytest.approx(0, abs=5 * 0.02 / 80_800**0.5)
    assert biases.abs().max() == 0


def test_no_initialisation_keeps_torchs_own():
    torch.manual_seed(0)
    network = mlp(hidden_layers=0)
    torch.manual_seed(0)
    layer = nn.Linear(2, 2)
    assert torch.equal(network.body[0].weight, layer.weight) and torch.equal(network.body[0].bias, layer.bias)


def test_a_shift_puts_the_segment_at_theta():
    network, z = Shift(theta=-0.25), torch.rand(6, 1)
    assert torch.equal(network(z), torch.cat([torch.full((6, 1), -0.25), z], 1))
    assert count_parameters(network) == 1


def test_a_shifts_gradient_is_the_sum_over_first_coordinates():
    network = Shift(theta=0.5)
    (network(torch.rand(6, 1)) * torch.tensor([3.0, 100.0])).sum().backward()
    assert network.theta.grad.item() == pytest.approx(18.0)

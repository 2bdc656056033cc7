"""Conditional networks against their formulas by hand, and labels that reach their own sample and no other."""

import copy
import functools

import pytest
import torch
from torch import nn

from kantor.errors import UserError
from kantor.nets.conditional import ConcatenationDiscriminator, ConditionalGenerator, ProjectionDiscriminator
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.dcgan import DCGANDiscriminator
from kantor.nets.digits import DigitCritic, DigitGenerator
from kantor.nets.mlp import MLP
from kantor.nets.skip_critic import SkipCritic
from kantor.nets.spectral import spectral_normalise
from kantor.objectives.penalties import gradient_penalty, slopes

CLASSES = 3
LABELS = torch.tensor([2, 0, 1, 2])


def critic(kind, channels):
    settings = {"channels": channels, "width": 4, "initialise": None, "constrain": None}
    if kind is not DigitCritic:
        settings["image_size"] = 32
    if kind is not ConvCritic:
        settings["normalise"] = None
    if kind is DCGANDiscriminator:
        settings["after_first"] = None
    return kind(**settings)


CRITICS = [ConvCritic, DCGANDiscriminator, DigitCritic, SkipCritic]


def concatenation(kind):
    return ConcatenationDiscriminator(network=critic(kind, 2), classes=CLASSES, image_size=32)


def projection(kind):
    return ProjectionDiscriminator(network=critic(kind, 1), classes=CLASSES, constrain=None)


each_discriminator = pytest.mark.parametrize("make", [concatenation, projection])
each_critic = pytest.mark.parametrize("kind", CRITICS)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def images(n=4):
    return torch.rand(n, 1, 32, 32) * 2 - 1


class Linear(nn.Module):
    """φ(x) = (x₁ + x₂, x₁ − x₂), ψ(φ) = 3·φ₁ + 5·φ₂ + 7."""

    feature_count = 2

    def features(self, x):
        return torch.stack([x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]], dim=1)

    def head(self, features):
        return 3 * features[:, 0] + 5 * features[:, 1] + 7


def linear_projection():
    """V = ((1, 2), (10, 20), (100, 200))."""
    discriminator = ProjectionDiscriminator(network=Linear(), classes=CLASSES, constrain=None)
    discriminator.projection.weight.data = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    return discriminator


def test_the_projection_discriminator_is_the_formula():
    x = torch.tensor([[4.0, 1.0], [4.0, 1.0], [4.0, 1.0], [0.0, 2.0]])  # φ = (5, 3), (5, 3), (5, 3), (2, -2)
    found = linear_projection()(x, torch.tensor([0, 1, 2, 0]))
    # 3·5 + 5·3 + 7 = 37, and 3·2 − 5·2 + 7 = 3; yᵀVφ = 11, 110, 1100, and 2 − 4 = −2
    assert found.tolist() == [48, 147, 1137, 1]


def test_a_penalty_acts_on_each_sample_with_its_own_label():
    """f(x, y) is linear in x: its slope is that of ψ∘φ, (8, -2), plus V_y(∂φ/∂x) = v·(3, -1) with v = 1, 10, 100."""
    discriminator = linear_projection()
    for y in ([0, 1, 2], [2, 2, 0]):
        conditioned = functools.partial(discriminator, labels=torch.tensor(y))
        expected = [((8 + 3 * v) ** 2 + (2 + v) ** 2) ** 0.5 for v in (10.0**label for label in y)]
        x = torch.randn(3, 2)
        assert slopes(conditioned, x, differentiable=False).tolist() == pytest.approx(expected)
        penalty = gradient_penalty(conditioned, x, torch.randn(3, 2), torch.rand(3))
        assert penalty.item() == pytest.approx(sum((slope - 1) ** 2 for slope in expected) / 3)


@each_critic
def test_without_v_the_projection_discriminator_is_the_unconditional_one(kind):
    discriminator, x = projection(kind), images()
    assert not torch.allclose(discriminator(x, LABELS), discriminator.network(x))
    nn.init.zeros_(discriminator.projection.weight)
    assert torch.equal(discriminator(x, LABELS), discriminator.network(x))


@each_critic
def test_a_critic_is_its_head_on_as_many_features_as_it_says(kind):
    network, x = critic(kind, 1), images()
    phi = network.features(x)
    assert phi.flatten(1).shape == (4, network.feature_count)
    assert torch.equal(network.head(phi), network(x))
    weight, bias = network.body[-1].weight, network.body[-1].bias
    assert torch.allclose(phi.flatten(1) @ weight.flatten() + bias, network(x), atol=1e-6)


@each_critic
def test_with_equal_maps_the_concatenation_discriminator_is_one_of_more_channels(kind):
    discriminator, x = concatenation(kind), images()
    discriminator.embedding.weight.data = torch.arange(3.0)[:, None].expand(3, 32 * 32).clone()
    planes = LABELS.float()[:, None, None, None].expand(4, 1, 32, 32)
    assert torch.equal(discriminator(x, LABELS), discriminator.network(torch.cat([x, planes], 1)))


def test_a_label_map_is_laid_out_row_by_row():
    class Last(nn.Module):
        def forward(self, x):
            return x[:, -1, 1, 0]  # second row, first column

    discriminator = ConcatenationDiscriminator(network=Last(), classes=2, image_size=3)
    discriminator.embedding.weight.data = torch.arange(18.0).reshape(2, 9)
    assert discriminator(torch.zeros(2, 1, 3, 3), torch.tensor([1, 0])).tolist() == [12, 3]


@each_discriminator
@each_critic
def test_a_label_counts_for_its_own_sample_alone(make, kind):
    discriminator, x = make(kind), images()
    before = discriminator(x, LABELS)
    after = discriminator(x, torch.tensor([2, 1, 1, 2]))
    assert torch.equal(before[[0, 2, 3]], after[[0, 2, 3]]) and before[1] != after[1]
    order = torch.tensor([3, 1, 0, 2])
    assert torch.allclose(discriminator(x[order], LABELS[order]), before[order], atol=1e-6)


@each_discriminator
@each_critic
def test_all_weights_learn_and_only_the_labels_that_came(make, kind):
    discriminator = make(kind)
    discriminator(images(), torch.tensor([2, 0, 0, 2])).sum().backward()
    assert all(weight.grad is not None for weight in discriminator.parameters())
    told = discriminator.embedding if make is concatenation else discriminator.projection
    assert [bool(row.any()) for row in told.weight.grad] == [True, False, True]


def generator(embedding_dim=2):
    network = DigitGenerator(latent_dim=5 + embedding_dim, channels=1, width=4, initialise=None)
    return ConditionalGenerator(network=network, classes=CLASSES, embedding_dim=embedding_dim)


def test_a_generator_is_its_network_on_noise_and_embedding():
    made, z = generator().eval(), torch.randn(4, 5)
    made.embedding.weight.data = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    longer = torch.cat([z, torch.tensor([[4.0, 5.0], [0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])], dim=1)
    assert torch.equal(made(z, LABELS), made.network(longer))


def test_equal_noise_and_another_label_make_another_sample():
    made, z = generator().eval(), torch.randn(1, 5).expand(3, 5)
    zero, one, two = made(z, torch.arange(3))
    assert not torch.allclose(zero, one, atol=1e-3) and not torch.allclose(one, two, atol=1e-3)


def test_spectral_normalisation_takes_v_too():
    discriminator = ProjectionDiscriminator(
        network=critic(DigitCritic, 1), classes=CLASSES,
        constrain=functools.partial(spectral_normalise, power_iterations=50),
    )  # fmt: skip
    discriminator.projection.parametrizations.weight.original.data.mul_(30)
    discriminator(images(), LABELS)  # a forward pass in training mode follows the largest singular value
    discriminator(images(), LABELS)
    assert torch.linalg.matrix_norm(discriminator.eval().projection.weight, 2).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ConditionalGenerator(network=Linear(), classes=1, embedding_dim=2), "classes=1: expected at least 2"),
        (lambda: ConditionalGenerator(network=Linear(), classes=3, embedding_dim=0), "embedding_dim=0: expected"),
        (lambda: ConcatenationDiscriminator(network=Linear(), classes=0, image_size=8), "classes=0: expected at least"),
        (lambda: ConcatenationDiscriminator(network=Linear(), classes=3, image_size=0), "image_size=0: expected"),
        (lambda: ProjectionDiscriminator(network=Linear(), classes=1, constrain=None), "classes=1: expected at least"),
        (
            lambda: ProjectionDiscriminator(
                network=MLP(inputs=2, width=3, hidden_layers=1, outputs=None, activation=nn.ReLU, initialise=None),
                classes=3,
                constrain=None,
            ),
            "network: MLP shows no features to project; expected a convolutional critic, such as",
        ),
    ],
)
def test_wrong_settings_are_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


@each_discriminator
def test_they_are_copied_and_loaded_as_any_module(make):
    discriminator, x = make(DigitCritic), images()
    other = copy.deepcopy(make(DigitCritic))
    other.load_state_dict(discriminator.state_dict())
    assert torch.equal(other(x, LABELS), discriminator(x, LABELS))

"""Labels reach both networks, each sample with its own; and a conditional model draws what is asked for."""

import functools

import numpy as np
import pytest
import torch
from every_objective import OBJECTIVES
from tiny import SIDE, fit, gan, mlp
from torch import nn

from kantor import keyed
from kantor.data.images import ImageData, ImageSet
from kantor.models.adversarial import Adversarial
from kantor.models.latent import Normal
from kantor.models.part import Part
from kantor.nets.conditional import ConcatenationDiscriminator, ConditionalGenerator, ProjectionDiscriminator
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.flat import ToImages
from kantor.samplers.direct import Direct

LEVELS = np.array([0, 51, 102, 153])
"""Of the pictures of each class."""


def level(labels):
    """What a picture of a class holds in every pixel, as the model sees it."""
    return 0.4 * labels.float() - 1


class Levels(ImageData):
    """Pictures of one level each, which is that of their class; half of them are of class 0, none is of class 1."""

    licence = "made in a test"
    classes = 4
    sample_shape = (1, SIDE, SIDE)

    def __init__(self, *, batch_size=8):
        super().__init__(
            name="levels", batch_size=batch_size, size=None, flip=True, resident="auto", identity="auto", seed=3
        )

    def describe(self):
        return {"levels": 40}

    def load(self, split):
        labels = np.array([0, 2, 0, 3] * 10)
        levels = LEVELS[labels].astype(np.uint8)
        return ImageSet(np.broadcast_to(levels.reshape(-1, 1, 1, 1), (40, *self.sample_shape)).copy(), labels)


class Obedient(nn.Module):
    """Makes a picture of the class that it is told, whatever the noise."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, z, labels):
        return (level(labels)[:, None] + 0 * self.weight * z[:, :1]).view(-1, 1, 1, 1).expand(-1, 1, SIDE, SIDE)


class Witness(nn.Module):
    """Says of every picture it is shown, real, generated or between the two, how far it is from its label's level."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(SIDE**2, 1)
        self.errors, self.told = [], set()

    def forward(self, x, labels):
        self.errors.append((x.detach() - level(labels).view(-1, 1, 1, 1)).abs().max().item())
        self.told |= set(labels.tolist())
        return self.linear(x.flatten(1)).squeeze(1)


conditional = functools.partial(gan, latent=Normal(4), classes=4, n_critic=1)


def sample(model, n, condition=None):
    condition = None if condition is None else torch.tensor(condition)
    return model.sample(n, rng=keyed.Rng(5, device=model.device), sampler=Direct(), weights="raw", condition=condition)


def check_labels_reach_the_networks(**settings):
    model = conditional(generator=Obedient, critic=Witness, **settings)
    fit(model, Levels(), 3)
    assert max(model.critic.errors) < 1e-5 and model.critic.told == {0, 2, 3}


CASES = [
    *({"objective": objective} for objective in OBJECTIVES.values()),
    *({"objective": objective, "n_critic": 3} for objective in OBJECTIVES.values()),
    {"generator_noise": "last", "n_critic": 2},
    {"accumulate": 4},
    {"accumulate": 2, "n_critic": 2, "objective": OBJECTIVES["gradient_penalty"]},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_every_sample_comes_with_its_own_label_to_both_networks(settings):
    check_labels_reach_the_networks(**settings)


def shifted(part, place):
    return part.samples[place], part.labels[place].roll(1)


def test_labels_of_other_samples_are_seen(monkeypatch):
    monkeypatch.setattr(Part, "batch", shifted)
    with pytest.raises(AssertionError):
        check_labels_reach_the_networks()


def test_generated_samples_of_other_labels_are_seen(monkeypatch):
    right = Adversarial._generated
    monkeypatch.setattr(Adversarial, "_generated", lambda self, rng, n, labels: right(self, rng, n, labels.roll(1)))
    with pytest.raises(AssertionError):
        check_labels_reach_the_networks()


def made_of_vectors(inputs):
    return ToImages(network=mlp(inputs, SIDE**2, width=32), channels=1, image_size=SIDE)


def told():
    return ConditionalGenerator(network=made_of_vectors(4 + 3), classes=4, embedding_dim=3)


class Deaf(nn.Module):
    """A generator that ignores labels."""

    def __init__(self):
        super().__init__()
        self.network = made_of_vectors(4)

    def forward(self, z, labels):
        return self.network(z)


def critic(channels):
    return ConvCritic(channels=channels, width=8, image_size=SIDE, initialise=None, constrain=None)


def concatenation():
    return ConcatenationDiscriminator(network=critic(2), classes=4, image_size=SIDE)


def projection():
    return ProjectionDiscriminator(network=critic(1), classes=4, constrain=None)


def share_of_right_classes(generator, discriminator):
    """By the nearest level, of 100 samples of each of the three classes there are."""
    model = conditional(generator=generator, critic=discriminator)
    fit(model, Levels(), 100)
    asked = [0, 2, 3] * 100
    found = sample(model, 300, asked).mean((1, 2, 3))
    nearest = (found[:, None] - level(torch.arange(4))).abs().argmin(1)
    return (nearest == torch.tensor(asked)).float().mean().item()


@pytest.mark.parametrize("discriminator", [concatenation, pytest.param(projection, marks=pytest.mark.long)])
def test_a_model_learns_which_class_is_which_and_one_that_ignores_labels_is_told_apart(discriminator):
    assert share_of_right_classes(told, discriminator) > 0.9
    assert share_of_right_classes(Deaf, discriminator) < 0.5


def test_without_a_condition_classes_come_as_often_as_in_the_data():
    """Half of class 0, none of class 1, a quarter of each other: 4,000 samples, within 5 standard deviations."""
    model = conditional(generator=Obedient, critic=Witness)
    fit(model, Levels(), 1)
    assert model.label_shares.tolist() == [0.5, 0, 0.25, 0.25]
    labels = ((sample(model, 4000)[:, 0, 0, 0] + 1) / 0.4).round().int()
    counts = torch.bincount(labels, minlength=4).tolist()
    assert counts[1] == 0 and abs(counts[0] - 2000) < 5 * 32 and abs(counts[2] - 1000) < 5 * 28
    loaded = conditional(generator=Obedient, critic=Witness)
    loaded.load_state_dict(model.state_dict())
    assert torch.equal(sample(loaded, 50), sample(model, 50))


def test_a_condition_is_what_is_drawn_one_label_for_each_sample():
    asked = [3, 1, 0, 0, 2]
    drawn = sample(conditional(generator=Obedient, critic=Witness), 5, asked)
    assert torch.allclose(drawn, level(torch.tensor(asked)).view(5, 1, 1, 1).expand(5, 1, SIDE, SIDE))

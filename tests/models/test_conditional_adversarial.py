"""Labels reach both networks, each sample with its own; and a conditional model draws what is asked for."""

import functools

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from every_objective import OBJECTIVES
from torch import nn

from kantor import keyed
from kantor.data.images import ImageData, ImageSet
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.base import Part
from kantor.models.critic_steps import Constant
from kantor.models.ema import Averaging
from kantor.models.latent import Normal
from kantor.nets.activations import ReLU
from kantor.nets.conditional import ConcatenationDiscriminator, ConditionalGenerator, ProjectionDiscriminator
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.flat import ToImages
from kantor.nets.mlp import MLP
from kantor.objectives.adversarial import NonSaturating
from kantor.samplers.direct import Direct

SIDE = 8
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


def conditional(generator, critic, *, objective=None, n_critic=1, noise="fresh", accumulate=1, lr=1e-3):
    """Equal arguments give equal weights."""
    adam = functools.partial(torch.optim.Adam, lr=lr, betas=(0.5, 0.9))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Adversarial(
            generator=generator(), critic=critic(), latent=Normal(4), objective=objective or NonSaturating(),
            optimisation=AdversarialOptimisation(
                generator=adam, critic=adam, n_critic=Constant(n_critic), generator_noise=noise,
                gradient_clip_norm=None, accumulate=accumulate,
            ),
            averaging=Averaging(0.9, True), schedule=None, classes=4, seed=3,
        )  # fmt: skip


def fit(model, steps, path, checkpoint=None):
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=path,
    )  # fmt: skip
    trainer.fit(model, datamodule=Levels(), ckpt_path=checkpoint, weights_only=True)
    return trainer


def sample(model, n, condition=None):
    condition = None if condition is None else torch.tensor(condition)
    return model.sample(n, rng=keyed.Rng(5, device=model.device), sampler=Direct(), weights="raw", condition=condition)


def check_labels_reach_the_networks(path, **settings):
    model = conditional(Obedient, Witness, **settings)
    fit(model, 3, path)
    assert max(model.critic.errors) < 1e-5 and model.critic.told == {0, 2, 3}


CASES = [
    *({"objective": objective} for objective in OBJECTIVES.values()),
    *({"objective": objective, "n_critic": 3} for objective in OBJECTIVES.values()),
    {"noise": "last", "n_critic": 2},
    {"accumulate": 4},
    {"accumulate": 2, "n_critic": 2, "objective": OBJECTIVES["gradient_penalty"]},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_every_sample_comes_with_its_own_label_to_both_networks(tmp_path, settings):
    check_labels_reach_the_networks(tmp_path, **settings)


def shifted(part, place):
    return part.samples[place], part.labels[place].roll(1)


def test_labels_of_other_samples_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(Part, "batch", shifted)
    with pytest.raises(AssertionError):
        check_labels_reach_the_networks(tmp_path)


def test_generated_samples_of_other_labels_are_seen(tmp_path, monkeypatch):
    right = Adversarial._generated
    monkeypatch.setattr(Adversarial, "_generated", lambda self, rng, n, labels: right(self, rng, n, labels.roll(1)))
    with pytest.raises(AssertionError):
        check_labels_reach_the_networks(tmp_path)


def perceptron(inputs):
    body = MLP(inputs=inputs, width=32, hidden_layers=1, outputs=SIDE**2, activation=ReLU, initialise=None)
    return ToImages(network=body, channels=1, image_size=SIDE)


def generator():
    return ConditionalGenerator(network=perceptron(4 + 3), classes=4, embedding_dim=3)


class Deaf(nn.Module):
    """A generator that ignores labels."""

    def __init__(self):
        super().__init__()
        self.network = perceptron(4)

    def forward(self, z, labels):
        return self.network(z)


def critic(channels):
    return ConvCritic(channels=channels, width=8, image_size=SIDE, initialise=None, constrain=None)


def concatenation():
    return ConcatenationDiscriminator(network=critic(2), classes=4, image_size=SIDE)


def projection():
    return ProjectionDiscriminator(network=critic(1), classes=4, constrain=None)


each_discriminator = pytest.mark.parametrize("discriminator", [concatenation, projection])


def share_of_right_classes(made, discriminator, path):
    """By the nearest level, of 100 samples of each of the three classes there are."""
    model = conditional(made, discriminator, lr=1e-2)
    fit(model, 100, path)
    asked = [0, 2, 3] * 100
    found = sample(model, 300, asked).mean((1, 2, 3))
    nearest = (found[:, None] - level(torch.arange(4))).abs().argmin(1)
    return (nearest == torch.tensor(asked)).float().mean().item()


@each_discriminator
def test_a_model_learns_which_class_is_which_and_one_that_ignores_labels_is_told_apart(tmp_path, discriminator):
    assert share_of_right_classes(generator, discriminator, tmp_path) > 0.9
    assert share_of_right_classes(Deaf, discriminator, tmp_path) < 0.5


def test_without_a_condition_classes_come_as_often_as_in_the_data(tmp_path):
    """Half of class 0, none of class 1, a quarter of each other: 4,000 samples, within 5 standard deviations."""
    model = conditional(Obedient, Witness)
    fit(model, 1, tmp_path)
    assert model.label_shares.tolist() == [0.5, 0, 0.25, 0.25]
    labels = ((sample(model, 4000)[:, 0, 0, 0] + 1) / 0.4).round().int()
    counts = torch.bincount(labels, minlength=4).tolist()
    assert counts[1] == 0 and abs(counts[0] - 2000) < 5 * 32 and abs(counts[2] - 1000) < 5 * 28
    loaded = conditional(Obedient, Witness)
    loaded.load_state_dict(model.state_dict())
    assert torch.equal(sample(loaded, 50), sample(model, 50))


def test_a_condition_is_what_is_drawn_one_label_for_each_sample():
    asked = [3, 1, 0, 0, 2]
    drawn = sample(conditional(Obedient, Witness), 5, asked)
    assert torch.allclose(drawn, level(torch.tensor(asked)).view(5, 1, 1, 1).expand(5, 1, SIDE, SIDE))


@each_discriminator
def test_a_resumed_conditional_run_is_the_uninterrupted_one(tmp_path, discriminator):
    whole = conditional(generator, discriminator, n_critic=2)
    fit(whole, 7, tmp_path)
    fit(conditional(generator, discriminator, n_critic=2), 3, tmp_path).save_checkpoint(tmp_path / "three.ckpt")
    resumed = conditional(generator, discriminator, n_critic=2)
    fit(resumed, 7, tmp_path, tmp_path / "three.ckpt")
    assert resumed.steps == 7 and all(
        torch.equal(resumed.state_dict()[name], tensor) for name, tensor in whole.state_dict().items()
    )

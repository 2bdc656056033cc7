"""docs/lecture-notes.md: each property that the lectures' code does not have, checked on ours and on ours with the bug.

A property is a function `check_…`. It passes on kantor's code; with the bug put in it fails.
"""

import functools
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SGD, fit, gan, points
from torch import nn

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.data.share import Share
from kantor.data.stream import ImageBlocks
from kantor.metrics import divergences
from kantor.models.adversarial import Adversarial
from kantor.models.critic_steps import Bursts, Constant
from kantor.nets.conv_critic import ConvCritic
from kantor.nets.dcgan import DCGANDiscriminator
from kantor.nets.digits import DigitCritic
from kantor.nets.skip_critic import SkipCritic
from kantor.objectives import adversarial, penalties
from kantor.objectives.adversarial import (
    AdversarialObjective,
    NonSaturating,
    Wasserstein,
    WassersteinClipping,
    WassersteinGradientPenalty,
)

NOTES = Path(__file__).parent.parent / "docs" / "lecture-notes.md"


def small_model(objective: AdversarialObjective, *, critic_optimizer=SGD) -> Adversarial:
    return gan(objective=objective, generator_optimizer=SGD, critic_optimizer=critic_optimizer)


def train(model, steps=1):
    fit(model, points(), steps)


# -- the training step


def check_the_generator_learns():
    model = small_model(Wasserstein())
    before = {name: weight.clone() for name, weight in model.generator.named_parameters()}
    train(model, steps=3)
    assert [name for name, weight in model.generator.named_parameters() if torch.equal(weight, before[name])] == []


def test_frozen_generator(monkeypatch):
    """The generator's weights are frozen for its own step, instead of the critic's, and never thawed."""
    check_the_generator_learns()
    monkeypatch.setattr(Adversarial, "toggle_optimizer", lambda self, optimizer: self.generator.requires_grad_(False))
    monkeypatch.setattr(Adversarial, "untoggle_optimizer", lambda self, optimizer: None)
    with pytest.raises(AssertionError):
        check_the_generator_learns()


class Remembering(NonSaturating):
    """Remembers the critic's gradients after its last step, and whether generated samples lead to the generator."""

    def critic_terms(self, critic, real, fake, *, rng=None):
        type(self).leads_to_the_generator = fake.requires_grad
        return super().critic_terms(critic, real, fake, rng=rng)

    def after_critic_step(self, critic):
        type(self).gradients = [weight.grad.clone() for weight in critic.parameters()]


def check_the_generators_step_leaves_the_critic_alone():
    model = small_model(Remembering())
    train(model)
    after = [weight.grad for weight in model.critic.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(after, Remembering.gradients, strict=True))


def test_unfrozen_discriminator(monkeypatch):
    """The generator's backward pass computes gradients for the discriminator too, on top of its own."""
    check_the_generators_step_leaves_the_critic_alone()
    monkeypatch.setattr(Adversarial, "toggle_optimizer", lambda self, optimizer: None)
    monkeypatch.setattr(Adversarial, "untoggle_optimizer", lambda self, optimizer: None)
    with pytest.raises(AssertionError):
        check_the_generators_step_leaves_the_critic_alone()


def check_the_critics_step_ends_at_the_generated_samples():
    train(small_model(Remembering()))
    assert not Remembering.leads_to_the_generator


def test_attached_samples(monkeypatch):
    """The critic's backward pass goes on through the generator."""
    check_the_critics_step_ends_at_the_generated_samples()

    def attached(self, parts, place, optimizer, *, keep):
        (part,), (real, _) = parts, parts[0].batch(place)
        fake = self.generator(self.latent(len(real), part.rng))
        terms = self.objective.critic_terms(self.score, real, fake, rng=part.rng)
        optimizer.zero_grad()
        self.manual_backward(sum(terms.values()))
        optimizer.step()
        return [], {name: term.detach() for name, term in terms.items()}

    monkeypatch.setattr(Adversarial, "_critic_step", attached)
    with pytest.raises(AssertionError):
        check_the_critics_step_ends_at_the_generated_samples()


def check_the_critic_stays_within_the_clip(objective, critic_optimizer):
    """Steps far larger than the clip."""
    model = small_model(objective, critic_optimizer=critic_optimizer)
    train(model)
    assert max(weight.abs().max().item() for weight in model.critic.parameters()) <= torch.tensor(0.01).item()


def check_a_clipped_critic_has_a_slope(objective):
    """CG1's, after its first step, in units of the slope before."""
    torch.manual_seed(0)
    batch_norm = functools.partial(nn.BatchNorm2d, eps=1e-5)
    critic = SkipCritic(channels=3, width=8, image_size=64, normalise=batch_norm, initialise=None, constrain=None)
    images = torch.randn(8, 3, 64, 64, requires_grad=True)

    def slope():
        (found,) = torch.autograd.grad(critic(images).sum(), images)
        return found.flatten(1).norm(dim=1).mean().item()

    before = slope()
    objective.after_critic_step(critic)
    assert slope() > 1e-6 * before


def test_clipped_scales_of_a_normalisation():
    check_a_clipped_critic_has_a_slope(WassersteinClipping(clip=0.005, spare_normalisation=True))
    with pytest.raises(AssertionError):
        check_a_clipped_critic_has_a_slope(WassersteinClipping(clip=0.005, spare_normalisation=False))


class ClippedBeforeItsStep(torch.optim.SGD):
    """Clips, then steps."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for weight in group["params"]:
                weight.clamp_(-0.01, 0.01)
        return super().step(closure)


def test_clipping_before_the_step():
    """The weights that the generator meets have been stepped since they were clipped."""
    large = functools.partial(torch.optim.SGD, lr=10.0)
    check_the_critic_stays_within_the_clip(WassersteinClipping(clip=0.01, spare_normalisation=False), large)
    with pytest.raises(AssertionError):
        early = functools.partial(ClippedBeforeItsStep, lr=10.0)
        check_the_critic_stays_within_the_clip(Wasserstein(), early)


def check_bursts_end(schedule):
    """100 critic steps before the first 25 steps and before each 500th, 5 before all others."""
    found = [schedule(k) for k in range(1200)]
    assert found == [100 if k < 25 or k in (500, 1000) else 5 for k in range(1200)]


def test_schedule_that_never_resets(monkeypatch):
    """The number is set to 100 by the first steps and put back to 5 only when an epoch begins."""
    schedule = Bursts(steps=5, burst=100, first=25, every=500)
    check_bursts_end(schedule)
    ours, now = Bursts.__call__, {"steps": 5}

    def sticking(self, step):
        now["steps"] = max(now["steps"], ours(self, step))
        return now["steps"]

    monkeypatch.setattr(Bursts, "__call__", sticking)
    with pytest.raises(AssertionError):
        check_bursts_end(schedule)


# -- the data


def check_every_block_is_full_and_no_image_is_left_out():
    """10 images in batches of 4, 3 batches for each step: 5 steps are 6 epochs."""
    images = ImageSet(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1))
    blocks = ImageBlocks(
        images,
        batch_size=4,
        batches_per_step=Constant(3),
        batches_before=Constant(3).before,
        first_step=0,
        seed=0,
        share=Share(),
        flip=False,
    )
    five = [block.images for block in itertools.islice(blocks, 5)]
    assert [tuple(block.shape) for block in five] == [(3, 4, 1, 1, 1)] * 5
    epochs = torch.cat([block.flatten() for block in five]).reshape(6, 10)
    assert epochs.sort(dim=1).values.tolist() == [list(range(10))] * 6


class Block:
    """What is left of a block."""

    def __init__(self, images):
        self.images = images


def exhausted(self):
    """The critic's loop ends with the iterator, in the middle of its steps, and the last batch is a small one."""
    for epoch in itertools.count():
        loader = iter(self.order(epoch)[start : start + 4] for start in range(0, 10, 4))
        while batches := list(itertools.islice(loader, 3)):
            short = min(len(batch) for batch in batches)  # as much of them as makes one tensor
            taken = torch.stack([self.images.take(batch[:short].astype(np.int64)) for batch in batches])
            yield Block(taken)


def dropping(self):
    """The last batch of an epoch is dropped."""
    batches = (self.order(epoch)[start : start + 4] for epoch in itertools.count() for start in (0, 4))
    while True:
        yield Block(torch.stack([self.images.take(next(batches).astype(np.int64)) for _ in range(3)]))


@pytest.mark.parametrize("loop", [exhausted, dropping])
def test_data_lost_at_the_end_of_an_epoch(monkeypatch, loop):
    check_every_block_is_full_and_no_image_is_left_out()
    monkeypatch.setattr(ImageBlocks, "__iter__", loop)
    with pytest.raises(AssertionError):
        check_every_block_is_full_and_no_image_is_left_out()


# -- critics


def small_critic(kind):
    torch.manual_seed(0)
    settings = {"channels": 3, "width": 8, "image_size": 32, "initialise": None, "constrain": None}
    return kind(**settings, **({} if kind is ConvCritic else {"normalise": None}))


def check_one_number_per_image(critic, batch):
    torch.manual_seed(1)
    x = torch.randn(batch, 3, 32, 32)
    y = critic(x)
    assert y.shape == (batch,)
    others = torch.cat([x[:1], torch.randn(batch - 1, 3, 32, 32)])
    torch.testing.assert_close(critic(others)[0], y[0], rtol=1e-4, atol=1e-6)
    assert y.std() > 0


@pytest.mark.parametrize("kind", [SkipCritic, ConvCritic])
def test_batch_mean_critic(monkeypatch, kind):
    """The critic returns the mean of its batch."""
    critic = small_critic(kind)
    check_one_number_per_image(critic, 8)
    monkeypatch.setattr(kind, "forward", lambda self, x: self.body(x).mean(0).view(1))
    with pytest.raises(AssertionError):
        check_one_number_per_image(critic, 8)


def check_a_slope_of_five_is_penalised_by_sixteen(critic):
    penalty = penalties.gradient_penalty(critic, torch.randn(32, 2), torch.randn(32, 2), torch.rand(32))
    assert penalty.item() == pytest.approx(16, rel=1e-4)


def test_batch_mean_under_a_penalty():
    """The gradient at one sample of a mean over 32 is 1/32 of its own: the penalty asks for slopes of 32."""
    slope = torch.tensor([3.0, 4.0])
    check_a_slope_of_five_is_penalised_by_sixteen(lambda x: x @ slope)
    with pytest.raises(AssertionError):
        check_a_slope_of_five_is_penalised_by_sixteen(lambda x: (x @ slope).mean(0).view(1))


def flattened_together(self, x):
    """All 4×4 maps of the batch in one vector, for a linear layer made for 32 images."""
    maps = self.body[:-1](x)  # (B, 16)
    return nn.functional.linear(maps.view(-1), self.weight_for_32_images)


def test_flatten_mixes_the_batch(monkeypatch):
    """The last maps of all images are one vector: 512 numbers for 32 images, another length for any other batch."""
    critic = small_critic(SkipCritic)
    check_one_number_per_image(critic, 32)
    check_one_number_per_image(critic, 8)
    critic.weight_for_32_images = nn.Parameter(torch.randn(1, 512))
    monkeypatch.setattr(SkipCritic, "forward", flattened_together)
    with pytest.raises(AssertionError):
        check_one_number_per_image(critic, 32)
    with pytest.raises(RuntimeError, match="shape"):
        check_one_number_per_image(critic, 8)


def test_one_image_cut_into_four(monkeypatch):
    """Features of 16,384 numbers are viewed as rows of 4096: four scores for each image."""
    critic = small_critic(ConvCritic)
    check_one_number_per_image(critic, 8)
    quarter = nn.Linear(4 * 8 * 4 * 4 // 4, 1)

    def quartered(self, x):
        return quarter(self.body[:-1](x).view(-1, quarter.in_features)).squeeze(1)

    monkeypatch.setattr(ConvCritic, "forward", quartered)
    with pytest.raises(AssertionError):
        check_one_number_per_image(critic, 8)


def check_the_last_map_tells_batches_apart(critic):
    """By its mean, which the loss is made of."""
    dark, bright = (critic.body[:-2](torch.randn(8, 3, 32, 32) / 4 + shade) for shade in (-0.7, 0.7))
    assert (bright.mean() - dark.mean()).abs() > 1e-4 * (dark.std() + bright.std())


def test_normalised_last_map():
    """The last map is normalised before the linear layer: its mean is 0, whatever the images are."""
    critic = small_critic(SkipCritic)
    check_the_last_map_tells_batches_apart(critic)
    critic.body[-3] = nn.Sequential(critic.body[-3], nn.BatchNorm2d(1))
    with pytest.raises(AssertionError):
        check_the_last_map_tells_batches_apart(critic)


def check_every_parameter_is_used(critic):
    critic(torch.randn(4, 3, 32, 32)).sum().backward()
    assert [name for name, weight in critic.named_parameters() if weight.grad is None] == []


def test_parameters_that_nothing_uses():
    """Each block holds a second convolution that its forward pass does not reach."""
    check_every_parameter_is_used(small_critic(SkipCritic))
    critic = small_critic(SkipCritic)
    critic.body[0].second = nn.Conv2d(3, 8, 3, padding=1)
    with pytest.raises(AssertionError):
        check_every_parameter_is_used(critic)


# -- penalties


def check_images_have_one_slope_each():
    """The sum over all 3·4·5 numbers of an image has slope √60."""
    x = torch.randn(6, 3, 4, 5)
    found = penalties.slopes(lambda x: x.sum((1, 2, 3)), x, differentiable=False)
    torch.testing.assert_close(found, torch.full((6,), math.sqrt(60)))


def test_channel_only_norm(monkeypatch):
    """`norm(2, dim=1)` of an image's gradient is a norm over channels: one slope for each pixel."""
    check_images_have_one_slope_each()

    def per_pixel(critic, points, *, differentiable):
        points = points.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=differentiable)
        return gradient.norm(2, dim=1)

    monkeypatch.setattr(penalties, "slopes", per_pixel)
    with pytest.raises(AssertionError):
        check_images_have_one_slope_each()


def check_each_sample_has_its_own_place_between_real_and_generated():
    """Between generated samples at 0 and real ones at 1, x̂ is ε."""
    asked = []

    def critic(x):
        asked.append(x.detach().clone())
        return x.flatten(1).square().sum(1)

    real, fake = torch.ones(64, 1, 2, 2), torch.zeros(64, 1, 2, 2)
    objective = WassersteinGradientPenalty(penalty_weight=1.0, one_sided=False)
    objective.critic_terms(critic, real, fake, rng=keyed.Rng(0))
    (x_hat,) = (x for x in asked if not ((x == 0) | (x == 1)).all())
    assert (x_hat == x_hat[:, :1, :1, :1]).all()
    epsilon = x_hat[:, 0, 0, 0]
    assert len(epsilon.unique()) == 64
    assert epsilon.min() >= 0 and epsilon.max() <= 1


@pytest.mark.parametrize(
    "wrong",
    [lambda epsilon: epsilon[:1].expand(len(epsilon)), lambda epsilon: torch.randn(len(epsilon))],
    ids=["one for the whole batch", "Gaussian"],
)
def test_wrong_epsilon(monkeypatch, wrong):
    """One ε for all samples of a batch; or ε from N(0, 1), which is mostly not between 0 and 1."""
    torch.manual_seed(2)
    check_each_sample_has_its_own_place_between_real_and_generated()
    ours = adversarial.gradient_penalty

    def other(critic, real, fake, epsilon, *, one_sided):
        return ours(critic, real, fake, wrong(epsilon), one_sided=one_sided)

    monkeypatch.setattr(adversarial, "gradient_penalty", other)
    with pytest.raises(AssertionError):
        check_each_sample_has_its_own_place_between_real_and_generated()


def test_penalty_of_the_squared_slope(monkeypatch):
    """(‖∇f‖² - 1)², as the slide has it, is 576 where (‖∇f‖ - 1)² is 16."""
    slope, ours = torch.tensor([3.0, 4.0]), penalties.slopes
    check_a_slope_of_five_is_penalised_by_sixteen(lambda x: x @ slope)
    monkeypatch.setattr(penalties, "slopes", lambda *args, **settings: ours(*args, **settings).square())
    with pytest.raises(AssertionError):
        check_a_slope_of_five_is_penalised_by_sixteen(lambda x: x @ slope)


def check_a_penalised_critic_keeps_samples_apart(critic):
    """In training mode, in which the penalty is computed."""
    torch.manual_seed(3)
    x = torch.randn(4, 3, 32, 32, requires_grad=True)
    critic.train()
    (gradient,) = torch.autograd.grad(critic(x)[0], x)
    assert gradient[1:].abs().max() == 0
    assert gradient[0].abs().max() > 0


def test_batch_norm_in_a_penalised_critic():
    """With batch normalisation an image's number depends on the others, and the penalty is not on its slope."""
    digits = functools.partial(DigitCritic, channels=3, width=4, initialise=None, constrain=None)
    check_a_penalised_critic_keeps_samples_apart(digits(normalise=None))
    check_a_penalised_critic_keeps_samples_apart(small_critic(ConvCritic))
    with pytest.raises(AssertionError):
        check_a_penalised_critic_keeps_samples_apart(digits(normalise=nn.BatchNorm2d))


# -- losses and distances


def check_a_lost_logit_still_teaches():
    """A real sample with logit -200 costs 200 nats, and its gradient is -1."""
    logit = torch.tensor([-200.0], requires_grad=True)
    real, fake = torch.zeros(1, 1), torch.ones(1, 1)
    loss = NonSaturating().critic_terms(lambda x: logit if x is real else torch.zeros(1), real, fake)["real"]
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert logit.grad.item() == pytest.approx(-1)


def test_sigmoid_before_the_cross_entropy(monkeypatch):
    """sigmoid(-200) is 0 in float32: its logarithm is cut at -100, and the gradient is gone."""
    check_a_lost_logit_still_teaches()

    def in_two_steps(self, critic, real, fake, *, rng=None):
        bce, d_real, d_fake = nn.BCELoss(), torch.sigmoid(critic(real)), torch.sigmoid(critic(fake))
        return {"real": bce(d_real, torch.ones_like(d_real)), "fake": bce(d_fake, torch.zeros_like(d_fake))}

    monkeypatch.setattr(NonSaturating, "critic_terms", in_two_steps)
    with pytest.raises(AssertionError):
        check_a_lost_logit_still_teaches()


def check_disjoint_distributions_are_log_two_apart():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert divergences.jensen_shannon(p, q) == pytest.approx(math.log(2))


def test_jensen_shannon_without_the_half(monkeypatch):
    check_disjoint_distributions_are_log_two_apart()

    def without(p, q):
        m = (p + q) / 2
        return divergences.kl(p, m) + divergences.kl(q, m)

    monkeypatch.setattr(divergences, "jensen_shannon", without)
    with pytest.raises(AssertionError):
        check_disjoint_distributions_are_log_two_apart()


def test_the_discriminators_output_is_a_logit():
    """No sigmoid at the end of the network either: numbers outside [0, 1] come out."""
    torch.manual_seed(4)
    settings = {"channels": 3, "width": 4, "image_size": 32, "normalise": None, "after_first": None}
    network = DCGANDiscriminator(**settings, initialise=None, constrain=None)
    x = 100 * torch.randn(64, 3, 32, 32)

    def check_beyond_probabilities(discriminator):
        y = discriminator(x)
        assert y.min() < 0 and y.max() > 1

    check_beyond_probabilities(network)
    with pytest.raises(AssertionError):
        check_beyond_probabilities(nn.Sequential(network, nn.Sigmoid()))


# -- diffusion: what is a formula there has its tests in tests/noising and tests/samplers


def check_levels_survive(to_uint8):
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)


def test_decimals_cut_off():
    check_levels_survive(pixels.to_uint8)
    with pytest.raises(AssertionError):
        check_levels_survive(lambda samples: ((samples + 1) * 127.5).clamp(0, 255).to(torch.uint8))


def test_the_notes_name_tests_that_there_are():
    for place, name in re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", NOTES.read_text(encoding="utf-8")):
        file = NOTES.parent.parent / (place if place.startswith("tests/") else f"tests/{place}")
        assert not name or f"def {name}(" in file.read_text(encoding="utf-8"), f"{place}::{name}"


def test_the_notes_name_the_tests_and_all_of_them():
    named = re.findall(r"tests/test_lecture_departures\.py::(test_\w+)", NOTES.read_text(encoding="utf-8"))
    here = {name for name in globals() if name.startswith("test_") and not name.startswith("test_the_notes_name_")}
    assert set(named) == here

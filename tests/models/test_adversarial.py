"""The adversarial loop in a plain `Trainer`, over all objectives and both kinds of optimizer."""

import functools
import math

import pytest
import pytorch_lightning as pl
import torch
from every_objective import OBJECTIVES
from tiny import ADAM, RMSPROP, TinyImages, fit, gan, image_cgan, mlp, points, same, samples, state
from torch import nn

from kantor import keyed
from kantor.data.points import GaussianMixture
from kantor.data.share import Share
from kantor.data.stream import Block
from kantor.models.adversarial import Adversarial
from kantor.models.adversarial_measurements import of_probabilities
from kantor.models.critic_steps import Bursts, Constant
from kantor.models.health import LOOKS, History
from kantor.objectives.adversarial import NonSaturating, Wasserstein, WassersteinClipping, WassersteinGradientPenalty
from kantor.objectives.relativistic import Relativistic

each_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
OPTIMIZERS = {"adam": ADAM, "rmsprop": RMSPROP}
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())


@each_objective
@each_optimizer
@pytest.mark.parametrize("n_critic", [Constant(3), Bursts(steps=1, burst=4, first=1, every=3)], ids=str)
def test_counters_are_exact(objective, optimizer, n_critic):
    model = gan(objective=objective, generator_optimizer=optimizer, critic_optimizer=optimizer, n_critic=n_critic)
    trainer = fit(model, points(batch_size=6), 5)
    images = 6 * n_critic.before(5)
    assert model.counters() == {"images_seen": images, "steps": 5, "critic_steps": n_critic.before(5)}
    assert trainer.global_step == model.steps
    assert model.batches_before(5) == n_critic.before(5)


@each_objective
@each_optimizer
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, objective, optimizer):
    make = functools.partial(gan, objective=objective, generator_optimizer=optimizer, critic_optimizer=optimizer)
    straight, first, resumed = make(), make(), make(weights=99)
    fit(straight, points(), 4)
    fit(first, points(), 2).save_checkpoint(tmp_path / "two.ckpt")
    fit(resumed, points(), 4, checkpoint=tmp_path / "two.ckpt")
    assert same(state(resumed), state(straight))
    assert resumed.counters() == straight.counters()


class Watch:
    """Notes, at each step of an optimizer, who it is and what both networks' weights are before and after."""

    def __init__(self):
        self.model = None
        self.events = []

    def optimizer(self, name):
        watch = self

        class Watched(torch.optim.SGD):
            def step(self, closure=None):
                before = state(watch.model.generator), state(watch.model.critic)
                result = super().step(closure)
                after = state(watch.model.generator), state(watch.model.critic)
                watch.events.append((name, before, after))
                return result

        return functools.partial(Watched, lr=0.1)


def watched(**settings):
    """A model whose optimizers are watched."""
    watch = Watch()
    optimizers = {f"{name}_optimizer": watch.optimizer(name) for name in ("generator", "critic")}
    watch.model = gan(**optimizers, **settings)
    return watch.model, watch


@each_objective
def test_critic_steps_come_first_then_one_step(objective):
    model, watch = watched(objective=objective, n_critic=3)
    fit(model, points(), 2)
    assert [name for name, _, _ in watch.events] == ["critic", "critic", "critic", "generator"] * 2


@each_objective
def test_each_step_moves_its_own_network_only(objective):
    model, watch = watched(objective=objective, n_critic=2)
    begin = state(model.generator), state(model.critic)
    fit(model, points(), 3)
    last_generator, last_critic = begin
    for name, (generator, critic), (generator_after, critic_after) in watch.events:
        # nothing moved the other network since it was seen last; clipping may move the critic after its own step
        assert same(generator, last_generator)
        if not isinstance(objective, WassersteinClipping):
            assert same(critic, last_critic)
        moved = (not same(generator, generator_after), not same(critic, critic_after))
        assert moved == ((True, False) if name == "generator" else (False, True))
        last_generator, last_critic = generator_after, critic_after
    assert same(state(model.generator), last_generator)


@each_objective
def test_the_generators_step_leaves_no_gradients_in_the_critic(objective):
    """They would cost time, and under accumulation they would be added to the critic's next step."""
    seen, after_critic = [], []

    class Gradients(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            seen.append([weight.grad.clone() for weight in pl_module.critic.parameters()])

    model = gan(objective=objective, n_critic=1)
    step = model._critic_step

    def remembering(*arguments, **settings):
        result = step(*arguments, **settings)
        after_critic.append([weight.grad.clone() for weight in model.critic.parameters()])
        return result

    model._critic_step = remembering
    fit(model, points(), 2, Gradients())
    assert len(seen) == 2
    for before, after in zip(after_critic, seen, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def check_clipped_after_each_step(clip=0.01):
    """With steps a hundred times the clip, weights that are clipped before a step are outside after it."""
    big = functools.partial(torch.optim.SGD, lr=10.0)
    clipping = WassersteinClipping(clip=clip, spare_normalisation=False)
    model = gan(objective=clipping, critic_optimizer=big, generator_optimizer=big)
    seen = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            seen.append(max(weight.abs().max().item() for weight in pl_module.critic.parameters()))

    fit(model, points(), 3, Look())
    assert len(seen) == 3
    assert max(seen) <= torch.tensor(clip).item()
    assert max(weight.abs().max().item() for weight in model.generator.parameters()) > clip


def test_the_critic_is_clipped_after_each_of_its_steps():
    check_clipped_after_each_step()


def test_clipping_before_the_step_is_seen(monkeypatch):
    """Mutation: the weights are clipped, then stepped."""

    def clipped_too_early(self, parts, place, optimizer, *, keep):
        self.objective.after_critic_step(self.critic)
        (part,), (real, _) = parts, parts[0].batch(place)
        fake = self.generator(self.latent(len(real), part.rng)).detach()
        terms = self.objective.critic_terms(self.critic, real, fake, rng=part.rng)
        optimizer.zero_grad()
        self.manual_backward(torch.stack(list(terms.values())).sum())
        optimizer.step()
        return [], {name: term.detach() for name, term in terms.items()}

    monkeypatch.setattr(Adversarial, "_critic_step", clipped_too_early)
    with pytest.raises(AssertionError):
        check_clipped_after_each_step()


def test_in_bf16_no_step_sees_weights_of_an_earlier_one():
    """Autocast keeps the weights that it has rounded; a critic step must not meet those from before the last one."""
    big = functools.partial(torch.optim.SGD, lr=1.0)
    model = gan(objective=Wasserstein(), critic_optimizer=big, generator_optimizer=big, n_critic=5)
    seen = []

    def compare(layer, inputs, output):
        if layer.training:
            with torch.autocast("cpu", enabled=False), torch.no_grad():
                exact = torch.nn.functional.linear(inputs[0].float(), layer.weight, layer.bias)
            seen.append(
                (
                    output.dtype,
                    float((output.detach().float() - exact).norm() / exact.norm()),
                    layer.weight.detach().clone(),
                )
            )

    next(layer for layer in model.critic.modules() if isinstance(layer, nn.Linear)).register_forward_hook(compare)
    fit(model, points(), 2, precision="bf16-mixed")
    assert len(seen) == 2 * (5 * 2 + 1) and {dtype for dtype, *_ in seen} == {torch.bfloat16}
    assert max(error for _, error, _ in seen) < 0.02
    moved = [
        float((after - before).norm() / before.norm())
        for (*_, before), (*_, after) in zip(seen, seen[2:], strict=False)
    ]
    assert max(moved) > 0.1  # stale weights would have been seen


@each_objective
def test_after_critic_step_follows_each_critic_step_and_nothing_else(objective, monkeypatch):
    model, watch = watched(objective=objective, n_critic=2)
    clip = type(objective).after_critic_step

    def noted(self, critic):
        watch.events.append(("after", None, None))
        clip(self, critic)

    monkeypatch.setattr(type(objective), "after_critic_step", noted)
    fit(model, points(), 2)
    assert [name for name, _, _ in watch.events] == ["critic", "after", "critic", "after", "generator"] * 2


@each_objective
def test_values_are_the_last_steps_scalars(objective):
    model = gan(objective=objective)
    fit(model, points(), 2)
    terms = {name for name in model.values if name not in ("train/critic_loss", "train/generator_loss")}
    others = {WassersteinGradientPenalty: {"real", "fake", "gradient_penalty"}, Relativistic: {"pairs", "r1", "r2"}}
    names = others.get(type(objective), {"real", "fake"})
    assert terms == {f"train/critic_{name}" for name in names}
    assert model.values["train/critic_loss"].item() == pytest.approx(
        sum(model.values[name].item() for name in terms), rel=1e-5
    )
    assert [value.requires_grad for value in model.values.values()] == [False] * len(model.values)
    assert {value.shape for value in model.values.values()} == {torch.Size([])}


@each_objective
def test_names_and_potential_follow_the_objective(objective):
    model = gan(objective=objective)
    name = "critic" if objective.is_wasserstein else "discriminator"
    assert model.networks() == {"generator": model.generator, name: model.critic}
    assert model.surface_name == name
    assert model.potential is (model.critic if objective.is_wasserstein else None)
    assert model.parameter_counts() == {"generator": 2 * 8 + 8 + 8 * 2 + 2, name: 2 * 8 + 8 + 8 + 1}


def test_probabilities_are_those_of_logits_in_the_networks_own_mode():
    """D of the last real batch, and of generated samples; no silent sigmoid of a score that is none."""
    model, block = gan(objective=NonSaturating()), points().blocks(gan(), Share()).block(0)
    assert model.has_probabilities
    with torch.no_grad():
        real, fake = model.probabilities(block, keyed.Rng(2))
        assert torch.equal(real, model.critic(block.samples[-1]).sigmoid())
        assert torch.equal(fake, model.critic(model.generator(model.latent(6, keyed.Rng(2)))).sigmoid())
    with_a_meaning = [name for name, objective in OBJECTIVES.items() if gan(objective=objective).has_probabilities]
    assert with_a_meaning == ["non_saturating", "minimax", "least_squares"]


@pytest.mark.parametrize(
    ("objective", "name", "estimate"),
    [
        (NonSaturating(), "JS", lambda loss: math.log(2) - loss / 2),
        (Wasserstein(), "W1", lambda loss: -loss),
    ],
    ids=["JS", "W1"],
)
def test_a_loss_estimates_a_distance_once_there_was_a_step(objective, name, estimate):
    model = gan(objective=objective)
    assert model.distance_estimate() is None
    fit(model, points(), 1)
    found = model.distance_estimate()
    assert (found.name, found.value) == (name, pytest.approx(estimate(float(model.values["train/critic_loss"]))))
    other = gan(objective=OBJECTIVES["hinge"])
    fit(other, points(), 1)
    assert other.distance_estimate() is None


@each_objective
def test_limits_are_those_of_two_optimizers_and_of_double_backward(objective):
    limits = gan(objective=objective).limits
    assert list(limits.precisions) == ["16-mixed"] and limits.in_turns
    penalised = isinstance(objective, WassersteinGradientPenalty | Relativistic)
    assert (limits.compile is not None) == penalised


def test_both_networks_of_a_conditional_model_get_the_labels_of_their_samples():
    """The critic those of the real samples with both batches; the generator makes samples of these labels."""
    seen = {"generator": [], "critic": []}
    model = image_cgan(objective=NonSaturating(), n_critic=2)
    for name, network in (("generator", model.generator), ("critic", model.critic)):
        network.register_forward_pre_hook(lambda module, inputs, name=name: seen[name].append(inputs[1].clone()))
    data = TinyImages(labelled=True)
    block = data.on_after_batch_transfer(data.blocks(model, Share()).block(0), 0)
    fit(model, data, 1)
    first, second = block.labels
    for found, expected in (
        (seen["generator"], [first, second, second]),
        (seen["critic"], [first, first, second, second, second]),
    ):
        assert [labels.tolist() for labels in found] == [labels.tolist() for labels in expected]


def test_training_lowers_the_distance():
    """150 steps of the gradient penalty on a single round Gaussian at (2, 0) bring the mean most of the way there."""
    model = gan(objective=WassersteinGradientPenalty(penalty_weight=1.0, one_sided=False), n_critic=3)
    begin = samples(model, n=500, seed=0).mean(0)
    target = GaussianMixture(((2.0, 0.0),), spread=0.5, scale=1.0)
    fit(model, points(distribution=target, batch_size=64, seed=0), 150)
    end = samples(model, n=500, seed=0).mean(0)
    goal = torch.tensor([2.0, 0.0])
    assert (end - goal).norm() < 0.3 * (begin - goal).norm()


class Ending(torch.nn.Module):
    """A critic of points with something behind its linear layer."""

    def __init__(self, end):
        super().__init__()
        self.network, self.end = mlp(2, 1), end

    def forward(self, x):
        return self.end(self.network(x)).squeeze(1)


ENDS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.nn.Tanh(),
    "clamp": lambda y: y.clamp(-1, 1),
    "hardsigmoid": torch.nn.Hardsigmoid(),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
@pytest.mark.parametrize("end", ENDS)
def test_a_critic_with_bounded_numbers_is_noticed_at_the_start(end, objective, capsys):
    gan(critic=lambda: Ending(ENDS[end]), objective=objective).check_shapes((2,))
    said = capsys.readouterr().err
    assert said.count(f"model.critic ends in a {end}, and {type(objective).__name__} expects") == objective.unbounded
    gan(critic=lambda: Ending(torch.nn.LeakyReLU(0.2)), objective=objective).check_shapes((2,))
    gan(objective=objective).check_shapes((2,))
    assert capsys.readouterr().err == ""


def test_logits_that_a_sigmoid_squashed_are_found_while_training():
    """They stay in (0, 1), and D in (½, 0.73); without the sigmoid nothing is found."""
    for end, found in ((torch.sigmoid, {"squashed_logits"}), (torch.nn.Identity(), set())):
        model = gan(critic=lambda end=end: Ending(end))
        history = History({}, {}, (), 0)
        for step in range(LOOKS):
            block = Block(torch.randn(1, 64, 2), None)
            d_real, d_fake = model.probabilities(block, keyed.Rng(step))
            history = history.then({name: value.item() for name, value in of_probabilities(d_real, d_fake).items()})
        assert {name for name, check in model.checks().items() if check(history)} - {"perfect_discriminator"} == found

"""The adversarial loop in a plain `Trainer`, over all objectives and both kinds of optimizer."""

import functools
import types

import pytest
import pytorch_lightning as pl
import torch
from every_objective import OBJECTIVES
from torch import nn

from kantor import keyed
from kantor.models.adversarial import Adversarial
from kantor.models.base import GenerativeModel, count_parameters
from kantor.models.critic_steps import Bursts, Constant
from kantor.objectives.adversarial import Wasserstein, WassersteinClipping, WassersteinGradientPenalty
from kantor.objectives.relativistic import Relativistic

each_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
each_optimizer = pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])


def weights(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def equal(first, second):
    assert first.keys() == second.keys()
    return {name for name in first if not torch.equal(first[name], second[name])} == set()


def samples(model, which="ema", seed=1):
    return model.sample(5, rng=keyed.Rng(seed), weights=which)


@each_objective
@each_optimizer
@pytest.mark.parametrize("n_critic", [Constant(3), Bursts(steps=1, burst=4, first=1, every=3)], ids=str)
def test_counters_are_exact(make_model, fit, objective, optimizer, n_critic):
    model = make_model(objective=objective, optimizer=optimizer, n_critic=n_critic)
    trainer = fit(model, 5, batch_size=6)
    assert model.steps == 5
    assert model.critic_steps == n_critic.before(5)
    assert model.images_seen == 6 * n_critic.before(5)
    assert trainer.global_step == model.steps
    assert model.batches_before(5) == n_critic.before(5)


@each_objective
@each_optimizer
def test_a_resumed_run_ends_with_the_same_bits(make_model, fit, tmp_path, objective, optimizer):
    make = functools.partial(make_model, objective=objective, optimizer=optimizer)
    straight = make()
    fit(straight, 4)

    first = make()
    fit(first, 2).save_checkpoint(tmp_path / "two.ckpt")
    resumed = make(weights=99)  # whose own weights must not matter
    trainer = fit(resumed, 4, checkpoint=tmp_path / "two.ckpt")
    assert equal(weights(resumed), weights(straight))
    assert resumed.counters() == straight.counters()
    assert trainer.global_step == 4
    for which in ("ema", "raw"):
        assert torch.equal(samples(resumed, which), samples(straight, which))


@each_objective
@each_optimizer
def test_a_reloaded_model_reproduces_its_samples(make_model, fit, objective, optimizer):
    model = make_model(objective=objective, optimizer=optimizer)
    before = samples(model, "raw")
    fit(model, 2)
    reloaded = make_model(objective=objective, optimizer=optimizer, weights=99)
    reloaded.load_state_dict(model.state_dict())
    for which in ("ema", "raw"):
        assert torch.equal(samples(reloaded, which), samples(model, which))
    assert not torch.equal(samples(model, "raw"), before)  # it did train


@each_objective
def test_training_is_a_function_of_the_seed(make_model, fit, objective):
    runs = []
    for seed in (3, 3, 4):
        model = make_model(objective=objective, seed=seed)
        fit(model, 2)
        runs.append(weights(model))
    assert equal(runs[0], runs[1])
    assert not equal(runs[0], runs[2])


class Watch:
    """Notes, at each step of an optimizer, who it is and what both networks' weights are before and after."""

    def __init__(self):
        self.model = None
        self.events = []

    def optimizer(self, name):
        watch = self

        class Watched(torch.optim.SGD):
            def step(self, closure=None):
                before = weights(watch.model.generator), weights(watch.model.critic)
                result = super().step(closure)
                after = weights(watch.model.generator), weights(watch.model.critic)
                watch.events.append((name, before, after))
                return result

        return functools.partial(Watched, lr=0.1)


@pytest.fixture
def watched(make_model):
    """A model whose optimizers are watched."""

    def make(**settings):
        watch = Watch()
        model = make_model(**settings)
        optimisation = model.optimisation
        model.optimisation = type(optimisation)(
            generator=watch.optimizer("generator"),
            critic=watch.optimizer("critic"),
            n_critic=optimisation.n_critic,
            generator_noise=optimisation.generator_noise,
            ema_decay=optimisation.ema_decay,
        )
        watch.model = model
        return model, watch

    return make


@each_objective
def test_critic_steps_come_first_then_one_step(watched, fit, objective):
    model, watch = watched(objective=objective, n_critic=Constant(3))
    fit(model, 2)
    assert [name for name, _, _ in watch.events] == ["critic", "critic", "critic", "generator"] * 2


@each_objective
def test_each_step_moves_its_own_network_only(watched, fit, objective):
    model, watch = watched(objective=objective, n_critic=Constant(2))
    begin = weights(model.generator), weights(model.critic)
    fit(model, 3)
    last_generator, last_critic = begin
    for name, (generator, critic), (generator_after, critic_after) in watch.events:
        # nothing moved the other network since it was seen last; clipping may move the critic after its own step
        assert equal(generator, last_generator)
        if not isinstance(objective, WassersteinClipping):
            assert equal(critic, last_critic)
        moved = (not equal(generator, generator_after), not equal(critic, critic_after))
        assert moved == ((True, False) if name == "generator" else (False, True))
        last_generator, last_critic = generator_after, critic_after
    assert equal(weights(model.generator), last_generator)


@each_objective
def test_the_generators_step_leaves_no_gradients_in_the_critic(make_model, fit, objective):
    """They would cost time, and under accumulation they would be added to the critic's next step."""
    seen = []

    class Gradients(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            seen.append([weight.grad.clone() for weight in pl_module.critic.parameters()])

    model = make_model(objective=objective, n_critic=Constant(1))
    step = Adversarial._critic_step
    after_critic = []

    def remembering(self, *arguments):
        terms = step(self, *arguments)
        after_critic.append([weight.grad.clone() for weight in self.critic.parameters()])
        return terms

    model._critic_step = types.MethodType(remembering, model)
    fit(model, 2, callbacks=[Gradients()])
    assert len(seen) == 2
    for before, after in zip(after_critic, seen, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def check_clipped_after_each_step(make_model, fit, clip=0.01):
    """With steps a hundred times the clip, weights that are clipped before a step are outside after it."""
    big = functools.partial(torch.optim.SGD, lr=10.0)
    clipping = WassersteinClipping(clip=clip, spare_normalisation=False)
    model = make_model(objective=clipping, optimizer=big, n_critic=Constant(2))
    seen = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            seen.append(max(weight.abs().max().item() for weight in pl_module.critic.parameters()))

    fit(model, 3, callbacks=[Look()])
    assert len(seen) == 3
    assert max(seen) <= torch.tensor(clip).item()
    assert max(weight.abs().max().item() for weight in model.generator.parameters()) > clip


def test_the_critic_is_clipped_after_each_of_its_steps(make_model, fit):
    check_clipped_after_each_step(make_model, fit)


def test_clipping_before_the_step_is_seen(make_model, fit, monkeypatch):
    """Mutation: the weights are clipped, then stepped."""

    def clipped_too_early(self, real, fake, optimizer, rng):
        self.objective.after_critic_step(self.critic)
        terms = self.objective.critic_terms(self.critic, real, fake, rng=rng)
        optimizer.zero_grad()
        self.manual_backward(torch.stack(list(terms.values())).sum())
        optimizer.step()
        return terms

    monkeypatch.setattr(Adversarial, "_critic_step", clipped_too_early)
    with pytest.raises(AssertionError):
        check_clipped_after_each_step(make_model, fit)


def test_in_bf16_no_step_sees_weights_of_an_earlier_one(make_model, fit):
    """Autocast keeps the weights that it has rounded; a critic step must not meet those from before the last one."""
    big = functools.partial(torch.optim.SGD, lr=1.0)
    model = make_model(objective=Wasserstein(), optimizer=big, n_critic=Constant(5))
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
    fit(model, 2, precision="bf16-mixed")
    assert len(seen) == 2 * (5 * 2 + 1) and {dtype for dtype, *_ in seen} == {torch.bfloat16}
    assert max(error for _, error, _ in seen) < 0.02
    moved = [
        float((after - before).norm() / before.norm())
        for (*_, before), (*_, after) in zip(seen, seen[2:], strict=False)
    ]
    assert max(moved) > 0.1  # stale weights would have been seen


@each_objective
def test_after_critic_step_follows_each_critic_step_and_nothing_else(watched, fit, objective, monkeypatch):
    model, watch = watched(objective=objective, n_critic=Constant(2))
    clip = type(objective).after_critic_step

    def noted(self, critic):
        watch.events.append(("after", None, None))
        clip(self, critic)

    monkeypatch.setattr(type(objective), "after_critic_step", noted)
    fit(model, 2)
    assert [name for name, _, _ in watch.events] == ["critic", "after", "critic", "after", "generator"] * 2


def check_ema_is_the_average(make_model, fit):
    """Three steps: the first copies, then d = 2/11 and 3/12."""
    model = make_model()
    path = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            path.append(weights(pl_module.generator))

    fit(model, 3, callbacks=[Look()])
    average = path[0]
    for d, now in zip((2 / 11, 3 / 12), path[1:], strict=True):
        average = {name: d * average[name] + (1 - d) * now[name] for name in now}
    found = weights(model.generator_with("ema"))
    for name, expected in average.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-7)
    assert not equal(found, weights(model.generator))
    z = model.latent(5, keyed.Rng(1))
    with torch.no_grad():
        assert torch.equal(samples(model, "ema"), model.ema.module(z))
        assert torch.equal(samples(model, "raw"), model.generator(z))
    assert not torch.equal(samples(model, "ema"), samples(model, "raw"))
    assert torch.equal(model.sample(5, rng=keyed.Rng(1)), samples(model, "ema"))  # the default


def test_the_average_is_updated_once_after_each_step(make_model, fit):
    check_ema_is_the_average(make_model, fit)


def test_raw_weights_given_as_ema_are_seen(make_model, fit, monkeypatch):
    """Mutation: whoever asks for the average gets the generator."""
    monkeypatch.setattr(GenerativeModel, "generator_with", lambda self, which: self.generator)
    with pytest.raises(AssertionError):
        check_ema_is_the_average(make_model, fit)


@each_objective
def test_checkpoints_hold_both_and_they_differ(make_model, fit, tmp_path, objective):
    model = make_model(objective=objective)
    fit(model, 3).save_checkpoint(tmp_path / "three.ckpt")
    state = torch.load(tmp_path / "three.ckpt", weights_only=True)["state_dict"]
    for name, tensor in model.generator.state_dict().items():
        assert torch.equal(state[f"generator.{name}"], tensor)
        assert torch.equal(state[f"ema.module.{name}"], model.ema.module.state_dict()[name])
        assert not torch.equal(state[f"generator.{name}"], state[f"ema.module.{name}"])


@each_objective
def test_values_are_the_last_steps_scalars(make_model, fit, objective):
    model = make_model(objective=objective)
    fit(model, 2)
    terms = {name for name in model.values if name not in ("train/critic_loss", "train/generator_loss")}
    others = {WassersteinGradientPenalty: {"real", "fake", "gradient_penalty"}, Relativistic: {"pairs", "r1", "r2"}}
    names = others.get(type(objective), {"real", "fake"})
    assert terms == {f"train/critic_{name}" for name in names}
    assert model.values["train/critic_loss"].item() == pytest.approx(
        sum(model.values[name].item() for name in terms), rel=1e-5
    )
    assert [value.requires_grad for value in model.values.values()] == [False] * len(model.values)
    assert {value.shape for value in model.values.values()} == {torch.Size([])}


class Ranks:
    """What a model asks of its trainer for its random numbers."""

    def __init__(self, rank, world):
        self.global_rank, self.world_size = rank, world


def test_ranks_draw_the_rows_of_one_process(make_model, monkeypatch):
    def noise(rank, world, n):
        model = make_model()
        monkeypatch.setattr(Adversarial, "trainer", Ranks(rank, world))
        model.steps = 7
        rng = model.step_rng()
        return [model.latent(n, rng), rng.uniform(n), model.latent(n, rng)]

    whole = noise(0, 1, 6)
    for rank in (0, 1, 2):
        for part, alone in zip(noise(rank, 3, 2), whole, strict=True):
            assert torch.equal(part, alone[2 * rank : 2 * rank + 2])


def test_images_of_all_processes_are_counted(make_model, monkeypatch):
    model = make_model()
    monkeypatch.setattr(Adversarial, "trainer", Ranks(1, 4))
    model.count_step(critic_steps=5, images=10)
    model.count_step(critic_steps=1, images=2)
    assert model.counters() == {"images_seen": 48, "steps": 2, "critic_steps": 6}


def test_torchs_own_generator_is_keyed_by_step_and_rank(make_model, monkeypatch):
    """For dropout: the same in a resumed run, another on each rank and in each step."""

    def drawn(step, rank):
        model = make_model()
        monkeypatch.setattr(Adversarial, "trainer", Ranks(rank, 2))
        model.steps = step
        model.step_rng()
        return torch.rand(4)

    assert torch.equal(drawn(3, 1), drawn(3, 1))
    found = [tuple(drawn(step, rank).tolist()) for step in (0, 1, 2) for rank in (0, 1)]
    assert len(set(found)) == 6


class DroppingOut(nn.Module):
    """A generator that is random in train mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.Dropout(0.5), nn.Linear(16, 2))

    def forward(self, z):
        return self.layers(z)


@pytest.mark.parametrize("which", ["ema", "raw"])
def test_sampling_is_in_eval_mode_and_leaves_the_mode_alone(make_model, which):
    model = make_model(generator=DroppingOut)
    model.train()
    first, again = samples(model, which), samples(model, which)
    assert torch.equal(first, again)
    assert not first.requires_grad
    assert model.generator.training and not model.ema.module.training
    model.eval()
    samples(model, which)
    assert not model.generator.training


def test_a_run_with_dropout_resumes_with_the_same_bits(make_model, fit, tmp_path):
    make = functools.partial(make_model, generator=DroppingOut)
    straight = make()
    fit(straight, 4)
    fit(make(), 2).save_checkpoint(tmp_path / "two.ckpt")
    resumed = make()
    torch.rand(17)  # whatever else was drawn in this process
    fit(resumed, 4, checkpoint=tmp_path / "two.ckpt")
    assert equal(weights(resumed), weights(straight))


@each_objective
def test_names_and_potential_follow_the_objective(make_model, objective):
    model = make_model(objective=objective)
    name = "critic" if objective.is_wasserstein else "discriminator"
    assert model.second_network == (name, model.critic)
    assert model.potential is (model.critic if objective.is_wasserstein else None)
    counts = model.parameter_counts()
    assert counts == {"generator": 2 * 8 + 8 + 8 * 2 + 2, name: 2 * 8 + 8 + 8 + 1}
    assert counts["generator"] == count_parameters(model.generator)  # the average is not counted twice
    assert model.sampler() == {"sampler": "generator", "nfe": 1}


def test_training_lowers_the_distance(make_model, fit):
    """150 steps of the gradient penalty on a single round Gaussian at (2, 0) bring the mean most of the way there."""
    from kantor.data.module import PointData
    from kantor.data.points import GaussianMixture

    model = make_model(objective=WassersteinGradientPenalty(penalty_weight=1.0, one_sided=False), n_critic=Constant(3))
    begin = model.sample(500, rng=keyed.Rng(0)).mean(0)
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=150, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    target = GaussianMixture(((2.0, 0.0),), spread=0.5, scale=1.0)
    trainer.fit(model, datamodule=PointData(name="one", distribution=target, batch_size=64, seed=0))
    end = model.sample(500, rng=keyed.Rng(0)).mean(0)
    goal = torch.tensor([2.0, 0.0])
    assert (end - goal).norm() < 0.3 * (begin - goal).norm()

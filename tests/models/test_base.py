"""What every model has to do, adversarial or not: counted, resumed, sampled, averaged to the bit."""

import pytest
import pytorch_lightning as pl
import torch
from tiny import MODELS, TinyImages, each_model, fit, image_cgan, image_gan, same, samples, state, vae
from torch import nn

from kantor import keyed
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.models.ema import Exponential, Power
from kantor.models.protocols import HasLatentSpace
from kantor.models.schedules import Cosine
from kantor.models.weights import Weights
from kantor.samplers.direct import Direct


@each_model
def test_counters_are_exact(kind):
    model, data = kind.model(), kind.data()
    trainer = fit(model, data, 5)
    counters = model.counters()
    assert list(counters)[:2] == ["images_seen", "steps"]
    assert counters == {name: getattr(model, name) for name in counters}
    assert model.steps == trainer.global_step == 5
    assert model.images_seen == data.batch_size * model.batches_before(5)
    assert [model.batches_before(k + 1) - model.batches_before(k) for k in range(5)] == [
        model.batches_per_step(k) for k in range(5)
    ]


@each_model
@pytest.mark.parametrize("schedule", [None, Cosine(steps=4, warm_up=1, final=0.0)], ids=["constant", "cosine"])
def test_a_resumed_run_ends_with_the_same_bits(kind, schedule, tmp_path):
    straight = kind.model(schedule=schedule)
    fit(straight, kind.data(), 4)

    first = kind.model(schedule=schedule)
    fit(first, kind.data(), 2).save_checkpoint(tmp_path / "two.ckpt")
    resumed = kind.model(schedule=schedule, weights=99)  # whose own weights must not matter
    torch.rand(17)  # whatever else was drawn in this process
    trainer = fit(resumed, kind.data(), 4, checkpoint=tmp_path / "two.ckpt")
    assert same(state(resumed), state(straight))
    assert not same(state(first), state(straight))
    assert resumed.counters() == straight.counters()
    assert trainer.global_step == 4
    for weights in straight.weights.names:
        assert torch.equal(samples(resumed, weights), samples(straight, weights))


@each_model
def test_a_reloaded_model_reproduces_its_samples(kind):
    averaging = Exponential(decay=[0.9, 0.1], warm_up=True)
    model = kind.model(averaging=averaging)
    before = samples(model, "raw")
    fit(model, kind.data(), 3)
    reloaded = kind.model(averaging=averaging, weights=99)
    reloaded.load_state_dict(model.state_dict())
    found = {weights: samples(model, weights) for weights in ("raw", "ema", "ema:0.9", "ema:0.1")}
    for weights, expected in found.items():
        assert expected.shape == (5, *kind.data().sample_shape)
        assert torch.equal(samples(reloaded, weights), expected)
    assert torch.equal(found["ema"], found["ema:0.9"])
    assert not torch.equal(found["ema"], found["ema:0.1"]) and not torch.equal(found["ema"], found["raw"])
    assert not torch.equal(found["raw"], before)  # it did train


@each_model
def test_training_is_a_function_of_the_seed(kind):
    ends = []
    for seed in (3, 3, 4):
        model = kind.model(seed=seed)
        fit(model, kind.data(), 2)
        ends.append(state(model))
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


@each_model
def test_values_are_the_last_steps_scalars(kind):
    model = kind.model()
    fit(model, kind.data(), 2)
    assert model.values and all(name.startswith("train/") for name in model.values)
    assert {(value.requires_grad, value.shape) for value in model.values.values()} == {(False, torch.Size([]))}


class Look(pl.Callback):
    """The weights that sampling needs, after each step."""

    def __init__(self):
        self.path = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.path.append({name: state(network) for name, network in pl_module.sampling_networks().items()})


def check_the_average_is_of_all_steps(kind):
    """Three steps: the first copies, then d = min(decay, 2/11) and min(decay, 3/12)."""
    model, look = kind.model(averaging=Exponential(decay=[0.9, 0.2], warm_up=True)), Look()
    fit(model, kind.data(), 3, look)
    for weights, decays in {"ema": (2 / 11, 3 / 12), "ema:0.9": (2 / 11, 3 / 12), "ema:0.2": (2 / 11, 0.2)}.items():
        found = model.weights(weights)
        assert found.keys() == model.sampling_networks().keys()
        for name, network in found.items():
            learned = dict(network.named_parameters())
            average = {key: look.path[0][name][key] for key in learned}
            for d, now in zip(decays, look.path[1:], strict=True):
                average = {key: d * average[key] + (1 - d) * now[name][key] for key in learned}
            for key, expected in average.items():
                torch.testing.assert_close(learned[key].detach(), expected, rtol=1e-5, atol=1e-7)
            assert not same(state(network), state(model.sampling_networks()[name]))


@each_model
def test_the_average_is_updated_once_after_each_step(kind):
    check_the_average_is_of_all_steps(kind)


def test_raw_weights_given_as_ema_are_seen(monkeypatch):
    """Mutation: whoever asks for an average gets the weights as they are."""
    monkeypatch.setattr(Weights, "__call__", lambda self, name: self._raw)
    for kind in MODELS.values():
        with pytest.raises(AssertionError):
            check_the_average_is_of_all_steps(kind)


@each_model
def test_without_an_average_there_are_raw_weights_only(kind):
    model, other = kind.model(averaging=None), kind.model()
    fit(model, kind.data(), 2)
    fit(other, kind.data(), 2)
    assert list(model.weights.names) == ["raw"] and model.weights.default == "raw"
    assert other.weights.default == "ema"
    assert torch.equal(samples(model, "raw"), samples(other, "raw"))  # it follows training, and has no part in it
    assert not [name for name in model.state_dict() if "average" in name]
    with pytest.raises(UserError, match=r"^weights=ema were not kept: expected one of raw; .* by ema.decay="):
        model.weights("ema")


SEVERAL = {
    "decays": (Exponential(decay=[0.999, 0.5], warm_up=True), "ema:0.999", "ema:0.5", "ema:0.99"),
    "widths": (Power(widths=[0.10, 0.05]), "ema:0.1", "ema:0.05", "ema:0.07"),
}
each_form = pytest.mark.parametrize(("averaging", "first", "second", "other"), SEVERAL.values(), ids=SEVERAL)


@each_form
def test_weights_that_were_not_kept_are_named_with_those_that_were(averaging, first, second, other):
    model = vae(averaging=averaging)
    assert list(model.weights.names) == ["raw", "ema", first, second]
    sentence = (
        rf"^weights={other} were not kept.*: expected one of raw, ema, {first}, {second}; .*ema=power ema.widths="
    )
    with pytest.raises(UserError, match=sentence):
        model.weights(other)
    with pytest.raises(UserError, match=r"^weights=best are unknown: expected one of raw, "):
        model.weights("best")


@each_form
def test_each_of_several_averages_has_one_name(averaging, first, second, other):
    model = vae(averaging=averaging)
    assert model.weights.default == model.weights.called("ema") == first
    assert model.weights.called(f"{first}0") == first and model.weights.called(f"{second}00") == second
    assert model.weights.called("raw") == "raw"
    assert model.weights(f"{second}0").keys() == model.weights(second).keys()


def test_a_single_average_is_called_ema():
    model = vae(averaging=Power(widths=0.05))
    assert model.weights.default == model.weights.called("ema") == "ema"
    assert model.weights("ema:0.050") == model.weights("ema")


@each_model
def test_parameters_are_counted_by_network_and_the_average_is_not(kind):
    model = kind.model()
    counts = model.parameter_counts()
    assert counts.keys() == model.networks().keys() >= model.sampling_networks().keys()
    assert sum(counts.values()) == sum(weight.numel() for weight in kind.model(averaging=None).parameters())


def name_of(kind):
    return next(name for name, one in MODELS.items() if one is kind)


@each_model
@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_sampling_is_in_eval_mode_and_leaves_the_mode_alone(kind, weights):
    model = kind.model()
    for network in model.networks().values():
        network.add_module("dropout", nn.Dropout(0.5))
    modes = []
    for network in (*model.sampling_networks().values(), *model.weights("ema").values()):
        network.register_forward_hook(lambda module, inputs, output: modes.append(module.training))
    model.train()
    first, again = samples(model, weights), samples(model, weights)
    assert torch.equal(first, again) and not first.requires_grad
    by_layers = name_of(kind) == "boltzmann machine of pictures"  # whose layers are asked, and not their sum
    assert set(modes) == (set() if by_layers else {False})
    assert {network.training for network in model.networks().values()} == {True}
    assert {network.training for network in model.weights("ema").values()} == {False}
    model.eval()
    samples(model, weights)
    assert {network.training for network in model.networks().values()} == {False}


@pytest.mark.parametrize("name", ["gan of points", "conditional gan of pictures", "vae of pictures"])
def test_samples_are_decoded_latent_vectors(name):
    model = MODELS[name].model()
    assert isinstance(model, HasLatentSpace)
    rng = keyed.Rng(1)
    condition = None if model.classes is None else torch.arange(5) % model.classes
    found = model.sample(5, rng=keyed.Rng(1), sampler=Direct(), weights="ema", condition=condition)
    model.train()
    torch.testing.assert_close(
        model.decode(model.latent(5, rng), weights="ema", condition=condition), found, rtol=0, atol=0
    )
    assert {network.training for network in model.networks().values()} == {True}


@each_model
def test_checked_shapes_are_those_of_the_data(kind):
    model = kind.model().eval()
    before = state(model)
    model.check_shapes(kind.data().sample_shape)
    assert same(state(model), before)
    with pytest.raises(UserError):
        model.check_shapes((3, 5, 5))


def block_of(rows):
    """Some rows of a block of one batch of 12 points."""
    return Block(torch.arange(24.0).view(1, 12, 2)[:, rows], None)


class Ranks:
    """What a model asks of its trainer for its random numbers."""

    def __init__(self, rank, world):
        self.global_rank, self.world_size = rank, world


@pytest.fixture
def as_rank(monkeypatch):
    """A model as one of some processes has it, at step 7."""

    def made(rank, world, **settings):
        model = vae(**settings)
        monkeypatch.setattr(type(model), "trainer", Ranks(rank, world))
        model.steps = 7
        return model

    return made


@pytest.mark.parametrize("accumulate", [1, 2])
def test_processes_and_parts_draw_the_rows_of_one_pass(as_rank, accumulate):
    """12 rows; three processes have 4 each, in one part or in two."""

    def noise(rank, world, rows, accumulate):
        model = as_rank(rank, world, accumulate=accumulate)
        block = block_of(rows)
        return [
            [model.latent(len(x), part.rng), part.rng.uniform(len(x)), model.latent(len(x), part.rng), x]
            for part in model.parts(block)
            for x, _ in [part.batch(0)]
        ]

    (whole,) = noise(0, 1, slice(0, 12), 1)
    found = [part for rank in range(3) for part in noise(rank, 3, slice(4 * rank, 4 * rank + 4), accumulate)]
    assert len(found) == 3 * accumulate
    for drawn, pieces in zip(whole, zip(*found, strict=True), strict=True):
        assert torch.equal(torch.cat(pieces), drawn)


def test_images_of_all_processes_are_counted(as_rank):
    model = as_rank(1, 4)
    model.count_step(images=10)
    model.count_step(images=2)
    assert model.counters() == {"images_seen": 48, "steps": 9}


def test_torchs_own_generator_is_keyed_by_step_and_rank(as_rank):
    """For dropout: the same in a resumed run, another on each rank and in each step."""

    def drawn(step, rank):
        model = as_rank(rank, 2)
        model.steps = step
        model.parts(block_of(slice(0, 12)))
        return torch.rand(4)

    assert torch.equal(drawn(3, 1), drawn(3, 1))
    found = [tuple(drawn(step, rank).tolist()) for step in (0, 1, 2) for rank in (0, 1)]
    assert len(set(found)) == 6


class DroppingOut(nn.Module):
    """A generator that is random in train mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))

    def forward(self, z):
        return self.layers(z)


def test_a_run_with_dropout_resumes_with_the_same_bits(tmp_path):
    straight, first, resumed = (image_gan(generator=DroppingOut) for _ in range(3))
    fit(straight, TinyImages(), 4)
    fit(first, TinyImages(), 2).save_checkpoint(tmp_path / "two.ckpt")
    torch.rand(17)
    fit(resumed, TinyImages(), 4, checkpoint=tmp_path / "two.ckpt")
    assert same(state(resumed), state(straight))


class Rates(pl.Callback):
    """The learning rates of each step, and the factor that was logged."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        rates = tuple(group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups)
        self.seen.append((rates, float(pl_module.values["train/learning_rate_factor"])))


@each_model
def test_every_optimizer_follows_the_schedule(kind, tmp_path):
    """Also after an interruption, from its own rate and not from the last one."""
    schedule = Cosine(steps=4, warm_up=2, final=0.1)
    rates = [group["lr"] for optimizer in optimizers(kind.model()) for group in optimizer.param_groups]
    look, again = Rates(), Rates()
    fit(kind.model(schedule=schedule), kind.data(), 3, look).save_checkpoint(tmp_path / "three.ckpt")
    fit(kind.model(schedule=schedule), kind.data(), 6, again, checkpoint=tmp_path / "three.ckpt")
    expected = [0.5, 1.0, 1.0, 0.55, 0.1, 0.1]
    assert [factor for _, factor in look.seen + again.seen] == pytest.approx(expected)
    for (found, _), factor in zip(look.seen + again.seen, expected, strict=True):
        assert found == pytest.approx([factor * rate for rate in rates])


def optimizers(model):
    made = model.configure_optimizers()
    return made if isinstance(made, list) else [made]


def test_labels_are_drawn_as_often_as_the_data_have_them():
    model = image_cgan()
    model.label_shares.copy_(torch.tensor([0.5, 0.0, 0.2, 0.3]))
    labels = model.draw_labels(20_000, keyed.Rng(0))
    assert labels.dtype == torch.int64
    shares = torch.bincount(labels, minlength=4) / 20_000
    torch.testing.assert_close(shares, model.label_shares, rtol=0, atol=0.02)
    assert shares[1] == 0


class OnMPS(torch.Tensor):
    """A tensor of a device without float64."""

    def double(self):
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_labels_are_drawn_where_there_is_no_float64():
    model = image_cgan()
    expected = model.draw_labels(50, keyed.Rng(0))
    model.label_shares = model.label_shares.as_subclass(OnMPS)
    assert model.draw_labels(50, keyed.Rng(0)).tolist() == expected.tolist()


def test_a_conditional_model_takes_the_shares_of_its_data(tmp_path):
    model, data = image_cgan(), TinyImages(labelled=True)
    fit(model, data, 1)
    torch.testing.assert_close(model.label_shares.double(), torch.from_numpy(data.label_shares()), rtol=1e-6, atol=0)
    reloaded = image_cgan(weights=5)
    reloaded.load_state_dict(model.state_dict())
    assert torch.equal(reloaded.label_shares, model.label_shares)


def test_a_condition_decides_the_class():
    model = image_cgan()
    ones = torch.full((5,), 1)
    as_asked = model.sample(5, rng=keyed.Rng(1), sampler=Direct(), weights="raw", condition=ones)
    others = model.sample(5, rng=keyed.Rng(1), sampler=Direct(), weights="raw", condition=ones + 1)
    model.eval()
    with torch.no_grad():
        assert torch.equal(as_asked, model.generator(model.latent(5, keyed.Rng(1)), ones))
    assert not torch.equal(as_asked, others)


@pytest.mark.parametrize("classes", [1, 0, -3])
def test_fewer_than_two_classes_are_refused(classes):
    with pytest.raises(UserError, match=rf"^classes={classes}: expected at least 2"):
        image_cgan(classes=classes)

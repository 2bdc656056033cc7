"""Every YAML file composes, and what it describes builds, is accepted, trains and comes back."""

import functools
import math
import re

import numpy as np
import pytest
import torch
import yaml
from small_runs import OWN, check_run, checked, composed, narrowed
from tiny import fit, same, samples, state
from torch import nn

from kantor.callbacks.clock import Clock
from kantor.callbacks.record import Record
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.callbacks.stopping import StopOnSignal
from kantor.config.checks import at, keys
from kantor.config.compose import compose, load_option
from kantor.config.files import CONF, groups, options
from kantor.data.images import ImageData, ImageSet
from kantor.engine import fit as training
from kantor.engine.assembly import assemble
from kantor.errors import UserError
from kantor.models.adversarial_findings import ON_FAKE, ON_REAL
from kantor.models.adversarial_measurements import ACCURACY, CLIPPED, GENERATOR_GRADIENT, SLOPE
from kantor.models.health import LOOKS, SETTLED, History
from kantor.models.spread import NEAREST_SAMPLE, REACHED, SPREAD
from kantor.runs.identity import code_hashes, config_hash

EXPERIMENTS = options("experiment", [])
TOYS = options("experiment", [OWN])
OURS = [name for name in TOYS if name not in EXPERIMENTS]
FULL = [name for name in EXPERIMENTS if name.removesuffix("_quick") == name or name[:-6] not in EXPERIMENTS]
"""Without those that are the same with other numbers."""
# options that no experiment chooses, and the experiment that each is put into
OPTIONS = {
    ("data", "cifar10"): "shapes_dcgan_dg1 model.generator.image_size=32 model.critic.image_size=32",
    ("data", "folder"): "shapes_dcgan_dg1 data.root=anywhere",
    ("data", "gaussians25"): "point_wgan_gp",
    ("data", "rings"): "point_wgan_gp",
    ("data", "checkerboard"): "point_flow",
    ("data", "two_moons"): "point_flow",
    ("data", "unequal_gaussians"): "point_wgan_gp",
    ("data", "swiss_roll"): "point_wgan_gp",
    ("ema", "none"): "point_wgan_gp",
    ("ema", "power"): "point_wgan_gp",
    ("evaluation", "jhu_legacy"): "shapes_dcgan_dg1",
    ("evaluation", "none"): "point_wgan_gp",
    ("evaluation", "standard"): "shapes_dcgan_dg1",
    ("logger", "mlflow"): "point_wgan_gp",
    ("logger", "tensorboard"): "point_wgan_gp",
    ("logger", "wandb"): "point_wgan_gp",
    ("objective", "least_squares"): "point_gan_ns",
    ("objective", "improved_ddpm"): "shapes_ddpm_quick model.denoiser.outputs=6",
    ("objective", "relativistic"): "point_gan_ns",
    ("optimisation", "rmsprop_bursts"): "point_wgan_gp",
    ("pictures", "denoised_images"): "shapes_dcgan_dg1",
    ("pictures", "none"): "point_wgan_gp",
    ("likelihood", "bound"): "point_ddpm",
    ("objective", "contrastive_divergence"): "bars_rbm",
    ("objective", "denoising_score_matching"): "point_ebm",
    ("objective", "sliced_score_matching"): "point_ebm",
    ("sampler", "hamiltonian"): "point_ebm",
    ("sampler", "unadjusted_langevin"): "point_ebm",
    ("likelihood", "flow"): "point_flow",
    ("objective", "elbo_levels"): "mnist_vae model.decoder.channels=256 model.decoder.network.outputs=200704",
    ("objective", "iwae"): "mnist_vae",
    ("sampler", "ancestral"): "point_flow",
    ("sampler", "annealed_langevin"): "point_flow",
    ("sampler", "langevin"): "point_flow",
    ("sampler", "ddim"): "point_flow",
    ("sampler", "euler"): "point_flow",
    ("sampler", "dpm2m"): "point_flow",
    ("sampler", "heun"): "point_flow",
    ("schedule", "cosine"): "point_wgan_gp",
    ("schedule", "linear"): "point_wgan_gp",
    ("schedule", "warm_up"): "point_wgan_gp",
    ("stop", "at_half"): "point_gan_ns",
    ("trainer", "ddp"): "point_wgan_gp",
    ("trainer", "ddp_cpu"): "point_wgan_gp",
    ("extractor", "dinov2"): "shapes_dcgan_dg1",
    ("extractor", "mnist_cnn"): "mnist_cgan_quick",
    ("extractor", "pixels"): "shapes_dcgan_dg1",
    ("extractor", "shapes_cnn"): "shapes_dcgan_dg1",
}
DRAW = {
    node["_target_"].rpartition(".")[2]
    for path in (CONF / "pictures").glob("*.yaml")
    for node in yaml.safe_load(path.read_text())["callbacks"].values()
    if node is not None
}
each_experiment = pytest.mark.parametrize("experiment", TOYS)  # ours among them


def chosen(path):
    """The options that a file names in its defaults list."""
    entries = yaml.safe_load(path.read_text()).get("defaults", [])
    named = {
        key.removeprefix("override ").lstrip("/").partition("@")[0]: name
        for entry in entries
        if isinstance(entry, dict)
        for key, name in entry.items()
    }
    return {(group, name) for group, name in named.items() if isinstance(name, str) and name != "???"}


def test_no_yaml_is_left_out():
    """Each is chosen by an experiment, by an option, by every run, or by tests of its own, as those of searches."""
    everything = {(group, name) for group in groups([]) if group != "experiment" for name in options(group, [])}
    searching = {f"{group}/{name}.yaml" for group, name in everything if group in ("search", "pruner")}
    everything = {(group, name) for group, name in everything if group not in ("search", "pruner")}
    used = set().union(*(chosen(path) for path in CONF.rglob("*.yaml")))
    assert everything - used == OPTIONS.keys() - used
    assert OPTIONS.keys() <= everything
    known = {f"{group}/{name}.yaml" for group, name in everything} | {f"experiment/{name}.yaml" for name in EXPERIMENTS}
    assert {str(path.relative_to(CONF)) for path in CONF.rglob("*.yaml")} == known | searching | {
        "train.yaml",
        "work.yaml",
    }


def test_every_file_says_in_a_comment_what_it_is():
    """`kantor list` shows it."""
    for path in CONF.rglob("*.yaml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        first = next(line for line in lines if not line.startswith("# @package"))
        assert first.startswith("# ") and len(first) > 10, path


def callbacks(run):
    """Those of a run, in their order."""
    clock = Clock()
    return training.make_callbacks(run, clock, StopOnSignal(), training.make_pictures(run, clock)[0])


def drawing(run):
    """The names of the callbacks that draw, and of the page that shows what they drew."""
    return {type(one).__name__ for one in callbacks(run)} & {*DRAW, "Page"}


@each_experiment
def test_experiments_compose_and_are_accepted(experiment):
    """They draw; health checks, which want several measurements that agree, have them before a run is half over.

    Checked as by the parent of two processes, which has no weights: networks are as wide as they are.
    """
    configuration = composed(f"experiment={experiment}")
    run = check_run(configuration.replaced("trainer.devices", 2))
    assert configuration.experiment == experiment == run.directory.path.parent.name
    assert set(run.model.counters().values()) == {0}
    assert len(config_hash(configuration.plain)) == 64 and code_hashes(configuration.plain)
    assert run.evaluation.kinds(run.data)[configuration.primary_score].better in ("lower", "higher", "target")
    assert drawing(run) > {"Page"}
    every = training.watch_every(run)
    assert every % configuration.trainer.log_every == 0
    assert run.budget_steps // every >= 2 * LOOKS


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_options_that_no_experiment_chooses_are_accepted_in_one(group, name):
    base, *more = OPTIONS[group, name].split()
    run = checked(f"experiment={base}", f"{group}={name}", "trainer.devices=2", *more)
    if group == "logger":
        assert run.sink.name == name


@pytest.mark.parametrize("experiment", ["point_wgan_gp", "line_distances", "shapes_dcgan_dg1_quick", "toy_vae_points"])
def test_an_experiment_can_go_without_pictures(experiment):
    assert drawing(checked(f"experiment={experiment}", "pictures=none")) == set()


@pytest.fixture
def own_experiment(tmp_path):
    """Makes a run of the experiment `own`, which has settings for one callback of its pictures."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "own.yaml").write_text(
        "# @package _global_\n# settings of one callback\ndefaults: [shapes_dcgan_dg1, _self_]\n"
        "pictures: {every: 7, callbacks: {grids: {side: 5}, neighbours: {_target_: null}}}\n"
    )

    def made(*words):
        configuration = compose(["experiment=own", "trainer.accelerator=cpu", *words], config_dirs=[str(tmp_path)])
        return assemble(narrowed(configuration))

    return made


def test_settings_of_single_callbacks_are_no_obstacle_to_drawing_nothing(own_experiment):
    assert drawing(own_experiment()) == {"Grids", "SideBySide", "Interpolation", "Page"}
    assert drawing(own_experiment("pictures=none")) == set()


def test_settings_of_a_callback_that_other_pictures_lack_are_left_out_or_refused(own_experiment, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "bare.yaml").write_text("# no callbacks\nevery: 9\ncallbacks: {}\n")
    assert drawing(own_experiment("pictures=bare")) == set()
    own = tmp_path / "experiment" / "own.yaml"
    own.write_text(
        own.read_text().replace(
            "defaults: [shapes_dcgan_dg1,", "defaults: [shapes_dcgan_dg1, override /pictures: bare,"
        )
    )
    with pytest.raises(UserError, match=r"^pictures\.callbacks\.grids=\{'side': 5\}: .*~pictures\.callbacks\.grids$"):
        drawing(own_experiment())
    assert drawing(own_experiment("~pictures.callbacks.grids")) == set()


class Noise(ImageData):
    """As many random pictures of the shape of another data set as two steps need, and no files."""

    licence = "none needed"
    sample_shape = (1, 1, 1)

    def __init__(self, like):
        super().__init__(
            name="noise", batch_size=like.batch_size, size=None, flip=False, resident=False, identity="auto", seed=0
        )
        self.sample_shape = like.sample_shape
        self.like = like

    @property
    def classes(self):
        return self.like.classes

    def describe(self):
        return {"kind": "noise", "shape": list(self.sample_shape)}

    def load(self, split):
        rng = np.random.default_rng(0)
        pixels = rng.integers(256, size=(48, *self.sample_shape), dtype=np.uint8)
        return ImageSet(pixels, None if self.classes is None else rng.integers(self.classes, size=48))


@pytest.mark.parametrize("experiment", [*FULL, *OURS])
def test_experiments_train_two_steps_and_reload_to_the_same_bits(experiment, capsys):
    """No critic of theirs is bounded."""
    configuration = narrowed(composed(f"experiment={experiment}")).replaced("data.batch_size", 4)
    run = check_run(configuration)
    assert "ends in a" not in capsys.readouterr().err
    data = run.data if len(run.data.sample_shape) == 1 else Noise(run.data)
    trainer = fit(run.model, data, 2)
    assert trainer.global_step == run.model.steps == 2
    assert run.model.images_seen == 4 * run.model.batches_before(2)
    reloaded = assemble(configuration.replaced("seed", 99)).model
    reloaded.load_state_dict(run.model.state_dict())
    for weights in run.model.weights.names:
        found = samples(run.model, weights, sampler=run.sampler)
        assert found.shape == (5, *run.data.sample_shape)
        assert torch.equal(found, samples(reloaded, weights, sampler=run.sampler))


@pytest.mark.parametrize("experiment", [*FULL, *OURS])
def test_initial_weights_are_a_function_of_the_seed(experiment):
    configuration = narrowed(composed(f"experiment={experiment}"))
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, third = (
        state(assemble(one).model) for one in (configuration, configuration, configuration.replaced("seed", 1))
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first, again)
    assert not same(first, third)


@pytest.mark.parametrize("experiment", ["point_wgan_gp", "shapes_dcgan_dg1", "mnist_cgan_quick", "toy_vae_points"])
def test_a_parent_of_several_processes_takes_no_memory_for_weights(experiment):
    alone, parent = (checked(f"experiment={experiment}", f"trainer.devices={devices}").model for devices in (1, 2))
    foreign = experiment == "toy_vae_points"  # which need not run without numbers
    assert {weight.device.type for weight in parent.parameters()} == {"cpu" if foreign else "meta"}
    assert parent.parameter_counts() == alone.parameter_counts()


def test_a_callback_that_can_end_training_is_part_of_what_a_run_is():
    runs = [
        checked("experiment=point_gan_ns", *words) for words in ([], ["stop=at_half"], ["stop=at_half", "stop.looks=3"])
    ]
    assert len({run.hash for run in runs}) == 3
    kinds = [[type(one) for one in callbacks(run)] for run in runs]
    assert StopAtHalf not in kinds[0] and kinds[1] == kinds[2]
    assert kinds[1].index(StopAtHalf) < kinds[1].index(Record) < kinds[1].index(StopOnSignal)


@pytest.mark.parametrize("experiment", ["point_wgan_gp", "toy_vae_points"])
def test_a_model_without_probabilities_cannot_end_at_a_half(experiment):
    with pytest.raises(UserError, match=r"^stop: "):
        checked(f"experiment={experiment}", "stop=at_half")


MODELS = {
    composed_model: name
    for name in reversed(FULL)
    for group, composed_model in chosen(CONF / "experiment" / f"{name}.yaml")
    if group == "model" and "adversarial" in load_option("model", composed_model)["_target_"]
}
"""One experiment of each adversarial model."""


@pytest.mark.parametrize("experiment", MODELS.values(), ids=MODELS.keys())
def test_slopes_can_be_penalised_in_every_critic(experiment):
    """Those with batch normalisation can be had without it, and what is said names the way."""
    configuration = narrowed(composed(f"experiment={experiment}", "objective=relativistic"))
    try:
        check_run(configuration)
    except UserError as error:
        (key,) = re.findall(r"(model\.critic\.\S+)=null", str(error))
        assert at(configuration.plain, key) is not None
        check_run(configuration.replaced(key, None))


def test_the_projection_discriminator_is_bounded_as_steeply_as_its_papers():
    """Which sums the last maps before ψ and V; a sum over 4×4 places has slope 4. With layers of norm 1 it is weaker,
    and the generator draws fewer pictures of each class."""
    critic = checked("experiment=mnist_cgan_projection_quick").model.critic
    layers = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for _ in range(30):
        critic(torch.zeros(2, 1, 32, 32), torch.tensor([0, 9]))  # power iterations
    norms = [torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() for layer in layers]
    *body, psi, v = norms
    assert v == pytest.approx(psi, rel=0.01) and len(body) == 3
    assert 4 <= math.prod(body) * psi <= 6


def test_clipping_and_spectral_normalisation_exclude_each_other():
    constrain = "{_target_: kantor.nets.spectral.spectral_normalise, _partial_: true, power_iterations: 1}"
    with pytest.raises(UserError, match=r"model\.critic\.constrain=null"):
        checked("experiment=shapes_wgan_cg1_quick", f"model.critic.constrain={constrain}")


LOSSES = [
    "point_gan_ns",
    "point_gan_minimax",
    "shapes_wgan_cg1",
    "shapes_wgan_gp_cg2",
    "mnist_cgan_projection_quick",
    "point_ddpm",
    "point_ebm",
    "mnist_vae",
    "mnist_ae_quick",
]
"""One experiment of each objective that experiments choose: that which sets most for it."""
FAMILIES = {name: load_option("objective", name)["_target_"].rpartition(".")[0] for name in options("objective", [])}
"""Objectives by the module that they are defined in, one a family."""


def replaced_objectives():
    """Each objective in one experiment of its family, in turn; `make long` has all pairs."""
    turns = {}
    for objective, family in FAMILIES.items():
        mine = [name for name in LOSSES if FAMILIES[chosen_objective(name)] == family]
        turn = turns[family] = turns.get(family, -1) + 1
        for place, name in enumerate(mine):
            yield pytest.param(name, objective, marks=[] if place == turn % len(mine) else pytest.mark.long)


def chosen_objective(experiment):
    """The option that an experiment's file names."""
    return dict(chosen(CONF / "experiment" / f"{experiment}.yaml"))["objective"]


@pytest.mark.parametrize(("experiment", "objective"), replaced_objectives())
def test_every_objective_takes_the_place_of_every_other_of_its_family(experiment, objective):
    """What an experiment sets for its own loss does not stand in the way of another."""
    configuration = composed(f"experiment={experiment}", f"objective={objective}")
    assert set(configuration.plain["objective"]) == set(load_option("objective", objective))
    configuration.build("objective")


def test_what_experiments_set_for_their_losses_is_set_by_those():
    """An experiment that sets more than `LOSSES` do would have to be among them."""
    most = {}
    for name in EXPERIMENTS:
        node = composed(f"experiment={name}").plain["objective"]
        most.setdefault(node["_target_"], set()).add(frozenset(node))
    tested = {
        node["_target_"]: {frozenset(node)}
        for node in (composed(f"experiment={name}").plain["objective"] for name in LOSSES)
    }
    assert most == tested


@pytest.mark.parametrize("experiment", MODELS.values(), ids=MODELS.keys())
def test_what_health_checks_say_to_try_can_be_tried(experiment):
    """Words such as objective=wasserstein_gp are taken together, other keys are there."""
    run = assemble(narrowed(composed(f"experiment={experiment}")))
    plain = run.configuration.plain
    look = {SPREAD: 0.0, NEAREST_SAMPLE: 0.0, REACHED: 0.0, GENERATOR_GRADIENT: 0.0}
    look |= {CLIPPED: 1.0} if "Clipping" in plain["objective"]["_target_"] else {}
    is_wasserstein = "Wasserstein" in plain["objective"]["_target_"]
    look |= {SLOPE: 0.0, ON_REAL: 0.0, ON_FAKE: 0.0} if is_wasserstein else {ACCURACY: 1.0}
    looks = [{GENERATOR_GRADIENT: 1.0}, *[look] * LOOKS]
    history = functools.reduce(History.then, looks, History({}, {}, (), SETTLED))
    messages = [message for find in run.model.checks().values() if (message := find(history)) is not None]
    assert len(messages) >= 3
    for remedy in {remedy for message in messages for remedy in message.partition("Try ")[2].split(", ")}:
        words = re.findall(r"[a-z_.]+=[^\s,]+", remedy)
        if words:
            check_run(narrowed(composed(f"experiment={experiment}", *words)))
        for key in re.findall(r"[a-z_]+(?:\.[a-z_]+)+", " ".join(set(remedy.split()) - set(words))):
            assert key in keys(plain), remedy


def test_experiments_are_different_runs():
    hashes = {config_hash(composed(f"experiment={name}").plain) for name in EXPERIMENTS}
    assert len(hashes) == len(EXPERIMENTS)


def test_the_lectures_experiment_has_its_settings():
    """512-wide networks with three hidden layers, Adam 1e-4 (0.5, 0.9), 5 critic steps, λ = 0.1, batches of 256."""
    plain = composed("experiment=point_wgan_gp").plain
    for name in ("generator", "critic"):
        network, optimizer = plain["model"][name], plain["optimisation"][name]
        assert (network["width"], network["hidden_layers"]) == (512, 3)
        assert (optimizer["_target_"], optimizer["lr"], optimizer["betas"]) == ("torch.optim.Adam", 1e-4, [0.5, 0.9])
    assert plain["optimisation"]["n_critic"]["steps"] == 5
    assert plain["objective"]["penalty_weight"] == 0.1
    assert (plain["data"]["name"], plain["data"]["batch_size"], plain["budget"]["steps"]) == (
        "gaussians8",
        256,
        100_000,
    )


@pytest.mark.parametrize("experiment", ["point_wgan_gp", "line_distances", "toy_vae_points"])
def test_a_budget_in_images_ends_with_the_first_step_that_reaches_it(experiment):
    run = assemble(narrowed(composed(f"experiment={experiment}", "budget.images=1", "data.batch_size=4")))
    for images in (1, 4, 5, 8, 9, 100, 801, 805):
        budget = assemble(run.configuration.replaced("budget.images", images)).budget_steps
        assert 4 * run.model.batches_before(budget) >= images
        assert budget == 1 or 4 * run.model.batches_before(budget - 1) < images

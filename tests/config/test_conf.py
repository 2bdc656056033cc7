"""Every YAML file composes, and what it describes builds."""

import functools
import re

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml
from omegaconf import OmegaConf

from kantor import keyed
from kantor.callbacks.clock import Clock
from kantor.callbacks.record import Record
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.callbacks.stopping import StopOnSignal
from kantor.config import compose as config
from kantor.config.checks import keys
from kantor.config.files import CONF, groups, options
from kantor.data.images import ImageData, ImageSet
from kantor.engine import assembly
from kantor.engine import fit as training
from kantor.errors import UserError
from kantor.models.adversarial_findings import ON_FAKE, ON_REAL
from kantor.models.adversarial_measurements import ACCURACY, CLIPPED, GENERATOR_GRADIENT, SLOPE
from kantor.models.health import LOOKS, SETTLED, History
from kantor.models.spread import COVERAGE, NEAREST_SAMPLE, SPREAD
from kantor.runs.directory import RunDirectory
from kantor.runs.identity import code_hashes, config_hash

EXPERIMENTS = options("experiment", [])
OPTIONS = [(group, name) for group in groups([]) if group != "experiment" for name in options(group, [])]
# experiments that an option can be put into; point_wgan_gp where nothing else is said
BASES = {
    ("objective", "minimax"): "point_gan_ns",
    ("objective", "non_saturating"): "point_gan_minimax",
    ("objective", "wasserstein_clipping"): "point_gan_ns",
    ("objective", "wasserstein_gp"): "point_gan_ns",
    ("objective", "hinge"): "point_gan_ns",
    ("objective", "least_squares"): "point_gan_ns",
    ("objective", "relativistic"): "point_gan_ns",
    ("pictures", "line"): "line_distances",
    ("data", "purdue_shapes5"): "shapes_dcgan_dg1",
    ("evaluation", "quick"): "shapes_dcgan_dg1",
    ("evaluation", "standard"): "shapes_dcgan_dg1",
    ("evaluation", "jhu_legacy"): "shapes_dcgan_dg1",
    ("pictures", "images"): "shapes_dcgan_dg1",
    ("data", "mnist"): "mnist_wgan_clip",
    ("data", "cifar10"): "shapes_dcgan_dg1 model.generator.image_size=32 model.critic.image_size=32",
    ("data", "celeba"): "shapes_dcgan_dg1",
    ("data", "folder"): "shapes_dcgan_dg1 data.root=anywhere",
    ("model", "mnist_mlp"): "mnist_gan_mlp",
    ("model", "mnist_conv"): "mnist_wgan_clip",
    ("model", "mnist_conv_gp"): "mnist_wgan_gp",
    ("model", "dcgan"): "shapes_dcgan_dg2",
    ("model", "dcgan_dg2"): "shapes_dcgan_dg1",
    ("model", "wgan_cg1"): "shapes_dcgan_dg1",
    ("model", "wgan_cg2"): "shapes_dcgan_dg1",
    ("stop", "at_half"): "point_gan_ns",
}
DRAW = {
    node["_target_"].rpartition(".")[2]
    for path in (CONF / "pictures").glob("*.yaml")
    for node in yaml.safe_load(path.read_text())["callbacks"].values()
    if node is not None
}
each_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS)


@pytest.fixture(scope="module")
def composed():
    return {name: config.compose([f"experiment={name}", "trainer.accelerator=cpu"]) for name in EXPERIMENTS}


def test_no_yaml_is_left_out():
    known = {f"experiment/{name}.yaml" for name in EXPERIMENTS} | {f"{group}/{name}.yaml" for group, name in OPTIONS}
    assert {str(path.relative_to(CONF)) for path in CONF.rglob("*.yaml")} == known | {"train.yaml"}
    assert EXPERIMENTS and OPTIONS


@each_experiment
def test_experiments_compose_and_build(composed, experiment):
    cfg = composed[experiment]
    assert cfg.experiment == experiment
    model = training.check(cfg)
    assert {weight.device.type for weight in model.parameters()} == {"meta"}
    assert model.counters() == {"images_seen": 0, "steps": 0, "critic_steps": 0}
    assert len(config_hash(OmegaConf.to_container(cfg))) == 64
    assert code_hashes(OmegaConf.to_container(cfg))


def drawing(cfg):
    """The names of the callbacks that draw, and of the page that shows what they drew."""
    made = training.make_callbacks(cfg, assembly.assemble(cfg), RunDirectory("."), Clock(), StopOnSignal())
    return {type(one).__name__ for one in made} & {*DRAW, "Page"}


@each_experiment
def test_every_experiment_can_go_without_pictures(composed, experiment):
    assert drawing(composed[experiment]) > {"Page"}
    cfg = config.compose([f"experiment={experiment}", "pictures=none", "trainer.accelerator=cpu"])
    training.check(cfg)
    assert drawing(cfg) == set()


@pytest.fixture
def own_experiment(tmp_path):
    """A directory of configurations with the experiment `own`, which has settings for one callback of its pictures."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "own.yaml").write_text(
        "# @package _global_\n# settings of one callback\ndefaults: [shapes_dcgan_dg1, _self_]\n"
        "pictures: {every: 7, callbacks: {grids: {side: 5}, neighbours: {_target_: null}}}\n"
    )
    return lambda *words: config.compose(
        ["experiment=own", "trainer.accelerator=cpu", *words], config_dirs=[str(tmp_path)]
    )


def test_settings_of_single_callbacks_are_no_obstacle_to_drawing_nothing(own_experiment):
    assert drawing(own_experiment()) == {"Grids", "SideBySide", "Interpolation", "Page"}
    training.check(own_experiment("pictures=none"))
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


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_option_composes_and_builds(group, name, tmp_path):
    base, *more = BASES.get((group, name), "point_wgan_gp").split()
    cfg = config.compose([f"experiment={base}", f"{group}={name}", *more, "trainer.accelerator=cpu"])
    assert training.check(cfg).steps == 0
    written = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    if group == "logger":
        logger = config.build(cfg.logger, directory=tmp_path, seed=0, experiment="x")
        assert (logger is None) == (written["_target_"] is None)


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_file_says_in_a_comment_what_it_is(path):
    """`kantor list` shows it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if not line.startswith("# @package"))
    assert first.startswith("# ") and len(first) > 10


@each_experiment
def test_experiments_declare_a_score_to_rank_by(composed, experiment):
    cfg = composed[experiment]
    kinds = config.build(cfg.evaluation).kinds(config.build(cfg.data, seed=0))
    assert kinds[cfg.primary_score].better in ("lower", "higher", "target")


@each_experiment
def test_the_checked_model_has_the_parameters_of_the_trained_one(composed, experiment):
    cfg = composed[experiment]
    assert training.check(cfg).parameter_counts() == assembly.assemble(cfg).model.parameter_counts()


@each_experiment
def test_initial_weights_are_a_function_of_the_seed(composed, experiment):
    cfg, other = composed[experiment], config.compose([f"experiment={experiment}", "seed=1"])
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first, again, third = (assembly.assemble(c).model.critic.state_dict() for c in (cfg, cfg, other))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


class Noise(ImageData):
    """As many random pictures of the shape of another data set as two steps need, and no files."""

    licence = "none needed"
    sample_shape = (1, 1, 1)

    def __init__(self, like):
        super().__init__(
            name="noise", batch_size=like.batch_size, size=None, flip=False, resident=False, identity="auto", seed=0
        )
        self.sample_shape = like.sample_shape

    def describe(self):
        return {"kind": "noise", "shape": list(self.sample_shape)}

    def load(self, split):
        rng = np.random.default_rng(0)
        return ImageSet(rng.integers(256, size=(48, *self.sample_shape), dtype=np.uint8))


@each_experiment
def test_experiments_train_two_steps_and_reload_to_the_same_bits(experiment, tmp_path):
    cfg = config.compose([f"experiment={experiment}", "data.batch_size=4", "trainer.accelerator=cpu"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = assembly.assemble(cfg)
        shape = parts.data.sample_shape
        data = parts.data if len(shape) == 1 else Noise(parts.data)
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=2, max_epochs=-1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
        )  # fmt: skip
        trainer.fit(parts.model, datamodule=data)
        assert trainer.global_step == parts.model.steps == 2
        assert parts.model.images_seen == 4 * parts.model.batches_before(2)
        reloaded = config.build(
            cfg.model, objective=config.build(cfg.objective), optimisation=config.build(cfg.optimisation), seed=99
        )
        if len(shape) == 3:
            reloaded = reloaded.to(memory_format=torch.channels_last)
        reloaded.load_state_dict(parts.model.state_dict())
        for weights in ("ema", "raw"):
            found = parts.model.sample(5, rng=keyed.Rng(1), weights=weights)
            assert found.shape == (5, *shape)
            assert torch.equal(found, reloaded.sample(5, rng=keyed.Rng(1), weights=weights))
    finally:
        torch.set_num_threads(threads)


def test_a_callback_that_can_end_training_is_part_of_what_a_run_is():
    plain = ["experiment=point_gan_ns", "trainer.accelerator=cpu"]
    found = [config.compose([*plain, *words]) for words in ([], ["stop=at_half"], ["stop=at_half", "stop.looks=3"])]
    assert len({config_hash(OmegaConf.to_container(cfg)) for cfg in found}) == 3
    kinds = [
        [type(one) for one in training.make_callbacks(cfg, assembly.assemble(cfg), RunDirectory("."), Clock(), stop)]
        for cfg, stop in ((cfg, StopOnSignal()) for cfg in found)
    ]
    assert StopAtHalf not in kinds[0] and kinds[1] == kinds[2]
    assert kinds[1].index(StopAtHalf) < kinds[1].index(Record) < kinds[1].index(StopOnSignal)


def test_a_model_without_probabilities_cannot_end_at_a_half():
    cfg = config.compose(["experiment=point_wgan_gp", "stop=at_half", "trainer.accelerator=cpu"])
    with pytest.raises(UserError, match=r"^stop: this model has no D"):
        training.check(cfg)


@each_experiment
def test_health_checks_can_speak_in_every_experiment(composed, experiment):
    """They want several measurements that agree, and have to have them before a run is half over."""
    cfg = composed[experiment]
    model = training.check(cfg)
    every = training.watch_every(cfg, model)
    assert every % cfg.trainer.log_every == 0
    assert assembly.budget_steps(cfg, model) // every >= 2 * LOOKS


@pytest.mark.parametrize("objective", ["wasserstein_gp", "relativistic"])
def test_a_slope_is_not_penalised_through_batch_normalisation(objective):
    words = ["experiment=shapes_dcgan_dg1", f"objective={objective}", "trainer.accelerator=cpu"]
    with pytest.raises(UserError, match=r"model\.critic\.normalise=null"):
        training.check(config.compose(words))
    training.check(config.compose([*words, "model.critic.normalise=null"]))


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if not name.endswith("_quick")])
def test_what_health_checks_say_to_try_can_be_tried(composed, experiment):
    """Words such as objective=wasserstein_gp are taken together, other keys are there."""
    cfg = composed[experiment]
    checks = training.check(cfg).checks()
    look = {SPREAD: 0.0, NEAREST_SAMPLE: 0.0, COVERAGE: 0.0, GENERATOR_GRADIENT: 0.0}
    look |= {CLIPPED: 1.0} if "Clipping" in cfg.objective._target_ else {}
    is_wasserstein = "Wasserstein" in cfg.objective._target_
    look |= {SLOPE: 0.0, ON_REAL: 0.0, ON_FAKE: 0.0} if is_wasserstein else {ACCURACY: 1.0}
    looks = [{GENERATOR_GRADIENT: 1.0}, *[look] * LOOKS]
    history = functools.reduce(History.then, looks, History({}, {}, (), SETTLED))
    messages = [message for find in checks.values() if (message := find(history)) is not None]
    assert len(messages) >= 3
    for remedy in (remedy for message in messages for remedy in message.partition("Try ")[2].split(", ")):
        words = re.findall(r"[a-z_.]+=[^\s,]+", remedy)
        if words:
            training.check(config.compose([f"experiment={experiment}", "trainer.accelerator=cpu", *words]))
        for key in re.findall(r"[a-z_]+(?:\.[a-z_]+)+", " ".join(set(remedy.split()) - set(words))):
            assert key in keys(OmegaConf.to_container(cfg)), remedy


@pytest.mark.parametrize("objective", options("objective", []))
@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if not name.endswith("_quick")])
def test_every_objective_goes_with_every_experiment(experiment, objective):
    """What an experiment sets for its own loss does not stand in the way of another."""
    cfg = config.compose([f"experiment={experiment}", f"objective={objective}", "trainer.accelerator=cpu"])
    assert set(cfg.objective) == set(config.load_option("objective", objective))
    config.build(cfg.objective)


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if "_dcgan_" in name or "_wgan_" in name])
def test_slopes_can_be_penalised_in_every_experiment(composed, experiment):
    """The discriminators with batch normalisation can be had without it."""
    words = ["model.critic.normalise=null"] if "normalise" in composed[experiment].model.critic else []
    training.check(config.compose([f"experiment={experiment}", "objective=relativistic", *words]))


def test_clipping_and_spectral_normalisation_exclude_each_other():
    constrain = "{_target_: kantor.nets.spectral.spectral_normalise, _partial_: true, power_iterations: 1}"
    cfg = config.compose(["experiment=shapes_wgan_cg1_quick", f"model.critic.constrain={constrain}"])
    with pytest.raises(UserError, match=r"model\.critic\.constrain=null"):
        training.check(cfg)


def test_experiments_are_different_runs(composed):
    hashes = {config_hash(OmegaConf.to_container(cfg)) for cfg in composed.values()}
    assert len(hashes) == len(EXPERIMENTS)


def test_the_lectures_experiment_has_its_settings(composed):
    """512-wide networks with three hidden layers, Adam 1e-4 (0.5, 0.9), 5 critic steps, λ = 0.1, batches of 256."""
    cfg = composed["point_wgan_gp"]
    for network in (cfg.model.generator, cfg.model.critic):
        assert (network.width, network.hidden_layers) == (512, 3)
    for optimizer in (cfg.optimisation.generator, cfg.optimisation.critic):
        assert (optimizer._target_, optimizer.lr, list(optimizer.betas)) == ("torch.optim.Adam", 1e-4, [0.5, 0.9])
    assert cfg.optimisation.n_critic.steps == 5
    assert cfg.objective.penalty_weight == 0.1
    assert (cfg.data.name, cfg.data.batch_size, cfg.budget.steps) == ("gaussians8", 256, 100_000)


@pytest.mark.parametrize("images", [1, 4, 5, 8, 9, 100, 801, 805])
@pytest.mark.parametrize("experiment", ["point_wgan_gp", "line_distances"])
def test_a_budget_in_images_ends_with_the_first_step_that_reaches_it(experiment, images):
    overrides = [f"experiment={experiment}", "budget.steps=null", f"budget.images={images}"]
    cfg = config.compose([*overrides, "data.batch_size=4"])
    model = training.check(cfg)
    steps = assembly.budget_steps(cfg, model)
    assert 4 * model.batches_before(steps) >= images
    assert steps == 1 or 4 * model.batches_before(steps - 1) < images

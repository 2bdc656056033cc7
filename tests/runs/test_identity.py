import copy
import hashlib
import sys
import zipfile

import pytest

from kantor.config.compose import compose
from kantor.digests import canonical, sha256
from kantor.runs import identity
from kantor.runs.identity import code_hashes, config_hash

PLAIN = {
    "experiment": "mine",
    "primary_score": "w1",
    "seed": 0,
    "outputs": "outputs",
    "rerun": False,
    "budget": {"steps": 100, "images": None, "minutes": None},
    "trainer": {
        "accelerator": "cpu", "devices": 1, "threads": 2, "precision": "32-true", "matmul_precision": "medium",
        "compile": False, "log_every": 10, "checkpoint_every": 500, "progress": True,
    },
    "data": {"_target_": "d.Data", "name": "points", "batch_size": 4, "root": "/somewhere", "subset": None},
    "model": {"_target_": "m.Model", "critic": {"width": 8, "initialise": None}, "extras": {}},
    "objective": {"_target_": "o.Loss", "weight": 10.0, "one_sided": False},
    "optimisation": {"critic": {"lr": 0.001, "betas": [0.0, 0.9]}},
    "ema": {"_target_": None},
    "schedule": {"_target_": None},
    "sampler": {"_target_": "s.Direct"},
    "stop": {"_target_": None},
    "evaluation": {"name": "toy", "n": 1024},
    "pictures": {"contours": {"every": 250}},
    "logger": {"_target_": None},
}  # fmt: skip
TEXT = (
    '{"budget":{"steps":100},'
    '"data":{"_target_":"d.Data","batch_size":4,"name":"points"},'
    '"model":{"_target_":"m.Model","critic":{"width":8}},'
    '"objective":{"_target_":"o.Loss","one_sided":false,"weight":10},'
    '"optimisation":{"critic":{"betas":[0,0.9],"lr":0.001}},'
    '"trainer":{"compile":false,"matmul_precision":"medium","precision":"32-true"}}'
)
GOLDEN = "e459383abe634e56da3ca323004e78efbd2215f11e049989ac546d7d9688f092"


def changed(key, value):
    copied = copy.deepcopy(PLAIN)
    *parents, last = key.split(".")
    node = copied
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    return copied


def test_the_hash_is_that_of_the_text_written_by_hand():
    assert hashlib.sha256(TEXT.encode()).hexdigest() == GOLDEN
    assert config_hash(PLAIN) == GOLDEN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("experiment", "another"), ("primary_score", "w2"), ("seed", 1), ("outputs", "/elsewhere"), ("rerun", True),
        ("code", "accept"),
        ("evaluation", {"name": "none"}), ("evaluation.n", 2), ("pictures", {}), ("pictures.contours.every", 1),
        ("logger", {"_target_": "kantor.tracking.weights_and_biases.WandB"}), ("trainer.devices", 2),
        ("trainer.threads", 1),
        ("trainer.accelerator", "gpu"), ("trainer.log_every", 1), ("trainer.checkpoint_every", 1),
        ("trainer.progress", False), ("data.root", "/another"), ("data.resident", True),
        ("data.archive", "/another.tar.gz"), ("data.verify", False), ("data.broken", "skip"),
        ("sampler._target_", "s.Heun"), ("sampler.steps", 50), ("optimisation.accumulate", 1),
    ],
)  # fmt: skip
def test_what_does_not_determine_the_weights_is_left_out(key, value):
    assert config_hash(changed(key, value)) == GOLDEN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.critic.width", 9), ("model._target_", "m.Other"), ("objective.weight", 0.1),
        ("objective.one_sided", True), ("optimisation.critic.lr", 0.002), ("optimisation.critic.betas", [0.0, 0.99]),
        ("budget.steps", 101), ("budget.minutes", 1.0), ("data.batch_size", 8), ("data.name", "other"),
        ("data.subset", 10), ("trainer.precision", "bf16-mixed"), ("trainer.matmul_precision", "highest"),
        ("trainer.compile", True), ("model.critic.initialise", {"std": 0.02}), ("ema._target_", "e.Averaging"),
        ("schedule", {"_target_": "s.Cosine", "steps": 100}), ("optimisation.accumulate", 2),
    ],
)  # fmt: skip
def test_what_determines_the_weights_is_in_it(key, value):
    assert config_hash(changed(key, value)) != GOLDEN


def test_all_these_changes_have_different_hashes():
    hashes = {config_hash(changed("model.critic.width", width)) for width in range(50)}
    assert len(hashes) == 50


@pytest.mark.parametrize("key", ["model.new", "optimisation.critic.new", "data.new", "budget.new", "objective.new"])
@pytest.mark.parametrize("value", [None, {}, {"inner": None}, {"inner": {"deeper": {}}}], ids=str)
def test_new_nulls_and_empty_mappings_change_nothing(key, value):
    assert config_hash(changed(key, value)) == GOLDEN


def test_false_zero_and_empty_texts_and_lists_are_values():
    hashes = {config_hash(changed("model.new", value)) for value in (False, 0, "", [])}
    assert GOLDEN not in hashes
    assert len(hashes) == 4


def test_a_whole_number_is_the_same_setting_however_it_is_written():
    assert config_hash(changed("objective.weight", 3)) == config_hash(changed("objective.weight", 3.0))


def test_a_neutral_default_of_a_new_key_changes_nothing(monkeypatch):
    monkeypatch.setattr(identity, "NEUTRAL", {"optimisation.critic.warm_up": 0, "model.norm": "none"})
    assert config_hash(changed("optimisation.critic.warm_up", 0)) == GOLDEN
    assert config_hash(changed("model.norm", "none")) == GOLDEN
    assert config_hash(changed("optimisation.critic.warm_up", 5)) != GOLDEN
    assert config_hash(changed("objective.norm", "none")) != GOLDEN  # the same name elsewhere is another key


def test_a_mapping_that_holds_neutral_values_alone_changes_nothing(monkeypatch):
    monkeypatch.setattr(identity, "NEUTRAL", {"model.ema.warm_up": 0})
    assert config_hash(changed("model.ema", {"warm_up": 0})) == GOLDEN


def test_the_order_of_keys_changes_nothing():
    turned = {name: PLAIN[name] for name in reversed(PLAIN)}
    turned["objective"] = dict(reversed(PLAIN["objective"].items()))
    assert config_hash(turned) == GOLDEN


def test_hashing_leaves_the_configuration_alone():
    copied = copy.deepcopy(PLAIN)
    config_hash(copied)
    assert copied == PLAIN


def test_canonical_json_is_sorted_compact_and_without_nan():
    assert (
        canonical({"b": [1, 2.5, None], "a": {"y": True, "x": "é"}})
        == '{"a":{"x":"\\u00e9","y":true},"b":[1,2.5,null]}'
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
    assert sha256({}) == hashlib.sha256(b"{}").hexdigest()


def composed(*overrides):
    return compose(["experiment=point_wgan_gp", *overrides]).plain


@pytest.fixture(scope="module")
def base():
    return config_hash(composed())


@pytest.mark.parametrize(
    "override",
    ["seed=7", "outputs=elsewhere", "evaluation=none", "evaluation.n=5", "logger=tensorboard", "pictures=none",
     "trainer.devices=2", "trainer.threads=1", "trainer.accelerator=cpu", "trainer.progress=false", "rerun=true",
     "evaluation.weights=raw"],
)  # fmt: skip
def test_composed_configurations_keep_their_hash(base, override):
    assert config_hash(composed(override)) == base


@pytest.mark.parametrize(
    "override",
    ["model.critic.width=64", "optimisation.critic.lr=0.5", "objective.penalty_weight=10.0",
     "budget.steps=3", "data.batch_size=32", "trainer.precision=bf16-mixed", "optimisation=rmsprop",
     "data=gaussians25", "data.distribution.spread=0.02", "ema.decay=0.5", "ema.decay=[0.999,0.9999]", "ema=none",
     "ema.warm_up=false", "schedule=cosine", "optimisation.gradient_clip_norm=1.0", "optimisation.accumulate=2"],
)  # fmt: skip
def test_composed_configurations_change_their_hash(base, override):
    assert config_hash(composed(override)) != base


def test_code_hashes_name_every_target_that_determines_the_weights():
    hashes = code_hashes(composed())
    named = {"models.adversarial.Adversarial", "data.points.gaussians8", "nets.mlp.MLP"}
    named |= {"objectives.adversarial.WassersteinGradientPenalty", "models.critic_steps.Constant"}
    assert {f"kantor.{name}" for name in named} | {"torch.optim.Adam"} <= set(hashes)
    assert not {
        name for name in hashes if name.startswith(("kantor.evaluation", "kantor.callbacks", "kantor.tracking"))
    }
    assert {len(value) for value in hashes.values()} == {64}


def test_a_code_hash_changes_with_the_source(tmp_path, monkeypatch):
    package = tmp_path / "mynets_for_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("class Base:\n    pass\n")
    (package / "net.py").write_text("from mynets_for_test.base import Base\n\n\nclass Net(Base):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    plain = changed("model._target_", "mynets_for_test.net.Net")
    for part in ("data", "objective"):
        plain[part].pop("_target_")

    def now():
        return code_hashes(plain)

    first = now()
    assert list(first) == ["mynets_for_test.net.Net"] and now() == first
    (package / "base.py").write_text("class Base:\n    x = 1\n")  # a base in the same package counts
    second = now()
    assert second != first
    (package / "net.py").write_text("from mynets_for_test.base import Base\n\n\nclass Net(Base):\n    y = 1\n")
    third = now()
    assert third not in (first, second)
    (package / "base.py").write_text("from . import sizes\n\n\nclass Base:\n    x = sizes.ONE\n")
    (package / "sizes.py").write_text("ONE = 1\n")
    fourth = now()
    (package / "sizes.py").write_text("ONE = 2\n")  # nothing but a number, imported by what is imported
    assert len({str(hashes) for hashes in (first, second, third, fourth, now())}) == 5


@pytest.mark.parametrize("archived", [False, True])
def test_what_has_no_home_of_its_own_and_what_lies_in_an_archive_has_a_hash_too(tmp_path, monkeypatch, archived):
    text = "import functools\n\n\ndef _net(width):\n    return width\n\n\nmake = functools.partial(_net, width={})\n"
    place = tmp_path / ("lab.zip" if archived else "lab")
    monkeypatch.syspath_prepend(place)
    plain = {part: {} for part in identity.HASHED} | {"model": {"_target_": "homeless_for_test.nets.make"}}

    def now(width):
        files = {"homeless_for_test/__init__.py": "", "homeless_for_test/nets.py": text.format(width)}
        if archived:
            with zipfile.ZipFile(place, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        else:
            for name, content in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(content)
        return code_hashes(plain)

    first = now(1)
    assert code_hashes(plain) == first != now(2)
    for name in ("homeless_for_test", "homeless_for_test.nets"):
        del sys.modules[name]

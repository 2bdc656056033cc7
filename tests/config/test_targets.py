import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from torch import nn

from kantor.config import compose as config
from kantor.config import targets
from kantor.config.targets import check_trust, fits, instantiate, is_a, locate, names
from kantor.errors import UserError
from kantor.models.latent import Latent
from kantor.models.schedules import Schedule

MLP = {
    "_target_": "kantor.nets.mlp.MLP", "inputs": 2, "width": 4, "hidden_layers": 1, "outputs": 2, "initialise": None,
    "activation": {"_target_": "torch.nn.ReLU", "_partial_": True},
}  # fmt: skip


def nested(name):
    """Where a target can hide."""
    return [
        {"_target_": name},
        {"model": {"generator": {"_target_": name, "x": 1}}},
        {"pictures": {"all": [1, {"deep": [{"_target_": name, "_partial_": True}]}]}},
        {"_target_": "kantor.nets.mlp.MLP", "activation": {"_target_": name}},
    ]


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "subprocess.run", "shutil.rmtree", "numpy.load", "torch.load", "pickle.loads",
     "kantorx.evil", "torch.hub.load", "torch.nnx.f", "importlib.import_module", "kantor"],
)  # fmt: skip
@pytest.mark.parametrize("place", range(4))
def test_code_from_elsewhere_is_not_trusted_wherever_it_stands(name, place):
    with pytest.raises(UserError, match=f"{name}.*KANTOR_TRUST={name.split('.')[0]}"):
        check_trust(nested(name)[place])


def test_a_trusted_configuration_is_given_back():
    assert config.trusted({"model": MLP}).build("model").body[0].in_features == 2


def test_checking_imports_nothing(tmp_path, monkeypatch):
    """The check comes before any import: a module's top level could do harm by itself."""
    (tmp_path / "harmful_for_test.py").write_text("raise SystemExit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError):
        check_trust({"_target_": "harmful_for_test.run"})
    assert "harmful_for_test" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        "kantor.cli.main.main",
        "kantor.config.targets.locate",
        "kantor.config.targets.instantiate",
        "kantor.config.compose.build",
        "kantor.train",
        "kantor.engine.train.train",
        "kantor.processes.launch",
        "kantor.atomic.write_text",
        "kantor.cli.sweep.sweep",
    ],
)
def test_kantors_own_machinery_is_no_component(name):
    """What runs, writes and imports for others must not be reachable from somebody else's config.yaml."""
    with pytest.raises(UserError):
        check_trust({"model": {"_target_": name}})
        locate(name, key="model")


def test_a_configuration_that_came_with_a_run_cannot_run_commands(tmp_path):
    """`kantor sample run=DOWNLOADED`: the targets are all kantor's, the harm is in an argument, a plain text."""
    witness = tmp_path / "witness"
    words = [
        "train", "experiment=point_wgan_gp", "~model.critic.initialise.std", "~model.critic.initialise._partial_",
        "model.critic.initialise._target_=os.system", f"+model.critic.initialise.command='touch {witness}'",
    ]  # fmt: skip
    try:
        cfg = config.trusted({"model": {"_target_": "kantor.cli.main.main", "words": words}})
        config.build(cfg.model)
    except (UserError, TypeError, SystemExit) as error:
        assert not witness.exists(), f"a command was run ({error})"
    assert not witness.exists(), "a command was run"


def test_a_name_cannot_be_traversed_out_of_a_trusted_module():
    """kantor.runs.directory imports os and Path; neither is kantor's."""
    for name in (
        "kantor.runs.directory.os.system",
        "kantor.runs.directory.Path",
        "kantor.keyed.torch.load",
        "kantor.config.compose.hydra_compose",
    ):
        with pytest.raises(UserError):
            check_trust({"_target_": name})
            locate(name, key="model")


@pytest.mark.parametrize("name", ["kantor.runs.directory.shutil", "kantor.keyed.np", "kantor.runs.directory.LAYOUT"])
def test_modules_and_numbers_are_no_targets(name):
    with pytest.raises(UserError, match="expected a class or a function"):
        locate(name, key="model")


def test_the_user_can_trust_a_package(monkeypatch):
    monkeypatch.setenv("KANTOR_TRUST", "mynets, other.sub")
    check_trust([{"_target_": "mynets.unet.UNet"}, {"_target_": "other.sub.f"}])
    for name in ("mynetsx.f", "other.f", "other.subx.f"):
        with pytest.raises(UserError):
            check_trust({"_target_": name})


@pytest.mark.parametrize("value", ["", " , ,"])
def test_an_empty_trust_trusts_nothing_more(monkeypatch, value):
    monkeypatch.setenv("KANTOR_TRUST", value)
    with pytest.raises(UserError):
        check_trust({"_target_": "os.system"})


def test_all_targets_are_found():
    tree = {"a": MLP, "b": [{"_target_": "x.Y", "inner": {"_target_": "z.W"}}], "_target_": None, "c": 3}
    assert sorted(names(tree)) == ["kantor.nets.mlp.MLP", "torch.nn.ReLU", "x.Y", "z.W"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kantor.nets.mlp.MPL", "no 'MPL' (nearest: MLP)"),
        ("kantor.nets.mpl.MLP", "cannot import 'kantor.nets.mpl'"),
        ("nothing_like_this.X", "cannot import 'nothing_like_this'"),
        ("MLP", "MLP"),
        ("", "_target_"),
        (".x", "_target_"),
    ],
)
def test_unknown_targets_are_named_with_the_nearest(name, said):
    with pytest.raises(UserError) as caught:
        locate(name, key="model.critic")
    assert said in str(caught.value) and "model.critic._target_" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 2.5}, "model.width=2.5: expected a whole number"),
        ({"width": "8"}, "model.width='8': expected a whole number"),
        ({"width": None}, "model.width=null: expected a whole number"),
        ({"width": True}, "model.width=true: expected a whole number"),
        ({"width": [8]}, "model.width=[8]: expected a whole number"),
        ({"width": {"a": 1}}, "expected a whole number"),
        ({"outputs": "two"}, "model.outputs='two': expected a whole number or null"),
        ({"widht": 3}, "model.widht: MLP takes no 'widht' (nearest: width)"),
        ({"activation": 5}, "model.activation"),
        ({"initialise": "normal"}, "model.initialise"),
        ({"width": 0}, "model.width=0: expected a number above 0"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named_with_their_key(change, said):
    with pytest.raises(UserError) as caught:
        instantiate({**MLP, **change}, key="model")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "kantor.noising.betas.GivenBetas", "beta": 0.1},
         "k.beta=0.1: expected a list of numbers; one alone is k.beta=[0.1]"),
        ({"_target_": "kantor.noising.betas.GivenBetas", "beta": [0.1, "a"]},
         "k.beta=[0.1,a]: expected a list of numbers"),
        ({"_target_": "kantor.noising.betas.GivenBetas", "beta": [[0.1], [0.2]]},
         "k.beta=[[0.1],[0.2]]: expected a list of numbers"),
        ({"_target_": "kantor.models.ema.Power", "widths": "wide"},
         "k.widths='wide': expected a number or a list of numbers"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_list_is_refused_with_its_key(node, said):
    with pytest.raises(UserError) as caught:
        instantiate(node, key="k")
    assert str(caught.value) == said


def test_an_argument_that_is_given_from_elsewhere_cannot_be_given_twice():
    with pytest.raises(UserError, match=r"^model\.width: MLP gets its 'width' from the top level"):
        instantiate(MLP, key="model", width=8)


def test_a_missing_argument_is_named():
    node = {name: value for name, value in MLP.items() if name != "width"}
    with pytest.raises(UserError, match=r"model: MLP needs 'width': give model\.width="):
        instantiate(node, key="model")


def test_a_partial_may_miss_arguments_but_not_invent_them():
    made = instantiate({"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.5}, key="o")
    assert isinstance(made, functools.partial) and made.keywords == {"lr": 0.5}
    with pytest.raises(UserError, match=r"o\.rate: Adam takes no 'rate'"):
        instantiate({"_target_": "torch.optim.Adam", "_partial_": True, "rate": 0.5}, key="o")


def test_inner_nodes_are_made_first_and_plain_values_pass():
    network = instantiate(MLP, key="model")
    assert [type(layer) for layer in network.body] == [nn.Linear, nn.ReLU, nn.Linear]
    assert instantiate({"a": [1, {"b": None}], "c": "x"}, key="k") == {"a": [1, {"b": None}], "c": "x"}
    assert instantiate({"_target_": None, "x": 3, "inner": {"y": 4}}, key="k") is None
    assert instantiate({"_target_": None, "x": 3}, key="k", seed=1) is None


def test_injected_arguments_reach_the_outermost_target():
    node = {"_target_": "kantor.data.module.PointData", "name": "line", "batch_size": 4,
            "distribution": {"_target_": "kantor.data.points.Line", "theta": 0.5}}  # fmt: skip
    data = instantiate(node, key="data", seed=9)
    assert (data.seed, data.distribution.theta) == (9, 0.5)


def test_injected_arguments_reach_every_target_of_a_mapping():
    node = {"_target_": "torch.nn.Linear", "out_features": 3}
    made = instantiate({"a": node, "b": {"c": node}, "d": 5}, key="k", in_features=2)
    assert [layer.in_features for layer in (made["a"], made["b"]["c"])] == [2, 2] and made["d"] == 5


def test_an_inner_refusal_names_the_whole_key_once():
    node = {"_target_": "kantor.data.module.PointData", "name": "line", "batch_size": 4,
            "distribution": {"_target_": "kantor.data.points.gaussians8", "spread": -1.0, "scale": 1.0}}  # fmt: skip
    with pytest.raises(UserError) as caught:
        instantiate(node, key="data", seed=0)
    assert str(caught.value) == "data.distribution.spread=-1.0: expected a number above 0"


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, True), (1.5, float, True), (True, float, False), ("1", float, False), (1, int, True),
        (1.0, int, False), (True, int, False), (True, bool, True), (1, bool, False), ("x", str, True), (1, str, False),
        (None, int | None, True), (None, int, False), ("a", str | None, True), (3, str | None, False),
        (None, nn.Module, False), ({"_target_": "x"}, int, True), ({"a": 1}, int, False), (None, object, True),
        ("x", Any, True), (None, Any, True), ([1, 2], list[int], True), ([1, 2.5], Sequence[int], False),
        ([1, 2.5], Sequence[float], True), ([[1.0]], Sequence[float], False), ("ab", Sequence[str], False),
        (["ab"], Sequence[str], True), (5, Sequence[int], False), (None, Sequence[int], False), ([], list[int], True),
        (None, Sequence[int] | None, True), (0.5, float | list[float], True), ([{"a": 1}], Sequence[Schedule], True),
    ],
    ids=str,
)  # fmt: skip
def test_fits(value, hint, expected):
    assert fits(value, hint) is expected


class Scheduled:
    def __init__(self, schedule: Schedule) -> None: ...


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (nn.ReLU(), nn.Module, True), (nn.ReLU(), nn.Linear, False), (nn.ReLU(), nn.Linear | None, False),
        (None, nn.Module | None, True), (None, nn.Module, False), (functools.partial(nn.ReLU), nn.Module, False),
        (functools.partial(nn.ReLU), Callable[[], nn.Module], True), (nn.ReLU(), Latent, True), (nn.ReLU(), int, False),
        (nn.ReLU(), Any, True), (None, Any, True), (nn.ReLU(), object, True), (3, float, True), ([1], list[int], True),
    ],
    ids=str,
)  # fmt: skip
def test_objects_are_of_the_class_that_is_asked_for(value, hint, expected):
    assert is_a(value, hint) is expected


def test_an_object_of_another_class_is_named_with_its_key():
    latent = {"_target_": "kantor.models.latent.Normal", "dim": 2}
    node = {"_target_": "kantor.nets.flat.ToImages", "channels": 1, "image_size": 28, "network": latent}
    with pytest.raises(UserError) as caught:
        instantiate(node, key="model.generator")
    assert str(caught.value) == (
        "model.generator.network: ToImages expects Module, and was given Normal: name another "
        "model.generator.network._target_"
    )
    with pytest.raises(UserError) as caught:
        targets.check_objects(Scheduled, {}, {"schedule": None}, key="s")
    assert str(caught.value) == (
        "s: Scheduled expects Schedule for its 'schedule', and was given null: take another schedule, or another s"
    )


def test_nothing_but_components_is_trusted_in_torch():
    assert [prefix for prefix in targets.TRUSTED if prefix.startswith("torch")] == ["torch.nn.", "torch.optim."]

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from torch import nn

from kantor.config import targets
from kantor.config.targets import fits, instantiate, is_a, locate, names
from kantor.errors import UserError
from kantor.models.latent import Latent
from kantor.models.schedules import Schedule

MLP = {
    "_target_": "kantor.nets.mlp.MLP", "inputs": 2, "width": 4, "hidden_layers": 1, "outputs": 2, "initialise": None,
    "activation": {"_target_": "torch.nn.ReLU", "_partial_": True},
}  # fmt: skip


@pytest.mark.parametrize("name", ["kantor.runs.directory.tempfile", "kantor.keyed.np", "kantor.runs.directory.LAYOUT"])
def test_modules_and_numbers_are_no_targets(name):
    with pytest.raises(UserError, match="expected a class or a function"):
        locate(name, key="model")


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
    "name", ["kantor.runs.directory.Path", "kantor.nets.unet.dataclass", "kantor.nets.unet.NoiseEmbedding"]
)
def test_what_is_kantors_is_named_where_it_is_defined(name):
    with pytest.raises(UserError, match=f"model._target_={name}: it is .*; name it there"):
        locate(name, key="model")


@pytest.mark.parametrize("name", [5, True, ["os.system"], {"_target_": "os.system"}], ids=str)
def test_a_target_is_a_name(name):
    with pytest.raises(UserError, match=r"^k\._target_=.*: expected the dotted name"):
        instantiate({"_target_": name}, key="k")


@pytest.mark.parametrize("word", ["_args_", "_recursive_", "_convert_"])
def test_other_words_of_hydras_mean_nothing(word):
    with pytest.raises(UserError, match=f"^model.{word}: MLP takes no '{word}'"):
        instantiate({**MLP, word: ["all"]}, key="model")


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


def test_a_function_that_tells_no_signature_is_taken_as_it_is():
    made = instantiate({"_target_": "torch.nn.functional.softplus", "_partial_": True, "beta": 2}, key="k")
    assert made.keywords == {"beta": 2}


def test_what_a_component_of_others_makes_of_ours_is_said_with_its_name():
    wrong = {**MLP, "activation": {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 3}}
    with pytest.raises(
        UserError, match=r"^x: kantor\.nets\.mlp\.MLP does not take these settings, torch\.nn\.Linear amo"
    ):
        instantiate(wrong, key="x")

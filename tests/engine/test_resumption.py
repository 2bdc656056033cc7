"""A checkpoint that lacks something of a training is not gone on with, and nothing is left behind."""

import shutil
from pathlib import Path

import pytest
import torch
from small_runs import FAST, command_line

from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.engine.resumption import check_resumable
from kantor.errors import UserError
from kantor.runs.checkpoints import AtomicCheckpointIO
from kantor.runs.directory import RunDirectory

pytestmark = pytest.mark.usefixtures("kantor")
WORDS = ("train", "experiment=point_demo_gp", *FAST, "optimisation.n_critic.steps=1", "data.batch_size=16")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a finished run."""
    place = tmp_path_factory.mktemp("resumption")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        command_line(*WORDS, "budget.steps=2")
    return place


@pytest.fixture(scope="module")
def run(place):
    (directory,) = map(RunDirectory, place.glob("outputs/*/*"))
    return assemble(Configuration(directory.config(), of_run=True), directory.path)


@pytest.fixture
def held(run):
    return torch.load(run.directory.checkpoints / "last.ckpt", weights_only=True)


def first(held):
    return next(iter(held["state_dict"]))


def state_of_weights(held):
    return held["optimizer_states"][1]["state"]


def put(place, value, *way):
    """A value in the place of another, down a way of keys."""

    def change(held):
        inner = held[place]
        for key in way[:-1]:
            inner = inner[key]
        if way:
            inner[way[-1]] = value
        else:
            held[place] = value

    return change


FAULTS = {
    **{f"no {key}": lambda held, key=key: held.pop(key) for key in (
        "optimizer_states", "loops", "callbacks", "lr_schedulers", "global_step", "epoch", "pytorch-lightning_version",
    )},
    "no optimizer": put("optimizer_states", []),
    "one optimizer": lambda held: held["optimizer_states"].pop(),
    "optimizers of texts": put("optimizer_states", ["x", "y"]),
    "an optimizer without state": put("optimizer_states", {}, 1, "state"),
    "an optimizer of other weights": put("optimizer_states", {99: {}}, 1, "state"),
    "the state of other shapes": lambda held: next(iter(state_of_weights(held).values())).update(exp_avg=torch.ones(7)),
    "an optimizer of NaN": lambda held: next(iter(state_of_weights(held).values()))["exp_avg"].fill_(float("nan")),
    "groups of others": put("optimizer_states", [{"params": [0]}], 0, "param_groups"),
    "loops of nothing": put("loops", {"fit_loop": {}}),
    "a loop of text": put("loops", "x", "fit_loop", "epoch_loop.state_dict"),
    "no clock": lambda held: held["callbacks"].pop("Clock"),
    "a clock of nothing": put("callbacks", {}, "Clock"),
    "a clock of text": put("callbacks", {"seconds": "x", "peak_memory_bytes": 1}, "Clock"),
    "health of nothing": put("callbacks", {}, "Health"),
    "scores of lists": put("callbacks", {"best": [], "chosen_by": {}, "protocol": "x"}, "Scores"),
    "counters of others": put("kantor_counters", {"steps": 2, "forward": 3}),
    "one counter more": put("kantor_counters", 3, "forward"),
    "weights of others": lambda held: held["state_dict"].pop(first(held)),
    "one weight more": lambda held: held["state_dict"].update(other=torch.ones(1)),
    "weights of other shapes": lambda held: held["state_dict"].update({first(held): torch.ones(3, 3, 3)}),
    "NaN": lambda held: held["state_dict"][first(held)].fill_(float("nan")),
}  # fmt: skip


def test_a_checkpoint_of_a_training_is_one(run):
    check_resumable(run.model, run.directory.checkpoints / "last.ckpt")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_a_training_lacks_is_named(run, held, fault, tmp_path):
    fault(held)
    AtomicCheckpointIO().save_checkpoint(held, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"holds no training of this run that could be gone on with \(\w.*rerun=true"):
        check_resumable(run.model, tmp_path / "last.ckpt")


def listed() -> list[Path]:
    """All that lies here, but for leases, of which the newest stays."""
    return sorted(path for path in Path().rglob("*") if not path.name.startswith(".lease."))


@pytest.mark.parametrize(
    ("fault", "words", "said"),
    [
        ("no optimizer_states", ("train", "run=latest", "budget.steps=4"), "optimizer_states"),
        ("NaN", ("sample", "run=latest", "out=x.npz"), "is not finite, and nothing can be drawn"),
        ("gone", ("train", "run=latest", "budget.steps=4"), "has no checkpoint any more to go on with"),
    ],
)
def test_nothing_is_left_behind(place, held, fault, words, said, tmp_path, monkeypatch):
    shutil.copytree(place / "outputs", tmp_path / "outputs")
    (last,) = tmp_path.glob("outputs/*/*/checkpoints/last.ckpt")
    for path in last.parent.glob("*.ckpt"):
        path.unlink()
    if fault in FAULTS:
        FAULTS[fault](held)
        AtomicCheckpointIO().save_checkpoint(held, last)
    monkeypatch.chdir(tmp_path)
    before = listed()
    assert said in command_line(*words, check=2).stderr
    assert listed() == before

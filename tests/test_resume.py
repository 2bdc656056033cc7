"""The same command gives the same numbers, however often it was stopped (promise 2 of the design)."""

import csv
import hashlib
import itertools
import json
import re
import shutil
import signal
import time
from functools import cache
from pathlib import Path

import pytest
import torch
from apart import Apart
from faults.operations import Killed, by_exception, watched
from small_runs import BRIEF, FAST, PICTURES, POINT_VAE, SCORED, SMALL, SMALL_FLOW, SMALL_VAE, command_line

from kantor.seals import is_whole

pytestmark = pytest.mark.usefixtures("without_charts")

FAST_GAN = (
    "experiment=point_demo_gp", "budget.steps=160", "data.batch_size=16", "optimisation.n_critic.steps=1", *FAST,
)  # fmt: skip
SCHEDULED = ("budget.steps=60", "schedule=cosine", "schedule.warm_up=5", "pictures=none")
POINTS = {
    "gan": (
        "experiment=point_demo_gp",
        *SMALL,
        *SCHEDULED,
        "ema.decay=[0.99,0.5]",
        "optimisation.gradient_clip_norm=1",
        "optimisation.n_critic.steps=2",
    ),
    "flow": (
        "experiment=point_flow",
        *SMALL_FLOW,
        *SCHEDULED,
        "ema=power",
        "ema.widths=[0.25,0.1]",
        "optimisation.accumulate=2",
    ),
}
POINTS["energy"] = (
    "experiment=point_ebm",
    *BRIEF,
    *SCORED,
    "data.batch_size=16",
    "model.energy.network.width=16",
    "objective.steps=2",
    "objective.chains.size=64",
    "sampler.steps=3",
    "likelihood.cells=20",
    *SCHEDULED,
)
POINTS["machine"] = (
    "experiment=bars_rbm",
    *BRIEF,
    "data.batch_size=16",
    "model.energy.hidden=6",
    "objective.steps=2",
    "sampler.start=kept",
    "sampler.steps=3",
    "evaluation.n=12",
    "evaluation.chunk=16",
    "evaluation.neighbours=3",
    *SCHEDULED,
)
IMAGES = {
    "gan": ("experiment=shapes_dcgan_dg1", *PICTURES, "budget.steps=16", "trainer.precision=bf16-mixed"),
    "vae": (*SMALL_VAE, "budget.steps=16", "trainer.precision=32-true"),
}


def start(outputs: Path, *words: str, signalled: tuple[int, int] | None = None) -> Apart:
    """A process of its own, which can be stopped."""
    outputs.mkdir(parents=True, exist_ok=True)
    return Apart(outputs / "log", "train", f"outputs={outputs}", *words, signalled=signalled)


def finish(outputs: Path, *words: str) -> Path:
    """The same to its end, in this process."""
    command_line("train", f"outputs={outputs}", *words)
    (run,) = outputs.glob("*/*-s0")
    return run


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Runs that nobody stopped, one for all tests that ask for the same words."""
    return cache(lambda *words: finish(tmp_path_factory.mktemp("whole"), *words))


def wait_for_step(outputs: Path, process: Apart, step: int) -> None:
    """Wait until metrics.csv has a row at or beyond `step`."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not process.ended:
        for run in outputs.glob("*/*-s0"):
            rows = (run / "metrics.csv").read_text().splitlines() if (run / "metrics.csv").is_file() else []
            if len(rows) > 1 and rows[-1].count(",") > 2 and int(rows[-1].split(",")[1]) >= step:
                return
        time.sleep(0.005)
    raise AssertionError(f"the run ended before step {step}: {process.log.read_text()}")


def killed(outputs: Path, *words: str, at_save: int) -> None:
    """The same to the moment before the rename that ends one of its saves: as by SIGKILL, which `make faults` sends."""
    saves = itertools.count(1)

    def chosen(_: int, words: str) -> bool:
        return re.search(r"rename .*/last\.ckpt$", words) is not None and next(saves) == at_save

    outputs.mkdir()
    with watched(outputs, chosen, by_exception), pytest.raises(Killed):
        finish(outputs, *words)


def weights(run: Path) -> str:
    """A digest of all weights and averages of the last checkpoint, and of what is exported."""
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")["state_dict"]
    digest = hashlib.sha256((run / "checkpoints" / "generator.safetensors").read_bytes())
    for name, tensor in state.items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def scores(run: Path) -> list[dict]:
    return [entry["scores"] for entry in json.loads((run / "card.json").read_text())["evaluations"]]


def curves(run: Path) -> list[dict]:
    """metrics.csv without the seconds."""
    with (run / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def digests(run: Path) -> str:
    """What the training's state was at each checkpoint."""
    return (run / "digests.csv").read_text()


def attempts(run: Path) -> list[dict]:
    return json.loads((run / "status.json").read_text())["attempts"]


def assert_equal_runs(one: Path, other: Path) -> None:
    assert weights(one) == weights(other)
    assert scores(one) == scores(other) != []
    assert curves(one) == curves(other) != []
    assert digests(one) == digests(other)


@pytest.mark.parametrize("words", POINTS.values(), ids=POINTS.keys())
def test_killed_and_started_again_equals_uninterrupted(uninterrupted, tmp_path, words):
    """With a schedule of learning rates, two averages, a clipped gradient, or one of two parts."""
    whole = uninterrupted(*words)
    killed(tmp_path / "killed", *words, at_save=3)
    resumed = finish(tmp_path / "killed", *words)
    assert_equal_runs(whole, resumed)
    rates = [float(row["train/learning_rate_factor"]) for row in curves(whole)]
    assert rates[0] == 1 and rates[-1] < 0.01 and rates == sorted(rates, reverse=True)
    first, second = attempts(resumed)
    assert first["outcome"] == "killed" and second["outcome"] == "finished"
    assert (second["from_step"], second["to_step"]) == (20, 60)


def test_killed_in_the_middle_of_a_checkpoint(uninterrupted, tmp_path):
    words, halfway = POINTS["gan"], tmp_path / "halfway"
    assert start(halfway, *words, signalled=(5, signal.SIGKILL)).wait() == -signal.SIGKILL
    assert list(halfway.rglob(".*.tmp"))  # what was half written
    torn = finish(halfway, *words)
    assert_equal_runs(uninterrupted(*words), torn)
    assert attempts(torn)[1]["from_step"] > 0
    assert not list(halfway.rglob(".*.tmp"))


@pytest.mark.parametrize("words", IMAGES.values(), ids=IMAGES.keys())
def test_a_killed_run_on_pictures_goes_on_to_the_same_bits(tmp_path, words):
    whole = finish(tmp_path / "whole", *words)
    killed(tmp_path / "killed", *words, at_save=3)
    resumed = finish(tmp_path / "killed", *words)
    assert_equal_runs(whole, resumed)
    assert len(scores(whole)) == 1
    for picture in ("samples/step_00000016.png", "figures/neighbours.png", "figures/interpolation.png"):
        assert (whole / picture).read_bytes() == (resumed / picture).read_bytes()
    first, second = attempts(resumed)
    assert first["outcome"] == "killed" and second["outcome"] == "finished"
    assert second["from_step"] == 8


def test_ctrl_c_and_sigterm_save_and_the_same_command_goes_on(tmp_path):
    whole = finish(tmp_path / "whole", *FAST_GAN)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = start(tmp_path / "stopped", *FAST_GAN, signalled=(2, number))
        assert process.wait() == code
        assert "the same command goes on" in process.log.read_text()
    resumed = finish(tmp_path / "stopped", *FAST_GAN)
    assert weights(whole) == weights(resumed) and digests(whole) == digests(resumed)
    assert [entry["outcome"] for entry in attempts(resumed)] == ["interrupted", "interrupted", "finished"]
    steps = [(entry["from_step"], entry["to_step"]) for entry in attempts(resumed)]
    assert steps[0][0] == 0 and steps[0][1] == steps[1][0] and steps[1][1] == steps[2][0] and steps[2][1] == 160


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_a_larger_budget_goes_on_as_a_new_run(trusting, finished, finished_vae, tmp_path, family):
    words = {"gan": ("experiment=point_demo_gp", *SMALL), "vae": POINT_VAE}[family]
    short = tmp_path / "short" / {"gan": "point_demo_gp", "vae": "toy_vae_points"}[family] / "a-s0"
    shutil.copytree({"gan": finished, "vae": finished_vae}[family], short)
    whole, before = finish(tmp_path / "whole", *words, "budget.steps=50", "pictures=none"), weights(short)
    trusting("train", f"run={short}", "budget.steps=50", "pictures=none")
    assert weights(short) == before
    longer = next(run for run in short.parent.iterdir() if run != short)
    assert longer.name == whole.name
    assert weights(longer) == weights(whole) and scores(longer) == scores(whole)
    assert digests(longer) == digests(whole)


def test_two_trainings_of_one_run_do_not_meet(kantor, tmp_path):
    words = (*FAST_GAN, "budget.steps=1000000")
    first = start(tmp_path, *words)
    wait_for_step(tmp_path, first, 5)
    said = kantor("train", f"outputs={tmp_path}", *words, check=2).stderr
    first.kill()
    assert "in use" in said


def test_a_nan_stops_the_run_and_names_the_term_and_the_step(kantor, tmp_path):
    words = (*FAST_GAN, "optimisation.n_critic.steps=5", "optimisation.critic.lr=1e20")
    said = kantor("train", f"outputs={tmp_path}", *words, check=1).stderr
    assert "train/critic_" in said and "step 1" in said
    (run,) = (tmp_path / "point_demo_gp").iterdir()
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "failed" and "train/critic_" in status["reason"]
    assert not (run / "checkpoints" / "last.ckpt").exists()


def test_after_a_fallback_the_whole_checkpoint_is_kept(finished, kantor, tmp_path):
    run = tmp_path / "outputs" / "point_demo_gp" / finished.name
    shutil.copytree(finished, run)
    last, previous = run / "checkpoints" / "last.ckpt", run / "checkpoints" / "previous.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "state": "running"}))
    words = ("train", "experiment=point_demo_gp", "budget.steps=40", *SMALL, "pictures=none")
    said = kantor(*words, "trainer.threads=2").stderr
    assert "last.ckpt is damaged" in said and "threads was 1 and is 2 now" in said
    assert is_whole(last) and is_whole(previous)
    assert weights(run) == weights(finished)

    (run / "status.json").write_text(json.dumps({**status, "state": "failed"}))
    last.write_bytes(b"")
    previous.unlink()
    assert "rerun=true" in kantor(*words, check=2).stderr
    kantor(*words, "rerun=true")
    assert weights(run) == weights(finished)


def test_the_page_of_a_failed_run_says_so_and_does_not_reload(kantor, tmp_path):
    words = [word for word in SMALL if not word.startswith("pictures")]
    kantor("train", "experiment=point_demo_gp", "optimisation.critic.lr=1e20", "pictures.every=1", *words, check=1)
    (page,) = tmp_path.rglob("report.html")
    text = page.read_text()
    assert "failed" in text and "step 1" in text and 'http-equiv="refresh"' not in text


def test_a_budget_of_another_kind_must_be_larger_too(kantor, finished, tmp_path):
    words = (f"run={finished}", "budget.steps=null", "budget.images=2560", f"outputs={tmp_path}")
    assert "expected more" in kantor("train", *words, check=2).stderr
    assert not list(tmp_path.rglob("status.json"))


def test_a_job_of_slurms_begins_at_the_beginning_whatever_lies_there(kantor, tmp_path, monkeypatch):
    """In a job Lightning goes on from an hpc_ckpt_N.ckpt, where its directory has one."""
    words = ("experiment=point_demo_gp", "budget.steps=10", *FAST)
    kantor("train", *words)
    (status,) = tmp_path.rglob("status.json")
    run = status.parent
    before = (run / "digests.csv").read_bytes()
    shutil.rmtree(run / "checkpoints")  # as of a run that was killed before its first one
    status.write_text(json.dumps({**json.loads(status.read_text()), "state": "running"}))
    torch.save({"state_dict": {}}, run / "hpc_ckpt_1.ckpt")
    for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "5", "SLURM_JOB_NAME": "x"}.items():
        monkeypatch.setenv(name, value)
    kantor("train", *words)
    assert (run / "digests.csv").read_bytes() == before

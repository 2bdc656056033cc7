"""The same command gives the same numbers, however often it was stopped (promise 2 of the design)."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import FAST, PICTURES, SMALL, environment

WORDS = ("experiment=point_demo_gp", "budget.steps=60", *SMALL)
FAST_WORDS = ("experiment=point_demo_gp", "budget.steps=60", *FAST)
IMAGE_WORDS = ("experiment=shapes_dcgan_dg1", "budget.steps=24", *PICTURES)

KILLED_IN_THE_MIDDLE_OF_A_CHECKPOINT = """
import os, signal, sys
import torch
from kantor.cli.main import main
save, saved = torch.save, []
def half_a_save(value, path):
    saved.append(path)
    save(value, path)
    if len(saved) == 5:
        size = os.path.getsize(path)
        os.truncate(path, size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = half_a_save
sys.exit(main(sys.argv[1:]))
"""


def start(outputs: Path, *words: str, base: tuple[str, ...] = WORDS) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "kantor", "train", f"outputs={outputs}", *base, *words]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(outputs: Path, *words: str, base: tuple[str, ...] = WORDS) -> Path:
    process = start(outputs, *words, base=base)
    text, _ = process.communicate(timeout=240)
    assert process.returncode == 0, text
    (run,) = outputs.glob("*/*-s0")
    return run


def wait_for_step(outputs: Path, process: "subprocess.Popen[str]", step: int) -> None:
    """Wait until metrics.csv has a row at or beyond `step`."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        for run in outputs.glob("*/*-s0"):
            rows = (run / "metrics.csv").read_text().splitlines() if (run / "metrics.csv").is_file() else []
            if len(rows) > 1 and rows[-1].count(",") > 2 and int(rows[-1].split(",")[1]) >= step:
                return
        time.sleep(0.005)
    raise AssertionError(f"the run ended before step {step}: {process.poll()}")


def weights(run: Path) -> str:
    return hashlib.sha256((run / "checkpoints" / "generator.safetensors").read_bytes()).hexdigest()


def scores(run: Path) -> list[dict]:
    return [entry["scores"] for entry in json.loads((run / "card.json").read_text())["evaluations"]]


def curves(run: Path) -> list[str]:
    """metrics.csv without the seconds."""
    rows = [row.split(",") for row in (run / "metrics.csv").read_text().splitlines()]
    return [",".join(row[:3] + row[4:]) for row in rows]


def attempts(run: Path) -> list[dict]:
    return json.loads((run / "status.json").read_text())["attempts"]


def assert_equal_runs(one: Path, other: Path) -> None:
    assert weights(one) == weights(other)
    assert scores(one) == scores(other)
    assert curves(one) == curves(other)


def test_killed_and_started_again_equals_uninterrupted(tmp_path):
    whole = finish(tmp_path / "whole")
    process = start(tmp_path / "killed")
    wait_for_step(tmp_path / "killed", process, 30)
    process.kill()
    process.communicate()
    resumed = finish(tmp_path / "killed")
    assert_equal_runs(whole, resumed)
    first, second = attempts(resumed)
    assert first["outcome"] == "killed" and second["outcome"] == "finished"
    assert 0 < second["from_step"] < 60
    assert second["from_step"] % 10 == 0  # a checkpoint
    assert second["to_step"] == 60

    halfway = tmp_path / "halfway"
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE_OF_A_CHECKPOINT, "train", f"outputs={halfway}", *WORDS]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=240)
    assert done.returncode == -signal.SIGKILL
    assert list(halfway.rglob(".*.tmp"))  # what was half written
    torn = finish(halfway)
    assert_equal_runs(whole, torn)
    assert attempts(torn)[1]["from_step"] > 0
    assert not list(halfway.rglob(".*.tmp"))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_killed_run_on_pictures_goes_on_to_the_same_bits(tmp_path, precision):
    words = (f"trainer.precision={precision}",)
    whole = finish(tmp_path / "whole", *words, base=IMAGE_WORDS)
    process = start(tmp_path / "killed", *words, base=IMAGE_WORDS)
    wait_for_step(tmp_path / "killed", process, 10)
    process.kill()
    process.communicate()
    resumed = finish(tmp_path / "killed", *words, base=IMAGE_WORDS)
    assert_equal_runs(whole, resumed)
    assert len(scores(whole)) == 1 and (whole / "samples" / "step_00000024.png").is_file()
    for picture in ("samples/step_00000024.png", "figures/neighbours.png", "figures/interpolation.png"):
        assert (whole / picture).read_bytes() == (resumed / picture).read_bytes()
    first, second = attempts(resumed)
    assert first["outcome"] == "killed" and second["outcome"] == "finished"
    assert 0 < second["from_step"] < 24


def test_ctrl_c_and_sigterm_save_and_the_same_command_goes_on(tmp_path):
    words = ("budget.steps=400",)
    whole = finish(tmp_path / "whole", *words, base=FAST_WORDS)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = start(tmp_path / "stopped", *words, base=FAST_WORDS)
        wait_for_step(tmp_path / "stopped", process, 20 if number == signal.SIGINT else 60)
        process.send_signal(number)
        text, _ = process.communicate(timeout=120)
        assert process.returncode == code, text
        assert "the same command goes on" in text
    resumed = finish(tmp_path / "stopped", *words, base=FAST_WORDS)
    assert weights(whole) == weights(resumed)
    assert [entry["outcome"] for entry in attempts(resumed)] == ["interrupted", "interrupted", "finished"]
    steps = [(entry["from_step"], entry["to_step"]) for entry in attempts(resumed)]
    assert steps[0][0] == 0 and steps[0][1] == steps[1][0] and steps[1][1] == steps[2][0] and steps[2][1] == 400


def test_a_larger_budget_goes_on_as_a_new_run(tmp_path):
    whole = finish(tmp_path / "whole")
    short = finish(tmp_path / "short", "budget.steps=40")
    before = weights(short)
    command = [sys.executable, "-m", "kantor", "train", f"run={short}", "budget.steps=60"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=240)
    assert weights(short) == before
    longer = next(run for run in (tmp_path / "short" / "point_demo_gp").iterdir() if run != short)
    assert longer.name == whole.name
    assert weights(longer) == weights(whole) and scores(longer) == scores(whole)


def test_two_trainings_of_one_run_do_not_meet(tmp_path):
    first = start(tmp_path, "budget.steps=3000", base=FAST_WORDS)
    wait_for_step(tmp_path, first, 5)
    second = start(tmp_path, "budget.steps=3000", base=FAST_WORDS)
    text, _ = second.communicate(timeout=120)
    first.kill()
    first.communicate()
    assert second.returncode == 2 and "in use" in text


def test_a_nan_stops_the_run_and_names_the_term_and_the_step(tmp_path):
    process = start(tmp_path, "optimisation.critic.lr=1e20", base=FAST_WORDS)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "train/critic_" in text and "step 1" in text
    (run,) = (tmp_path / "point_demo_gp").iterdir()
    status = json.loads((run / "status.json").read_text())
    assert status["state"] == "failed" and "train/critic_" in status["reason"]
    assert not (run / "checkpoints" / "last.ckpt").exists()


def test_after_a_fallback_the_whole_checkpoint_is_kept(finished, kantor, tmp_path):
    import shutil

    from kantor.runs.checkpoints import is_whole

    run = tmp_path / "outputs" / "point_demo_gp" / finished.name
    shutil.copytree(finished, run)
    last, previous = run / "checkpoints" / "last.ckpt", run / "checkpoints" / "previous.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "state": "running"}))
    words = ("train", "experiment=point_demo_gp", "budget.steps=40", *SMALL)
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

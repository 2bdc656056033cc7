"""`kantor track` with the trackers themselves, read back from what they wrote."""

import importlib.util
import os
import shutil
import time

import pytest
from apart import Apart
from tracking.made_runs import made, rows
from tracking.stores import STORES, curve

from kantor.atomic import write_json

HERE = pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed")
TRACKERS = [name if name != "mlflow" else pytest.param(name, marks=HERE) for name in STORES]


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No key, no ids, a store of the test's own; W&B's service ends with the test."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    yield
    import wandb

    wandb.teardown()


@pytest.mark.parametrize("to", TRACKERS)
def test_given_again_and_again_a_tracker_has_everything_once(kantor, tmp_path, to):
    run = made(tmp_path / "run")
    assert f"1 of 1 runs are in {to}" in kantor("track", "run", f"to={to}").stdout
    first = STORES[to](run.path)
    kantor("track", "run", f"to={to}")
    assert STORES[to](run.path) == first
    (run.path / "wandb.json").unlink(missing_ok=True)
    kantor("track", "run", f"to={to}")
    assert STORES[to](run.path) == first
    moved = run.path.rename(tmp_path / "moved")
    kantor("track", "mov*", f"to={to}")
    assert STORES[to](moved) == first
    assert curve(to, first, "train/loss") == [(step, pytest.approx(1 / step)) for step in range(5, 41, 5)]


@pytest.mark.parametrize("to", TRACKERS)
def test_what_came_since_is_added(kantor, tmp_path, to):
    """A failed run is tracked, gone on with, and tracked again."""
    run = made(tmp_path / "run", steps=20, state="failed")
    kantor("track", "run", f"to={to}")
    made(tmp_path / "run", state="finished")
    kantor("track", "run", f"to={to}")
    assert curve(to, STORES[to](run.path), "steps") == [(step, step) for step in range(5, 41, 5)]


@pytest.mark.parametrize("to", TRACKERS)
def test_a_replay_that_is_killed_half_way_is_made_whole_by_the_next(kantor, tmp_path, to):
    """SIGKILL once the tracker has something, and not all."""
    run = made(tmp_path / "killed", steps=5)
    if to == "mlflow":
        kantor("track", "killed", f"to={to}")  # makes the store, which takes its time
    rows(run, 5_000)
    size = {"wandb": lambda: sum(one.stat().st_size for one in run.path.glob("wandb/offline-run-*/*.wandb")),
            "tensorboard": lambda: sum(one.stat().st_size for one in run.path.glob("tensorboard/events*")),
            "mlflow": lambda: len(STORES[to](run.path)["metrics"]) * 1000 - 5000}  # fmt: skip
    child = Apart(tmp_path / "log", "track", str(run.path), f"to={to}")
    deadline = time.monotonic() + 120
    while size[to]() < 20_000 and not child.ended and time.monotonic() < deadline:
        time.sleep(0.002)
    killed = not child.ended
    child.kill()
    assert killed, (tmp_path / "log").read_text()
    if to == "tensorboard":
        assert 0 < len(STORES[to](run.path)["scalars"]["steps"]) < 1000
    elif to == "mlflow":
        assert 5 < len(STORES[to](run.path)["metrics"]) < 4 * 1000
    kantor("track", "killed", f"to={to}")
    has = STORES[to](run.path)
    assert curve(to, has, "steps") == [(step, step) for step in range(5, 5_001, 5)]
    kantor("track", "killed", f"to={to}")
    assert STORES[to](run.path) == has


def test_runs_below_directories_each_with_its_own_and_the_others_when_one_is_damaged(kantor, tmp_path):
    for seed in range(3):
        made(tmp_path / "outputs" / "small" / f"run-s{seed}", seed=seed)
    (tmp_path / "outputs" / "small" / "run-s1" / "metrics.csv").write_text("steps\nx\n")
    said = kantor("track", "outputs", "to=tensorboard", check=2).stderr
    assert "run-s1/metrics.csv is damaged" in said and "1 of 3 runs are not in tensorboard" in said
    for seed, there in enumerate((True, False, True)):
        assert (tmp_path / "outputs" / "small" / f"run-s{seed}" / "tensorboard").exists() == there


def test_a_run_that_is_being_trained_is_left_out(kantor, tmp_path):
    run = made(tmp_path / "run")
    with run.lock():
        done = kantor("track", "run", "to=tensorboard")
    assert "0 of 1 runs are in tensorboard" in done.stdout and "left out: " in done.stderr
    assert not (run.path / "tensorboard").exists()


def test_somebodys_samples_are_no_run(kantor, tmp_path):
    run = made(tmp_path / "run")
    (tmp_path / "theirs").mkdir()
    shutil.copyfile(run.card_json, tmp_path / "theirs" / "card.json")
    assert "nothing that was trained" in kantor("track", "theirs", "to=tensorboard").stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "expected runs and a tracker"),
        (["to=wandb"], "expected runs and a tracker"),
        (["run", "to=comet"], "to=comet: expected one of wandb, tensorboard, mlflow"),
        (["run", "to=tensorboard", "project=x"], "project=x: to=tensorboard has no such setting"),
        (["run", "to=mlflow", "group=x"], "group=x: to=mlflow has no such setting"),
        (["nowhere", "to=wandb"], "nowhere: there is nothing there"),
    ],
)
def test_wrong_words_are_one_sentence(kantor, tmp_path, words, sentence):
    run = made(tmp_path / "run")
    before = sorted(run.path.rglob("*"))
    assert sentence in kantor("track", *words, check=2).stderr
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize("to", STORES)
def test_a_package_that_is_not_there_is_named(kantor, tmp_path, monkeypatch, to):
    made(tmp_path / "run")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == to else found(name, *more))
    assert f"{to} needs the package {to}: pip install {to}" in kantor("track", "run", f"to={to}", check=2).stderr
    words = ("train", "experiment=point_demo_gp", f"logger={to}")
    assert f"{to} needs the package" in kantor(*words, check=2).stderr
    assert not (tmp_path / "outputs").exists()


def test_links_in_a_sent_run_are_neither_read_nor_written_through(kantor, tmp_path):
    run = made(tmp_path / "run")
    (tmp_path / "outside").write_text("theirs")
    (run.path / "tensorboard").mkdir()
    os.mkfifo(run.path / "tensorboard" / "events.out.tfevents.1.pipe")
    (run.path / "tensorboard" / "events.out.tfevents.2.link").symlink_to(tmp_path / "outside")
    kantor("track", "run", "to=tensorboard")
    assert (tmp_path / "outside").read_text() == "theirs"
    write_json(run.path / "wandb.json", {"id": "../x", "group": "g"})
    assert "wandb.json is damaged" in kantor("track", "run", "to=wandb", check=2).stderr

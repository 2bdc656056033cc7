import json
import os
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from small_runs import SMALL, check_run

from kantor.config.compose import compose
from kantor.errors import UserError
from kantor.loggers import log_picture, tensorboard, wandb

RED = Image.new("RGB", (3, 2), "red")
COUNTERS = {"images_seen": 640, "steps": 10}


def test_wandb_gets_a_picture_over_images_seen():
    logged = []

    class Offline(WandbLogger):
        def __init__(self):
            pass

        @property
        def experiment(self):
            return SimpleNamespace(log=logged.append)

    log_picture(Offline(), "pictures/grids", RED, counters=COUNTERS)
    (row,) = logged
    picture = row.pop("pictures/grids")
    assert row == {**COUNTERS, "trainer/global_step": 10} and picture.image.size == (3, 2)


def test_tensorboard_gets_a_picture_at_its_step(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(save_dir=tmp_path, name="", version="")
    log_picture(logger, "pictures/grids", Image.new("L", (3, 2), 7), counters=COUNTERS)
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    events.Reload()
    (shown,) = events.Images("pictures/grids")
    assert (shown.step, shown.width, shown.height) == (10, 3, 2)


def test_others_get_none(tmp_path):
    before = np.asarray(RED).copy()
    log_picture(CSVLogger(tmp_path), "pictures/grids", RED, counters=COUNTERS)
    assert not list(tmp_path.rglob("*.png")) and np.array_equal(np.asarray(RED), before)


PLAIN = {"seed": 3, "model": {"width": 8, "name": "é"}, "ema": None, "scores": ["w1"]}


def accumulated(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    events.Reload()
    return events


def test_tensorboard_has_each_step_once_after_a_kill_and_the_configuration(tmp_path, monkeypatch):
    """The attempt before came to step 15, and its checkpoint is of step 10."""
    for step, last in ((0, 15), (10, 20)):
        logger = tensorboard(directory=tmp_path, seed=0, experiment="x", step=step)
        assert step or not list(tmp_path.iterdir())
        logger.log_hyperparams(PLAIN)
        for at in range(step + 1, last + 1):
            logger.log_metrics({"train/loss": float(at)}, step=at)
        log_picture(logger, "pictures/grids", RED, counters={"steps": last})
        logger.finalize("success")
        later = time.time() + 100  # names of event files have the second in them
        monkeypatch.setattr(time, "time", lambda later=later: later)
    events = accumulated(tmp_path / "tensorboard")
    assert [(one.step, one.value) for one in events.Scalars("train/loss")] == [(at, at) for at in range(1, 21)]
    assert [one.step for one in events.Images("pictures/grids")] == [20]
    (text,) = events.Tensors("configuration/text_summary")
    assert "width: 8" in text.tensor_proto.string_val[0].decode()
    settings = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"model.width" in settings and b"seed" in settings


def wandb_of(directory, name):
    """A logger of a run directory that writes files and sends nothing."""
    return wandb(directory=directory / name, seed=0, experiment="x", step=0, project="tests")


def test_wandb_is_one_run_a_directory_with_the_configuration_and_no_step_twice(tmp_path, monkeypatch):
    """Without W&B's service, which takes seconds to start: what it is told."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    begun = []

    class Run:
        def __init__(self, **settings):
            self.settings, self.rows, self.config, self.axes = settings, [], Settings(), []
            begun.append(self)

        def define_metric(self, name, step_metric=None):
            self.axes.append((name, step_metric))

        def log(self, row):
            self.rows.append(row)

        def finish(self, exit_code):
            self.exit_code = exit_code

    class Settings(dict):
        def update(self, values, allow_val_change):
            super().update(values)

    monkeypatch.setattr("wandb.init", Run)
    for steps in (range(1, 16), range(11, 21)):
        logger = wandb_of(tmp_path, "a-s0")
        logger.log_hyperparams(PLAIN)
        for step in steps:
            logger.log_metrics({"images_seen": 64 * step}, step=step)
        log_picture(logger, "pictures/grids", RED, counters={"steps": steps[2]})
        logger.finalize("success")
    other = wandb_of(tmp_path, "b-s1")
    other.log_metrics({"images_seen": 0}, step=0)
    first, second, third = begun
    assert first.settings["id"] == second.settings["id"] != third.settings["id"]
    assert (first.settings["mode"], first.settings["resume"]) == ("offline", "allow")
    assert first.config == second.config and first.config["model"]["width"] == 8
    seen = [row["trainer/global_step"] for one in (first, second) for row in one.rows if "images_seen" in row]
    assert seen == list(range(1, 21))
    assert [len(one.rows) for one in (first, second)] == [16, 5]
    assert first.axes == [("images_seen", None), ("*", "images_seen")] and first.exit_code == 0


def to_outside(path):
    (path.parent.parent / "outside").write_text('{"id": "abc", "step": 7}')
    path.symlink_to(path.parent.parent / "outside")


@pytest.mark.parametrize(
    "damage",
    [to_outside, os.mkfifo, Path.mkdir, lambda path: path.write_bytes(b"\xff"),
     *(partial(Path.write_text, data=text) for text in ('"7"', '{"id": "a", "step": "7"}', '{"id": "/a", "step": 1}'))],
)  # fmt: skip
def test_what_is_kept_for_wandb_goes_through_the_door(tmp_path, damage):
    (tmp_path / "a-s0").mkdir()
    damage(tmp_path / "a-s0" / "wandb.json")
    with pytest.raises(UserError, match=r"wandb\.json is damaged \(.*\): take it away"):
        wandb_of(tmp_path, "a-s0").log_metrics({"images_seen": 0}, step=0)
    assert not (tmp_path / "outside").exists() or "7" in (tmp_path / "outside").read_text()


def test_what_wandb_leaves_offline_is_taken_by_all_commands(kantor, tmp_path, monkeypatch):
    """W&B itself, with its service; links in its own directory are nobody's business, and one in its place is none of
    a run."""
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    words = ("train", "experiment=point_demo_gp", "budget.steps=4", *SMALL, "trainer.log_every=2", "logger=wandb")
    try:
        kantor(*words)
    finally:
        wandb.teardown()
    (run,) = tmp_path.glob("outputs/*/*")
    kept = json.loads((run / "wandb.json").read_text())
    (offline,) = run.glob(f"wandb/offline-run-*-{kept['id']}")
    assert kept["step"] == 4 and list(offline.glob("*.wandb")) and (run / "wandb" / "latest-run").is_symlink()
    assert {entry.name for entry in (run / "wandb").iterdir()} >= {"latest-run", offline.name}
    assert "finished" in kantor("status", "outputs").stdout and "nothing to do" in kantor(*words).stderr
    kantor("evaluate", f"run={run}")
    kantor("sample", f"run={run}", "n=4", "out=samples.npz")
    kantor("compare", str(run), "out=table")
    assert json.loads((run / "wandb.json").read_text()) == kept
    (run / "wandb").rename(tmp_path / "elsewhere")
    (run / "wandb").symlink_to(tmp_path / "elsewhere")
    assert f"{run.name}/wandb is a link" in kantor(*words, "rerun=true", check=2).stderr


@pytest.mark.parametrize(("make", "package"), [(tensorboard, "tensorboard"), (wandb_of, "wandb")])
def test_a_package_that_is_not_there_is_named(make, package, tmp_path, monkeypatch):
    for module in ("lightning_fabric.loggers.tensorboard", "pytorch_lightning.loggers.wandb"):
        for flag in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE", "_WANDB_AVAILABLE"):
            monkeypatch.setattr(f"{module}.{flag}", False, raising=False)
    with pytest.raises(UserError, match=f"logger={package} needs the package {package}: pip install {package}"):
        if make is wandb_of:
            make(tmp_path, "a")
        else:
            make(directory=tmp_path, seed=0, experiment="x", step=0)
    assert not list(tmp_path.iterdir())


def test_a_logger_that_cannot_be_had_is_refused_before_anything_exists(tmp_path, monkeypatch):
    monkeypatch.setattr("lightning_fabric.loggers.tensorboard._TENSORBOARD_AVAILABLE", False)
    monkeypatch.setattr("lightning_fabric.loggers.tensorboard._TENSORBOARDX_AVAILABLE", False)
    configuration = compose(["experiment=point_demo_gp", "logger=tensorboard", f"outputs={tmp_path}"])
    with pytest.raises(UserError, match="logger=tensorboard needs"):
        check_run(configuration)
    assert not list(tmp_path.iterdir())

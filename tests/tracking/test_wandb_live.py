"""W&B online: its own client, its own agent, and a server that speaks their protocol."""

import hashlib
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apart import Apart
from small_runs import SMALL
from tracking.made_runs import made, picture, rows
from tracking.wandb_server import Run, serving

from kantor.runs.directory import RunDirectory
from kantor.tracking import answers
from kantor.tracking.about import about
from kantor.tracking.attached import Tracker, attached
from kantor.tracking.fold import publish
from kantor.tracking.weights_and_biases import SLOTS, WandB

KEY = "f" * 20 + "0123456789abcdef0123"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """W&B, for what is sent in the test and by its processes; W&B's service ends with the test."""
    for name in [name for name in os.environ if name.startswith("WANDB_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with serving() as there:
        monkeypatch.setenv("WANDB_BASE_URL", there.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("HOME", str(tmp_path))
        yield there
        there.speaks.set()
        import wandb

        wandb.teardown()


def lines(run, steps):
    """The history of a run, as W&B has it after some steps, without any picture."""
    return [{"_step": SLOTS * step, "steps": step, "images_seen": 10 * step} for step in range(5, steps + 1, 5)]


def test_everything_is_there_once_and_goes_on_where_it_was(server, tmp_path, capfd):
    run = made(tmp_path / "run", steps=10)
    with attached(Tracker(run, WandB(project="lab")), step=10, last=True):
        pass
    run = made(tmp_path / "run", steps=20)
    for _ in range(2):
        publish(run, WandB(project="lab"))
    assert list(server.runs) == [about(run).id]
    (has,) = server.runs.values()
    assert [row["steps"] for row in has.rows if "steps" in row] == [5, 10, 15, 20]
    assert [row["images_seen"] for row in has.rows] == [0, 50, 100, 150, 200]
    assert has.shown("pictures/samples") == [0, 100, 200]
    assert has.shown("pictures/contours") == has.shown("pictures/animation") == [200]
    assert len([name for name in has.files if name.startswith("media/")]) == 5
    assert has.summary["score/toy/w1"] == 0.5 and has.summary["images_seen"] == 200 and has.exit_code == 0
    told = {name: has.about[name] for name in ("project", "groupName", "displayName", "jobType", "tags")}
    assert told == {"project": "lab", "groupName": "small", "displayName": "small/aaaaaaaaaa-s0", "jobType": "train",
                    "tags": ["small", "gaussians8"]}  # fmt: skip
    assert list(has.artefacts.values()) == ["card"]
    said = capfd.readouterr()
    assert said.err.count("W&B: ") == len((said.out + said.err).splitlines()) == 3
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert KEY.encode() not in path.read_bytes(), path


def test_pictures_that_come_late_have_each_a_step_and_their_axis_and_no_row_is_lost(server, tmp_path):
    """W&B has all rows, of which the run has one more at the very next step later; a kill left out the pictures."""
    run = made(tmp_path / "run", steps=20)
    for step in (18, 19):
        picture(run.samples / f"step_000000{step}.png", step)
    look = hashlib.sha256((run.samples / "step_00000000.png").read_bytes()).hexdigest()
    has = server.runs[about(run).id] = Run(
        about={"project": "lab"},
        lines=lines(run, 20),
        summary={"images_seen": 200, "shown/pictures/samples": f"0 {look}"},
    )
    publish(run, WandB(project="lab"))
    assert has.shown("pictures/samples") == [100, 180, 190, 200] and has.shown("pictures/animation") == [200]
    assert len({line["_step"] for line in has.lines}) == len(has.lines) == 4 + 4 + 2
    assert has.summary["images_seen"] == 200
    text = run.metrics_csv.read_text().splitlines()
    run.metrics_csv.write_text("\n".join([*text, text[-1].replace("200,20,", "210,21,")]) + "\n")
    publish(run, WandB(project="lab"))
    assert [row["steps"] for row in has.rows if "steps" in row] == [5, 10, 15, 20, 21]
    assert has.rows[-1]["images_seen"] == has.summary["images_seen"] == 210
    assert has.shown("pictures/samples") == [100, 180, 190, 200]


def test_a_server_that_falls_silent_holds_up_the_end_for_as_long_as_it_may(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "1")
    run = made(tmp_path / "run", steps=20)
    tracker = Tracker(run, WandB(project="lab"))
    with attached(tracker, step=20, last=False):
        server.speaks.clear()
    tracker.tell()
    (left,) = run.path.glob("wandb/run-*")
    assert f"got no more (W&B took too long; `wandb sync {left}` sends what is left)" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["mute", "closed"])
def test_a_server_that_is_away_costs_a_line(server, tmp_path, monkeypatch, capfd, how):
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    if how == "mute":
        server.speaks.clear()
    else:
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    tracker = Tracker(made(tmp_path / "run", steps=10), WandB(project="lab"))
    with attached(tracker, step=10, last=True) as logger:
        logger.log_metrics({"steps": 15, "images_seen": 0}, step=15)
    tracker.tell()
    said = capfd.readouterr()
    assert len((said.out + said.err).splitlines()) == said.err.count("got no more (nobody answers at http://") == 1


@pytest.mark.long
def test_a_replay_that_is_killed_is_made_whole_by_the_next(server, tmp_path):
    run = made(tmp_path / "killed", steps=5)
    rows(run, 20_000)
    online = {**os.environ, "WANDB_MODE": "online"}
    child = Apart(tmp_path / "log", "track", str(run.path), "to=wandb", variables=online)
    deadline = time.monotonic() + 120
    while not any(one.lines for one in server.runs.values()) and not child.ended and time.monotonic() < deadline:
        time.sleep(0.002)
    killed = not child.ended
    child.kill()
    assert killed, (tmp_path / "log").read_text()
    for _ in range(2):
        again = Apart(tmp_path / "log", "track", str(run.path), "to=wandb", variables=online)
        assert again.wait() == 0, (tmp_path / "log").read_text()
    (has,) = server.runs.values()
    assert [row["steps"] for row in has.rows if "steps" in row] == list(range(5, 20_001, 5))


@pytest.mark.long
def test_an_agent_of_a_wandb_sweep_has_its_trials_trained(server, tmp_path):
    """`wandb agent` itself: three trials, of which two have the same settings; each is the W&B run that it says."""
    server.command = ["${env}", sys.executable, "-m", "kantor", "train", "${args_no_hyphens}", "logger=wandb",
                      "budget.steps=20", *SMALL]  # fmt: skip
    first = {"experiment": "point_demo_gp", "optimisation.generator.lr": 0.002, "seed": 3, "objective": "hinge"}
    server.trials = {"first000": first, "second00": {**first, "seed": 4}, "third000": first}
    agent = Path(sys.executable).with_name("wandb")
    done = subprocess.run(
        [*shlex.split(f"{agent} agent lab/gans/sweep123")], cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert sorted(server.runs) == ["first000", "second00", "third000"], done.stderr
    for name, has in server.runs.items():
        assert (has.about["sweep"], has.about["project"], has.exit_code) == ("sweep123", "gans", 0), name
        assert [row["steps"] for row in has.rows if "steps" in row] == [5, 10, 15, 20] and "score/toy/w1" in has.summary
    runs = sorted(tmp_path.glob("outputs/*/*"))
    assert [run.name.rpartition("-")[2] for run in runs] == ["s3", "s4"]
    score = RunDirectory(runs[0]).card()["evaluations"][0]["scores"]["w1"]["value"]
    assert [server.runs[name].summary["score/toy/w1"] for name in ("first000", "third000")] == [score, score]

"""`kantor track` with the trackers themselves, read back from what they wrote."""

import errno
import importlib.util
import os
import shutil
import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from apart import Apart
from tracking.made_runs import made, rows
from tracking.stores import STORES, curve

from kantor.atomic import write_json
from kantor.runs.directory import RunDirectory
from kantor.tracking.answers import Away
from kantor.tracking.event_files import TensorBoard
from kantor.tracking.mlflow_runs import MLflow

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


@pytest.mark.long
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


def test_the_others_are_tracked_when_the_client_fails_for_one(kantor, tmp_path, monkeypatch):
    """It goes on after the first, also with one that is damaged; the exit code is that of a failure."""
    for seed in range(4):
        made(tmp_path / "outputs" / f"run-s{seed}", seed=seed)
    (tmp_path / "outputs" / "run-s1" / "metrics.csv").write_text("steps\nx\n")
    add = TensorBoard.row

    def row(self, counters, values):
        if self._about.directory.name == "run-s0":
            raise ConnectionError("away from http://me:pw@host\nand more")
        add(self, counters, values)

    monkeypatch.setattr(TensorBoard, "row", row)
    done = kantor("track", "outputs", "to=tensorboard", check=1)
    assert "run-s0: tensorboard got no more (away from http://host); nothing is lost" in done.stderr
    assert "run-s1/metrics.csv is damaged" in done.stderr and "2 of 4 runs are in tensorboard" in done.stdout
    for seed in (2, 3):
        run = tmp_path / "outputs" / f"run-s{seed}"
        assert len(curve("tensorboard", STORES["tensorboard"](run), "steps")) == 8


@HERE
@pytest.mark.long
def test_several_at_once_make_one_store(tmp_path, monkeypatch):
    """Neither of them meets the half of it that the other has made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    runs = [made(tmp_path / f"run-s{seed}", seed=seed) for seed in range(2)]
    both = [Apart(tmp_path / f"log{at}", "track", str(run.path), "to=mlflow") for at, run in enumerate(runs)]
    for at, one in enumerate(both):
        assert one.wait() == 0, (tmp_path / f"log{at}").read_text()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        assert store.execute("select count(*) from experiments where name = 'kantor'").fetchone() == (1,)
        assert store.execute("select count(*) from tags where key = 'kantor.id'").fetchone() == (2,)


@HERE
def test_a_project_that_somebody_else_makes_at_this_moment_is_taken():
    from mlflow.exceptions import MlflowException

    class Client:
        looked = 0

        def get_experiment_by_name(self, name):
            self.looked += 1
            return SimpleNamespace(experiment_id="7") if self.looked > 1 else None

        def create_experiment(self, name):
            raise MlflowException("Experiment(name=x) already exists")

    assert MLflow(project="x")._experiment(Client()) == "7"


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
        (["run", "to=comet"], "to=comet is no tracker: expected one of mlflow, tensorboard, wandb"),
        (["run", "to=wanbd"], "to=wanbd is no tracker (nearest: wandb): expected one of mlflow, tensorboard, wandb"),
        (["run", "to=csv"], "to=csv is in every run by itself: expected one of mlflow, tensorboard, wandb"),
        (["run", "to=tensorboard", "project=x"], "project=x: to=tensorboard has no such setting"),
        (["run", "to=mlflow", "group=x"], "group=x: to=mlflow has no such setting"),
        (["run", "to=wandb", "logger.key=x"], "key=x: to=wandb has no such setting"),
        (["run", "to=wandb", "logger._target_=x.Y"], "_target_=x.Y: to=wandb has no such setting"),
        (["run", "to=wandb", "--config-dir", "nowhere"], "--config-dir nowhere: expected a directory of groups"),
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


def test_a_tracker_of_ones_own_is_named_as_for_a_training(kantor, tmp_path, monkeypatch):
    """An option of the group `logger`, wherever that lies, with its settings; the error names it too."""
    made(tmp_path / "run", steps=10)
    told = tmp_path / "mine" / "logger" / "board.yaml"
    told.parent.mkdir(parents=True)
    told.write_text("# A file\n_target_: boards.Board\npath: null\nagain: ${oc.env:KANTOR_CACHE}\n")
    (tmp_path / "boards.py").write_text(
        "from tracking.told import Told\n\nclass Board(Told):\n    made = []\n"
        "    def __init__(self, *, path: str, again: str):\n        super().__init__()\n"
        "        self.path, self.again = path, again\n        self.made.append(self)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    words = ("track", "run", "to=board", "--config-dir", "mine")
    assert "1 of 1 runs are in told" in kantor(*words, "logger.path=out.txt").stdout
    import boards

    (board,) = boards.Board.made
    assert (board.path, board.again, board.ends) == ("out.txt", os.environ["KANTOR_CACHE"], ["finished"])
    assert [call[0] for call in board.calls].count("row") == 2 and board.calls[-1][0] == "card"
    refused = kantor("track", "run", "to=bord", "--config-dir", "mine", check=2).stderr
    assert "to=bord is no tracker (nearest: board): expected one of board, mlflow, tensorboard, wandb" in refused
    told.write_text("_target_: builtins.dict\n")
    assert "logger: dict is no tracker" in kantor(*words, check=2).stderr


def test_a_tracker_that_is_away_is_asked_once_for_all_runs(kantor, tmp_path, monkeypatch):
    for seed in range(3):
        made(tmp_path / "outputs" / f"run-s{seed}", seed=seed)
    begin, begun = TensorBoard.begin, []

    def away(self, about):
        begun.append(about.name)
        if len(begun) > 1:
            raise Away("nobody answers at http://host (Connection refused)")
        begin(self, about)

    monkeypatch.setattr(TensorBoard, "begin", away)
    said = kantor("track", "outputs", "to=tensorboard", check=2).stderr
    assert "nobody answers at http://host (Connection refused); 1 of 3 runs are in tensorboard" in said
    assert len(begun) == 2


def test_a_run_that_cannot_be_written_to_is_one_sentence(kantor, tmp_path, monkeypatch):
    run = made(tmp_path / "run")

    def lock(self):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(run.path / ".lease.1"))

    monkeypatch.setattr(RunDirectory, "lock", lock)
    said = kantor("track", "run", "to=tensorboard", check=2).stderr
    assert f"{run.path.name}: cannot write there (Read-only file system)" in said and "track the copy" in said
    assert ".lease" not in said and "outputs=" not in said


def test_offline_the_next_step_is_named(kantor, tmp_path):
    """Each time, in one line a run; the command finds what was written."""
    run = made(tmp_path / "a run")
    for _ in range(2):
        (line,) = kantor("track", "a run", "to=wandb").stderr.splitlines()
        assert "kept offline" in line and "`wandb sync 'a run'/wandb/offline-run-*` sends it" in line
        (there,) = run.path.glob("wandb/offline-run-*")
        assert list(there.glob("*.wandb"))


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

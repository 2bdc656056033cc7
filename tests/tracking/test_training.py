"""`logger=` while a run is trained: what the tracker has in the end is what the files have."""

import importlib.util
import os
import shutil
import signal
import socket
import time

import pytest
from apart import Apart
from small_runs import FAST, SMALL
from tracking.made_runs import made, picture, rows
from tracking.offline_files import Offline, directories
from tracking.stores import STORES, curve

from kantor.errors import UserError
from kantor.runs.directory import RunDirectory
from kantor.tracking.attached import Tracker, attached, log_picture
from kantor.tracking.event_files import TensorBoard
from kantor.tracking.fold import publish
from kantor.tracking.mlflow_runs import MLflow
from kantor.tracking.weights_and_biases import WandB

KEY = "f" * 20 + "0123456789abcdef0123"
HERE = pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed")
WORDS = ("experiment=point_demo_gp", "budget.steps=20", *SMALL, "pictures.every=10")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No key, no ids; W&B's service ends with the test."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    yield
    import wandb

    wandb.teardown()


def as_written(run, name):
    columns = RunDirectory(run).metrics()
    pairs = zip(columns["steps"], columns[name], strict=True)
    return [(int(step), pytest.approx(value)) for step, value in pairs if value is not None]


def test_wandb_has_the_whole_run_in_one_line_of_noise_and_nobody_has_the_key(kantor, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("KANTOR_SWEEP", "0123456789")
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB")}
    done = kantor("train", *WORDS, "logger=wandb")
    assert {name: value for name, value in os.environ.items() if name.startswith("WANDB")} == before
    assert len([line for line in (done.stdout + done.stderr).splitlines() if "W&B" in line or "wandb:" in line]) == 1
    (run,) = tmp_path.glob("outputs/*/*")
    found = Offline(run)
    assert (found.begun.project, found.begun.job_type, found.exit_code) == ("kantor", "train", 0)
    assert found.begun.display_name == f"point_demo_gp/{run.name}" and found.begun.run_group == "0123456789"
    assert list(found.begun.tags) == ["point_demo_gp", "gaussians8", "Adversarial"]
    assert found.config["optimisation"]["generator"]["lr"] == 0.001 and found.config["environment"]["kantor"]
    assert found.axes["images_seen"] == "" and found.axes["*"] == "images_seen"
    for name in ("steps", "train/critic_loss", "val/w1", "seconds"):
        assert curve("wandb", {"rows": found.rows}, name) == as_written(run, name)
    assert found.steps_of("pictures/samples") == [0, 10, 20] and found.steps_of("pictures/animation") == [20]
    assert found.steps_of("pictures/first_batch") == [0]
    card = RunDirectory(run).card()["evaluations"][0]["scores"]["w1"]
    assert [found.summary[f"score/toy/w1{end}"] for end in ("", "/low")] == [card["value"], card["low"]]
    assert set(found.artefacts["card"]) == {"card.json", "config.yaml", "report.html"}
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert KEY.encode() not in path.read_bytes(), path
    kantor("track", str(run), "to=wandb")
    assert directories(run) == [found.directory]
    assert (
        "finished" in kantor("status", "outputs").stdout and "1 of 1" in kantor("track", "outputs", "to=wandb").stdout
    )
    made_live = {name: curve("wandb", {"rows": found.rows}, name) for name in ("steps", "train/critic_loss", "val/w1")}
    (run / "wandb.json").unlink()
    kantor("track", str(run), "to=wandb")
    again = Offline(run)
    assert again.begun.run_id == found.begun.run_id and again.directory != found.directory
    assert {name: curve("wandb", {"rows": again.rows}, name) for name in made_live} == made_live


@pytest.mark.parametrize("logger", ["tensorboard", pytest.param("mlflow", marks=HERE)])
def test_the_others_have_the_whole_run(kantor, tmp_path, logger):
    kantor("train", *WORDS, f"logger={logger}")
    (run,) = tmp_path.glob("outputs/*/*")
    has = STORES[logger](run)
    for name in ("images_seen", "train/critic_loss", "val/w1"):
        assert curve(logger, has, name) == as_written(run, name)
    if logger == "tensorboard":
        assert [step for step, _ in has["images"]["pictures/samples"]] == [0, 10, 20]
        ((step, animation),) = has["images"]["pictures/animation"]
        assert step == 20 and animation == (run / "samples" / "samples.gif").read_bytes()
        assert "lr: 0.001" in has["texts"]["configuration/text_summary"][0][1].decode()
        assert "score/toy/w1" in has["texts"]["card/text_summary"][0][1].decode()
        assert has["settings"] == ["_hparams_/session_end_info", "_hparams_/session_start_info"]
    else:
        assert has["state"] == "FINISHED" and ("optimisation.generator.lr", "0.001") in has["params"]
        assert {"card.json", "pictures/animation.gif", "pictures/samples/step_00000010.png"} <= set(has["artefacts"])
        assert "score/toy/w1" in dict(has["scores"])
    kantor("track", "outputs", f"to={logger}")
    assert STORES[logger](run) == has


def test_tensorboard_takes_steps_beyond_the_checkpoint_back(tmp_path):
    """The attempt before came to step 15, and its checkpoint is of step 10."""
    for begin, end in ((0, 15), (10, 20)):
        run, sink = made(tmp_path / "run", steps=max(begin, 5)), TensorBoard()
        rows(run, begin or 5)
        with attached(Tracker(run, sink), step=begin, last=True) as logger:
            for step in range(begin + 5, end + 1, 5):
                logger.log_metrics({"steps": step, "images_seen": step, "train/loss": step + begin}, step=step)
                picture(run.figures / "a.png", step + begin)
                log_picture([logger], "pictures/a", run.figures / "a.png", counters={"steps": step})
    has = STORES["tensorboard"](run.path)
    assert [step for step, _ in has["scalars"]["train/loss"]] == [5, 10, 15, 20]
    assert has["scalars"]["train/loss"][2:] == [(15, 25.0), (20, 30.0)]
    assert [step for step, _ in has["images"]["pictures/a"]] == [5, 10, 15, 20]


def test_wandb_that_is_disabled_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = made(tmp_path / "run")
    before = sorted(run.path.rglob("*"))
    publish(run, WandB(project="lab"))
    assert sorted(run.path.rglob("*")) == before


def test_a_refusal_of_wandb_is_one_sentence(tmp_path, monkeypatch):
    import wandb

    def init(**settings):
        raise wandb.errors.AuthenticationError("the key is unknown\nand more")

    monkeypatch.setattr("wandb.init", init)
    with pytest.raises(UserError, match=r"wandb: the key is unknown; with WANDB_MODE=offline nothing is sent$"):
        publish(made(tmp_path / "run"), WandB(project="lab"))


@pytest.mark.long
@pytest.mark.parametrize("logger", ["tensorboard", "wandb", pytest.param("mlflow", marks=HERE)])
def test_a_training_that_is_killed_and_gone_on_with_has_each_row_once(tmp_path, kantor, logger):
    """SIGKILL in the second save, at step 20, of which the tracker has heard; it goes on from step 10."""
    words = ("train", *WORDS[:1], "budget.steps=30", *WORDS[2:], f"logger={logger}", f"outputs={tmp_path}/outputs")
    killed = Apart(tmp_path / "log", *words, signalled=(2, signal.SIGKILL))
    assert killed.wait() == -signal.SIGKILL
    (run,) = tmp_path.glob("outputs/*/*")
    stopped = Apart(tmp_path / "log", *words, signalled=(1, signal.SIGTERM))
    assert stopped.wait() == 128 + signal.SIGTERM, (tmp_path / "log").read_text()
    if logger == "wandb":
        assert Offline(run).exit_code == 255
    assert "going on from step" in kantor(*words).stderr
    has = STORES[logger](run)
    for name in ("steps", "train/critic_loss", "val/w1"):
        assert curve(logger, has, name) == as_written(run, name)
    if logger == "wandb":
        assert Offline(run).steps_of("pictures/samples") == [0, 10, 20, 30]
    elif logger == "tensorboard":
        assert [step for step, _ in has["images"]["pictures/samples"]] == [0, 10, 20, 30]
    else:
        assert sum("pictures/samples" in path for path in has["artefacts"]) == 4 and has["state"] == "FINISHED"


@pytest.mark.parametrize("sink", [TensorBoard(), WandB(project="x")], ids=["tensorboard", "wandb"])
def test_a_run_directory_that_is_deleted_stays_so(tmp_path, monkeypatch, capsys, sink):
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = made(tmp_path / "run", steps=10)
    with attached(tracker := Tracker(run, sink), step=10, last=False) as logger:
        shutil.rmtree(run.path)
        for step in (15, 20):
            logger.log_metrics({"steps": step, "images_seen": step, "seconds": 1.0}, step=step)
            counters = {"steps": step, "images_seen": step}
            log_picture([logger], "pictures/a", run.figures / "contours.png", counters=counters)
    tracker.tell()
    assert "got no more" in capsys.readouterr().err and not run.path.exists()


def test_an_agent_of_a_wandb_sweep_trains_and_gets_its_run(kantor, tmp_path, monkeypatch):
    """Words as the agent makes them of `${args_no_hyphens}`; a second trial of the same settings gets its run too."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    trial = {"experiment": "point_demo_gp", "optimisation.generator.lr": 0.002, "seed": 3, "objective": "hinge"}
    words = create_sweep_command_args({"args": {key: {"value": value} for key, value in trial.items()}})
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep123")
    for agents in ("abcd1234", "efgh5678"):
        import wandb

        wandb.teardown()  # an agent starts a process for each trial
        monkeypatch.setenv("WANDB_RUN_ID", agents)
        kantor("train", *words["args_no_hyphens"], *WORDS[1:], "logger=wandb")
        (run,) = tmp_path.glob("outputs/*/*-s3")
        (place,) = run.glob(f"wandb/offline-run-*-{agents}")
    assert len(directories(run)) == 2
    (directories(run)[0] if directories(run)[0] != place else directories(run)[1]).rename(tmp_path / "first")
    found = Offline(run)
    assert (found.begun.run_id, found.begun.sweep_id) == ("efgh5678", "sweep123")
    assert found.config["optimisation"]["generator"]["lr"] == 0.002 and "score/toy/w1" in found.summary
    assert curve("wandb", {"rows": found.rows}, "steps") == as_written(run, "steps")


def test_several_runs_of_one_process_do_not_merge(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    first, second = (made(tmp_path / name, seed=seed) for seed, name in enumerate("ab"))
    one, other = WandB(project="x"), WandB(project="x")
    with attached(Tracker(first, one), step=0, last=True), attached(Tracker(second, other), step=0, last=True):
        pass
    for run in (first, second):
        publish(run, WandB(project="x"))
    ids = [Offline(run.path).begun.run_id for run in (first, second)]
    assert len(set(ids)) == 2 and os.environ["WANDB_MODE"] == "offline"


def test_the_runs_of_a_sweep_are_each_one_and_a_group(kantor, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    kantor("train", "-m", *WORDS[:2], *FAST, "seed=0,1", "logger=wandb")
    (plan,) = tmp_path.glob("outputs/sweeps/*")
    found = [Offline(run) for run in sorted(tmp_path.glob("outputs/point_demo_gp/*"))]
    assert [one.begun.run_group for one in found] == [plan.name] * 2
    assert [one.config["seed"] for one in found] == [0, 1] and found[0].begun.run_id != found[1].begun.run_id
    assert [[row["steps"] for row in one.rows if "steps" in row] for one in found] == [[5, 10, 15, 20]] * 2
    assert "KANTOR_SWEEP" not in os.environ
    shutil.rmtree(found[0].directory)
    kantor("track", "outputs", "to=wandb")  # the group is kept
    assert Offline(sorted(tmp_path.glob("outputs/point_demo_gp/*"))[0]).begun.run_group == plan.name


def test_two_processes_give_each_row_once(kantor, tmp_path):
    kantor("train", *WORDS, "logger=tensorboard", "trainer.devices=2")
    (run,) = tmp_path.glob("outputs/*/*")
    has = STORES["tensorboard"](run)
    assert curve("tensorboard", has, "train/critic_loss") == as_written(run, "train/critic_loss")
    assert "card/text_summary" in has["texts"] and len(has["images"]["pictures/samples"]) == 3


def test_a_tracker_that_is_away_costs_the_run_nothing(kantor, tmp_path, monkeypatch):
    def away(self, *_):
        raise ConnectionError("away")

    monkeypatch.setattr(TensorBoard, "row", away)
    said = kantor("train", *WORDS, "logger=tensorboard").stderr
    (run,) = tmp_path.glob("outputs/*/*")
    assert "tensorboard got no more (away); nothing is lost: `kantor track" in said
    assert RunDirectory(run).status()["state"] == "finished"


@pytest.mark.parametrize("begin", [TensorBoard, WandB, MLflow], ids=["tensorboard", "wandb", "mlflow"])
@pytest.mark.parametrize("error", [ConnectionError("away"), UserError("away")], ids=["client", "sentence"])
def test_a_tracker_that_cannot_be_reached_costs_a_training_a_line(tmp_path, monkeypatch, capsys, begin, error):
    def away(self, about):
        raise error

    monkeypatch.setattr(begin, "begin", away)
    run, sink = made(tmp_path / "run", steps=10), begin() if begin is TensorBoard else begin(project="x")
    with attached(Tracker(run, sink), step=10, last=True) as logger:
        logger.log_metrics({"steps": 15, "images_seen": 0}, step=15)
    assert capsys.readouterr().err.count("got no more (away); nothing is lost: `kantor track") == 1


@HERE
def test_mlflow_is_asked_little_and_not_again_once_it_has_failed(tmp_path, monkeypatch, capsys):
    """What fails lets go of the run; at the end of the training MLflow is asked anew what it has. The user's own
    limits stand."""
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    monkeypatch.chdir(tmp_path)
    send, sent, away = MlflowClient.log_batch, [], []

    def log_batch(self, run_id, metrics=(), **more):
        sent.append([os.environ[f"MLFLOW_HTTP_REQUEST_{name}"] for name in ("MAX_RETRIES", "TIMEOUT")])
        if away:
            raise ConnectionError("away")
        send(self, run_id, metrics=metrics, **more)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    monkeypatch.setattr("kantor.tracking.mlflow_runs.SOON", 0.0)
    run = made(tmp_path / "run", steps=10)
    tracker = Tracker(run, MLflow(project="kantor"))
    with attached(tracker, step=10, last=True) as logger:
        away.append(True)
        before = len(sent)
        for step in (15, 20):
            logger.log_metrics({"steps": step, "images_seen": 10 * step}, step=step)
    assert len(sent) == before + 1 and set(map(tuple, sent)) == {("1", "7")}
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert capsys.readouterr().err.count("got no more (away)") == 1
    away.clear()
    made(tmp_path / "run", steps=20)
    tracker.tell()
    assert curve("mlflow", STORES["mlflow"](run.path), "steps") == [(step, step) for step in (5, 10, 15, 20)]


@HERE
@pytest.mark.parametrize("how", ["refuses", "mute"])
def test_a_store_of_mlflows_that_is_away_costs_a_line(tmp_path, monkeypatch, capsys, how):
    monkeypatch.setattr("kantor.tracking.answers.PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        if how == "refuses":
            mute.close()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:SECRET@127.0.0.1:{port}")
        tracker = Tracker(made(tmp_path / "run", steps=10), MLflow(project="kantor"))
        with attached(tracker, step=10, last=True) as logger:
            logger.log_metrics({"steps": 15, "images_seen": 0}, step=15)
        tracker.tell()
    said = capsys.readouterr().err
    assert len(said.splitlines()) == said.count(f"got no more (nobody answers at http://127.0.0.1:{port} (") == 1


@HERE
@pytest.mark.long
def test_of_two_processes_the_one_that_told_them_knows_that_the_tracker_is_away(kantor, monkeypatch, capfd):
    """Rank 0 could not begin the run there: the process that has started it does not try at the end."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = kantor("train", WORDS[0], "budget.steps=20", *FAST, "trainer.devices=2", "logger=mlflow")
    assert (done.stderr + capfd.readouterr().err).count("got no more") == 1


def test_damaged_files_are_no_fault_of_the_tracker(tmp_path):
    run = made(tmp_path / "run")
    run.metrics_csv.write_text("steps\nx\n")
    with pytest.raises(UserError, match="is damaged"), attached(Tracker(run, TensorBoard()), step=0, last=True):
        pass


@HERE
def test_nobody_reads_the_password_of_a_tracker_that_is_away(kantor, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:SECRET/PW@127.0.0.1:9/at?api_token=SECRETPW")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = kantor("train", *WORDS, "logger=mlflow")
    (run,) = tmp_path.glob("outputs/*/*")
    assert RunDirectory(run).status()["state"] == "finished" and "mlflow got no more (" in done.stderr
    refused = kantor("track", str(run), "to=mlflow", check=2)
    assert "SECRET" not in done.stdout + done.stderr + refused.stdout + refused.stderr
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert b"SECRET" not in path.read_bytes(), path


def test_times_are_those_of_the_run(tmp_path):
    run = made(tmp_path / "run")
    publish(run, TensorBoard())
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    began = 1893456000.0  # 2030-01-01
    assert [one.wall_time - began for one in events.Scalars("train/loss")] == [step / 8 for step in range(5, 41, 5)]
    assert time.time() < began

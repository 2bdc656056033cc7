"""Ranks that somebody else started: one command of several processes, which rank 0 leads."""

import json
import os
import subprocess
import sys

import pytest
from apart import Apart
from small_runs import FAST, environment

from kantor import ranks

WORDS = ("train", "experiment=point_demo_gp", "budget.steps=4", "trainer.progress=false", *FAST)


def started(place, port, *words, world=2):
    """What each rank of a world of its own printed, and its exit code."""
    given = {"WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1",
             "MASTER_PORT": str(port)}  # fmt: skip
    found = [
        Apart(place / f"{rank}.log", *words, variables={**given, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(world)
    ]  # fmt: skip
    codes = [one.wait() for one in found]
    return codes, [one.log.read_text() for one in found]


@pytest.fixture
def port():
    return ranks.port_of(os.getpid(), 1)


def test_two_ranks_train_one_run_and_say_it_once(tmp_path, port):
    codes, said = started(tmp_path, port, *WORDS, "trainer.devices=2", f"outputs={tmp_path}")
    assert codes == [0, 0]
    assert "page  " in said[0] and said[1] == ""
    (status,) = (json.loads(path.read_text()) for path in tmp_path.rglob("status.json"))
    assert status["state"] == "finished" and len(status["attempts"]) == 1
    again = started(tmp_path, port + 1, *WORDS, "trainer.devices=2", f"outputs={tmp_path}")
    assert again[0] == [0, 0] and "nothing to do" in again[1][0]


def test_two_ranks_share_a_sweep_job_by_job(tmp_path, port):
    """One of them fails, on both, and the next goes on; there is one summary."""
    words = ("train", "-m", *WORDS[1:], "trainer.devices=2", f"outputs={tmp_path}", "optimisation.critic.lr=1e20,1e-3")
    codes, said = started(tmp_path, port, *words)
    assert codes == [1, 1] and said[1] == ""
    states = sorted(json.loads(path.read_text())["state"] for path in tmp_path.rglob("status.json"))
    assert states == ["failed", "finished"]


@pytest.mark.parametrize("words", [(), ("trainer.devices=3", "data.batch_size=258"), ("nonsense=1",)])
def test_what_is_wrong_is_said_once_and_ends_all(tmp_path, port, words):
    codes, said = started(tmp_path, port, *WORDS, *words, f"outputs={tmp_path}")
    assert codes == [2, 2] and said[0].count("kantor: ") == 1 and said[1] == ""
    assert not list(tmp_path.rglob("status.json"))


def test_other_commands_are_rank_0s(tmp_path, port):
    codes, said = started(tmp_path, port, "list", "trainer")
    assert codes == [0, 0] and "ddp_cpu" in said[0] and said[1] == ""


PROGRAM = f"import sys; from kantor.cli.main import main; sys.exit(main({[*WORDS, 'trainer.devices=2']}))"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def by_torchrun(place, *words):
    """What a command printed whose ranks torchrun started, as on a cluster; their own output is theirs."""
    return subprocess.run(
        [*TORCHRUN, *words], cwd=place, env=environment(), capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-m", "kantor", *WORDS, "trainer.devices=2"), id="module"),
        pytest.param(("--no-python", sys.executable, "-c", PROGRAM), id="program", marks=pytest.mark.long),
    ],
)
def test_torchrun_starts_kantor(tmp_path, words):
    done = by_torchrun(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("page  ") == 1
    (status,) = (json.loads(path.read_text()) for path in tmp_path.rglob("status.json"))
    assert [attempt["processes"] for attempt in status["attempts"]] == [2]


@pytest.mark.long
def test_torchrun_with_the_devices_forgotten_is_refused_and_said_once(tmp_path):
    """Torchrun stops the other rank, as soon as one has ended with an error."""
    done = by_torchrun(tmp_path, "--log-dir=logs", "--redirects=3", "-m", "kantor", *WORDS)
    assert done.returncode != 0
    said = [path.read_text().count("kantor: ") for path in tmp_path.glob("logs/**/stderr.log")]
    assert sorted(said) == [0, 1]
    assert "exitcode  : 2 " in done.stderr.partition("Root Cause")[2], done.stderr
    assert not list(tmp_path.rglob("status.json"))


@pytest.mark.long
def test_the_tasks_of_a_job_of_submitits_are_its_ranks(kantor, tmp_path):
    words = ("train", "-m", *WORDS[1:], "trainer.devices=2", "seed=0,1", "hydra/launcher=submitit_local")
    kantor(*words, "hydra.launcher.tasks_per_node=2", "hydra.launcher.timeout_min=10", f"outputs={tmp_path}")
    runs = [json.loads(path.read_text()) for path in tmp_path.rglob("*-s*/status.json")]
    assert [run["state"] for run in runs] == ["finished", "finished"]
    assert [[attempt["processes"] for attempt in run["attempts"]] for run in runs] == [[2], [2]]

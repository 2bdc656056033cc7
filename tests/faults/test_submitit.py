"""Jobs of submitit's on this machine: one that is preempted is saved, begun again by submitit, and done; Ctrl-C at the
command that waits for them has all of them save, before it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import FAST, environment

pytestmark = pytest.mark.long

WORDS = ("train", "-m", "experiment=point_demo_gp", *(word for word in FAST if not word.startswith("trainer.check")),
         "trainer.checkpoint_every=1000000", "trainer.progress=false", "budget.steps=1000", "seed=0",
         "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10")  # fmt: skip
PATIENCE = 300.0


def tasks(place):
    """The processes of submitit's that work on a job in a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"submitit.core._submit" in words and os.readlink(process / "cwd") == str(place):
                found.append(int(process.name))
    return found


def status(place):
    (file,) = place.rglob("status.json")
    return json.loads(file.read_text())


@contextlib.contextmanager
def begun(place, *words, runs):
    """A command, once so many of its runs are in training; nothing of it is left afterwards."""
    command = subprocess.Popen(
        [sys.executable, "-m", "kantor", *words], cwd=place, env=environment(), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + PATIENCE
    try:
        while sum(path.read_text().count("\n") > 2 for path in place.rglob("metrics.csv")) < runs:
            assert command.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)


@pytest.mark.parametrize("devices", [1, 2])
def test_a_job_that_is_preempted_saves_and_goes_on_where_it_was(tmp_path, devices):
    """With as many tasks, which are its ranks."""
    words = (*WORDS, f"trainer.devices={devices}", f"hydra.launcher.tasks_per_node={devices}")
    with begun(tmp_path, *words, runs=1) as command:
        preempted = tasks(tmp_path)
        assert len(preempted) == devices
        for task in preempted:
            os.kill(task, signal.SIGUSR2)
        told = command.communicate(timeout=PATIENCE)[0]
    assert command.returncode == 0 and "1 job: 1 done" in told, told
    attempts = status(tmp_path)["attempts"]
    assert [(one["outcome"], one["processes"]) for one in attempts] == [("interrupted", devices), ("finished", devices)]
    assert attempts[1]["from_step"] == attempts[0]["to_step"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_has_every_job_save_before_the_command_ends(tmp_path, number):
    """As a terminal sends it, to all of the group."""
    words = (*(word for word in WORDS if not word.startswith("seed=")), "seed=0,1")
    with begun(tmp_path, *words, runs=2) as command:
        os.killpg(command.pid, number)
        told = command.communicate(timeout=PATIENCE)[0]
    assert command.returncode == 128 + number, told
    assert told.splitlines()[-1] == "kantor: saved; the same command goes on from here" and "Traceback" not in told
    assert tasks(tmp_path) == []
    for path in tmp_path.rglob("status.json"):
        (attempt,) = json.loads(path.read_text())["attempts"]
        assert attempt["outcome"] == "interrupted" and attempt["to_step"] > 0
        assert (path.parent / "checkpoints" / "last.ckpt").is_file()

"""Signals to a sweep whose jobs run side by side: to all of its processes, as a terminal's Ctrl-C, or to the first."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from small_runs import FAST, environment

pytestmark = pytest.mark.long

SWEEP = ("train", "-m", "experiment=point_demo_gp", "budget.steps=1000000", "trainer.progress=false",
         *(word for word in FAST if not word.startswith("trainer.checkpoint")), "trainer.checkpoint_every=1000000",
         "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=0,1,2")  # fmt: skip
PATIENCE = 300.0


def processes(session):
    """The processes of a session; those that have ended and are not waited for are none."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if not line.split()[1].startswith("Z")]


def wait_until(holds):
    """Wait for something to come true."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.1)


@pytest.fixture
def sweep(tmp_path):
    """A sweep of three jobs, two at a time, when both have taken steps."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "kantor", *SWEEP], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(list(tmp_path.rglob("metrics.csv"))) >= 2)
        yield begun
    finally:
        for process in processes(begun.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def check_saved(root):
    """Check that the two that had begun have saved, and no other has begun."""
    runs = [path.parent for path in root.rglob("status.json")]
    assert len(runs) == 2
    for run in runs:
        assert json.loads((run / "status.json").read_text())["attempts"][-1]["outcome"] == "interrupted"
        assert (run / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize("send", [os.killpg, os.kill])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_sweep_with_all_its_workers_which_save(sweep, tmp_path, number, send):
    send(sweep.pid, number)
    told = sweep.communicate(timeout=PATIENCE)[1]
    assert sweep.returncode == 128 + number
    assert told.splitlines()[-1] == "kantor: saved; the same command goes on from here" and "Traceback" not in told
    assert processes(sweep.pid) == []
    check_saved(tmp_path)


def test_a_second_signal_ends_them_all_at_once(sweep):
    os.kill(sweep.pid, signal.SIGSTOP)  # hears both at the same moment
    os.kill(sweep.pid, signal.SIGINT)
    os.kill(sweep.pid, signal.SIGTERM)
    os.kill(sweep.pid, signal.SIGCONT)
    assert sweep.wait(PATIENCE) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    wait_until(lambda: processes(sweep.pid) == [])


def test_workers_of_a_sweep_that_is_gone_save(sweep, tmp_path):
    os.kill(sweep.pid, signal.SIGKILL)
    wait_until(lambda: processes(sweep.pid) == [])
    check_saved(tmp_path)

"""Ctrl-C, which a terminal sends to every process of a sweep whose jobs run side by side."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from small_runs import FAST, environment

pytestmark = pytest.mark.long

SWEEP = ("train", "-m", "experiment=point_demo_gp", "budget.steps=1000000", "trainer.progress=false", *FAST,
         "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")  # fmt: skip
PATIENCE = 120.0


def processes(session):
    """The states of the processes of a session; those that have ended and are not waited for are none."""
    found = subprocess.run(["ps", "-o", "stat=", "-g", str(session)], capture_output=True, text=True).stdout.split()
    return [state for state in found if not state.startswith("Z")]


def test_ctrl_c_stops_a_sweep_with_all_its_workers_which_save(tmp_path):
    sweep = subprocess.Popen(
        [sys.executable, "-m", "kantor", *SWEEP, "seed=0,1,2"], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        began = time.monotonic()
        while len(list(tmp_path.rglob("metrics.csv"))) < 2 and time.monotonic() - began < PATIENCE:
            time.sleep(0.1)
        os.killpg(sweep.pid, signal.SIGINT)
        told = sweep.communicate(timeout=PATIENCE)[1]
        assert sweep.returncode == 130
        assert told.splitlines()[-1] == "kantor: saved; the same command goes on from here" and "Traceback" not in told
        assert processes(sweep.pid) == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(sweep.pid, signal.SIGKILL)

"""Workers of one plan that are killed, overlap, or lose who started them: in the end every job is done once, to the
bit as if nobody had disturbed it."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from apart import Apart
from faults.equality import unequal
from small_runs import FAST, environment

pytestmark = pytest.mark.long

QUIET = (*FAST, "trainer.progress=false")
TRAIN = ("train", "-m", "experiment=point_demo_gp", *QUIET)
KILLS = int(20 * float(os.environ.get("KANTOR_FAULTS", "1"))) or 1
PATIENCE = 300.0


def outcomes(root):
    """The outcomes of each run's attempts."""
    return {
        path.parent.name: [one["outcome"] for one in json.loads(path.read_text())["attempts"]]
        for path in root.rglob("status.json")
    }


def logs(place):
    return "\n".join(path.read_text() for path in sorted(place.glob("*.log")))


@pytest.fixture
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_job_of_overlapping_sweeps_is_trained_once_by_four_workers(there):
    workers = [
        Apart(there / "a.log", *TRAIN, "budget.steps=4", "seed=range(40)"),
        Apart(there / "b.log", *TRAIN, "budget.steps=4", "seed=range(20,60)"),
    ]
    deadline = time.monotonic() + PATIENCE
    while len(found := list(there.glob("outputs/sweeps/*/plan.json"))) < 2:
        assert time.monotonic() < deadline, logs(there)
        time.sleep(0.1)
    workers += [Apart(there / f"{path.parent.name}.log", "work", str(path.parent)) for path in found]
    assert [worker.wait(PATIENCE) for worker in workers] == [0] * 4, logs(there)
    assert len(outcomes(there)) == 60 and set(map(tuple, outcomes(there).values())) == {("finished",)}


def test_a_worker_that_is_killed_at_any_moment_costs_nothing(there):
    words = (*TRAIN, "budget.steps=30", "seed=range(6)")
    rng, killed, places = random.Random(5), 0, [there / "undisturbed"]
    assert Apart(there / "undisturbed.log", *words, f"outputs={places[0]}").wait(PATIENCE) == 0
    while killed < KILLS:
        places.append(there / f"after{killed}")
        process = Apart(there / "first.log", *words, f"outputs={places[-1]}")
        while not process.ended:
            process.process.join(rng.uniform(0.0, 6.0))
            if not process.ended and killed < KILLS:
                process.kill()
                killed += 1
                process = Apart(there / f"{killed}.log", *words, f"outputs={places[-1]}")
        assert process.wait() == 0, logs(there)
    for place in places[1:]:
        assert unequal(places[0], place) == []


def test_the_command_is_given_again_at_once_when_the_parent_of_joblibs_workers_was_killed(there):
    words = (*TRAIN, "budget.steps=300", "seed=0,1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command = [sys.executable, "-m", "kantor", *words]
    first = subprocess.Popen(command, cwd=there, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while len(list(there.rglob("metrics.csv"))) < 2:
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.05)
        first.kill()
        again = subprocess.run(
            command, cwd=there, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
    assert again.returncode == 0, again.stderr
    assert "3 jobs: 3 done" in again.stdout
    assert {tuple(tried)[-1] for tried in outcomes(there).values()} == {"finished"}
    assert all(tried.count("finished") == 1 for tried in outcomes(there).values())

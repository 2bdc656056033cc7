"""Workers of a sweep on machines that cannot look each other up: who dies, stands still, or has what it works on taken
away, costs three beats without a sign and the one that has begun, and changes nothing of what is somebody else's."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from apart import Apart
from faults.equality import unequal
from faults.test_leases import state, stopped, wake
from small_runs import BRIEF, FAST, NARROW, command_line

from kantor.runs import lease
from kantor.runs.lease_files import LEASE, newest
from kantor.search.goal import Goal
from kantor.search.study import Study
from kantor.sweeps.plan import Plan
from kantor.sweeps.states import Board

pytestmark = pytest.mark.long

SWEEP = ("-m", "experiment=point_demo_gp", *FAST, "trainer.progress=false")
TWO = ("seed=0,1", "budget.steps=30")
SCORED = ("experiment=point_demo_gp", "primary_score=w1", "budget.steps=20", "pictures=none", *NARROW,
          *(word for word in BRIEF if not word.startswith("trainer.check")), "trainer.checkpoint_every=2",
          "trainer.progress=false", "evaluation.n=64", "evaluation.chunk=64", "evaluation.draws=2")  # fmt: skip
KILLS = int(20 * float(os.environ.get("KANTOR_FAULTS", "1"))) or 1
TRIALS = 10
BEAT = 1.0
PATIENCE = 120.0
MOMENTS = 3.0
"""Seconds from a takeover within which its worker is killed."""


@pytest.fixture
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KANTOR_BEAT", f"{BEAT:g}")
    return tmp_path


@pytest.fixture
def witness(there):
    """How many beats have gone by on this machine: those of a lease that nobody disturbs."""
    (there / "witness").mkdir()
    held = lease._claimed(there / "witness", LEASE, 1)
    yield lambda: json.loads(newest(there / "witness", LEASE).content)["beat"]
    held.release()


def planned(*words):
    """A plan, none of whose jobs is begun."""
    told = command_line("prepare", *SWEEP, *words).stdout
    return Plan.read(Path(told.splitlines()[-1].split()[1]).absolute())


class Workers:
    """Workers of a plan of one job, each on a machine of its own."""

    def __init__(self, plan, logs):
        self.plan, self.run, self.log = plan, plan.directory_of(plan.jobs[0]), logs
        self.all = []

    def add(self):
        number = len(self.all)
        words = ("work", str(self.plan.directory), "failed=again")
        self.all.append(Apart(Path(f"{self.log}.{number}.log"), *words, elsewhere=f"machine{number}"))

    def number(self):
        """Of the newest lease of the run."""
        found = newest(self.run.path, LEASE)
        return 0 if found is None else found.number

    def holder(self):
        """Who holds the run, with somebody else waiting for it; else None."""
        found = newest(self.run.path, LEASE)
        if found is None or found.released or found.owner is None:
            return None
        others = [one for one in self.all if one.process.pid != found.owner.process]
        waited_for = any(not one.ended and "it is looked at again" in one.log.read_text() for one in others)
        return next((one for one in self.all if one not in others and waited_for), None)

    def is_done(self):
        return self.run.exists and self.run.status()["state"] == "finished"

    def logs(self):
        return "\n".join(one.log.read_text() for one in self.all)


def until(holds, workers):
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE, workers.logs()
        time.sleep(0.02)


def test_whoever_waits_takes_over_after_three_beats_and_the_one_that_has_begun(there, witness):
    """From a worker that is killed at a random moment, again and again; the bits are those of an undisturbed run."""
    rng, beats, places = random.Random(16), [], [there / "undisturbed"]
    words = ("seed=0", "budget.steps=400")
    assert Apart(there / "undisturbed.log", "train", *SWEEP, *words, f"outputs={places[0]}").wait() == 0
    while len(beats) < KILLS:
        places.append(there / f"after{len(beats)}")
        workers = Workers(planned(*words, f"outputs={places[-1]}"), places[-1])
        for _ in range(3):
            workers.add()
        while not workers.is_done() and len(beats) < KILLS:
            until(lambda workers=workers: workers.holder() or workers.is_done(), workers)
            held, number = workers.holder(), workers.number()
            if held is None:
                continue
            held.process.join(rng.uniform(0.0, MOMENTS))
            if held is not workers.holder():
                continue
            held.kill()
            before = witness()
            until(lambda workers=workers, number=number: workers.number() > number or workers.is_done(), workers)
            if workers.number() > number:
                beats.append(witness() - before)
                print(f"kill {len(beats)}: held by somebody else {beats[-1]} beats later", flush=True)
            workers.add()
        left = [one for one in workers.all if one.process.exitcode != -signal.SIGKILL]
        assert [one.wait() for one in left] == [0] * len(left), workers.logs()
    for place in places[1:]:
        assert unequal(places[0], place) == []
    assert max(beats) <= lease.PATIENCE + 1  # that in which it was killed, and three that are missing


def sweep(log, how, plan, *words, at=None):
    """A worker of a plan, which is stopped in its save of a number."""
    given = ("work", str(plan.directory)) if how == "work" else ("train", *SWEEP, *words, f"outputs={plan.outputs}")
    return Apart(log, *given, signalled=None if at is None else (at, signal.SIGSTOP))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A sweep of two jobs that nobody disturbs."""
    place = tmp_path_factory.mktemp("undisturbed")
    assert Apart(place / "log", "train", *SWEEP, *TWO, f"outputs={place / 'outputs'}").wait() == 0
    return place / "outputs"


@pytest.mark.parametrize("how", ["work", "train -m"])
def test_a_sweep_whose_worker_stood_still_goes_on_without_what_it_lost(there, undisturbed, how):
    """It wakes when all is done, and writes not a byte."""
    plan = planned(*TWO)
    zombie = sweep(there / "zombie.log", how, plan, *TWO, at=2)
    stopped(zombie)
    follower = sweep(there / "follower.log", how, plan, *TWO)
    assert follower.wait() == 0, follower.log.read_text()
    before = state(there / "outputs")
    wake(zombie)
    assert zombie.wait() == 0, zombie.log.read_text()
    assert ": lost to 2: " in zombie.log.read_text() and "2 jobs: 2 done" in zombie.log.read_text()
    assert state(there / "outputs") == before and unequal(undisturbed, there / "outputs") == []


@pytest.mark.parametrize("how", ["work", "train -m"])
def test_a_sweep_one_of_whose_runs_is_deleted_does_the_others_and_makes_nothing_again(there, undisturbed, how):
    plan = planned(*TWO)
    worker = sweep(there / "worker.log", how, plan, *TWO, at=2)
    stopped(worker)
    (run,) = (path for path in there.glob("outputs/point_demo_gp/*"))
    run.rename(there / "gone")
    shutil.rmtree(there / "gone")
    wake(worker)
    assert worker.wait() == 1, worker.log.read_text()
    assert "its directory was deleted while it was trained" in worker.log.read_text()
    assert "2 jobs: 1 done, 1 failed" in worker.log.read_text()
    (done,) = there.glob("outputs/point_demo_gp/*")
    assert done != run
    again = Apart(there / "again.log", "work", str(plan.directory), "failed=again")
    assert again.wait() == 0, again.log.read_text()
    assert unequal(undisturbed, there / "outputs") == []


@pytest.mark.parametrize("how", ["work", "train -m"])
@pytest.mark.parametrize("what", ["deleted", "moved"])
def test_a_sweep_whose_outputs_are_gone_ends_and_makes_nothing_again(there, undisturbed, how, what):
    plan = planned(*TWO)
    worker = sweep(there / "worker.log", how, plan, *TWO, at=2)
    stopped(worker)
    elsewhere = there / "elsewhere"
    (there / "outputs").rename(elsewhere)
    if what == "deleted":
        shutil.rmtree(elsewhere)
    wake(worker)
    assert worker.wait() == 1, worker.log.read_text()
    assert f"/sweeps/{plan.directory.name} is gone: " in worker.log.read_text().splitlines()[-1]
    assert "Traceback" not in worker.log.read_text() and not (there / "outputs").exists()
    if what == "moved":
        again = Apart(there / "again.log", "work", str(elsewhere / "sweeps" / plan.directory.name))
        assert again.wait() == 0, again.log.read_text()
        assert unequal(undisturbed, elsewhere) == []


def test_two_drivers_of_a_search_that_are_killed_again_and_again_have_every_trial_once(there):
    rng, killed, drivers = random.Random(16), 0, []
    words = (
        *SCORED,
        "search=random",
        "optimisation.generator.lr=tag(log,interval(1e-4,1e-2))",
        f"search.trials={TRIALS}",
    )

    def drive(index):
        log = there / f"{len(drivers)}.log"
        return Apart(log, "train", "-m", *words, elsewhere=f"machine{index}")

    both = [drive(0), drive(1)]
    drivers += both
    while killed < KILLS and not all(one.ended for one in both):
        time.sleep(rng.uniform(0.0, 2 * MOMENTS))
        index = rng.randrange(2)
        if not both[index].ended:
            both[index].kill()
            killed += 1
        both[index] = drive(index)
        drivers.append(both[index])
    logs = "\n".join(one.log.read_text() for one in drivers)
    assert [one.wait() for one in both] == [0, 0], logs
    (plan,) = (Plan.read(path.parent) for path in there.glob("outputs/sweeps/*/plan.json"))
    standings = Board(plan, code="refuse").all()
    told = [[one["outcome"] for one in standing.status["attempts"]] for standing in standings]
    known = Study(plan.directory, (Goal("w1", "lower"),)).known()
    print(f"{killed} kills; attempts of each trial: {[len(one) for one in told]}", flush=True)
    assert len(known) == len(standings) == TRIALS
    assert len({one.values["optimisation.generator.lr"] for one in known}) == TRIALS
    for standing, outcomes in zip(standings, told, strict=True):  # three kills before a checkpoint are a failure
        assert standing.state == "done" or "killed 3 times in a row" in standing.reason, standing
        assert outcomes.count("finished") == (standing.state == "done")

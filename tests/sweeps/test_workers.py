"""Several workers of one plan, in processes of their own."""

import json
import signal

import pytest
from apart import Apart
from small_runs import FAST, command_line

WORDS = ("experiment=point_demo_gp", "budget.steps=20", *FAST, "trainer.progress=false", "seed=0,1,2,3")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Of four jobs, none of which is begun."""
    monkeypatch.chdir(tmp_path)
    return command_line("prepare", "-m", *WORDS).stdout.splitlines()[-1].split()[1]


def outcomes(root):
    """The outcomes of each run's attempts, by its seed."""
    found = ((path.parent.name[-1], json.loads(path.read_text())["attempts"]) for path in root.rglob("status.json"))
    return {seed: [one["outcome"] for one in attempts] for seed, attempts in found}


def test_each_job_is_trained_once_and_what_a_killed_worker_leaves_is_gone_on_with(tmp_path, plan):
    workers = [
        Apart(tmp_path / f"{name}.log", "work", plan, signalled=signalled)
        for name, signalled in (("a", None), ("b", (2, signal.SIGKILL)))
    ]
    said = [worker.wait() for worker in workers]
    logs = "\n".join(worker.log.read_text() for worker in workers)
    assert said == [0, -signal.SIGKILL], logs
    found = outcomes(tmp_path)
    assert sorted(found) == ["0", "1", "2", "3"]
    assert sorted(map(tuple, found.values())) == [*[("finished",)] * 3, ("killed", "finished")], logs


def test_a_worker_that_is_stopped_saves_and_the_next_one_goes_on(tmp_path, plan):
    stopped = Apart(tmp_path / "a.log", "work", plan, signalled=(1, signal.SIGTERM))
    assert stopped.wait() == 143 and "saved" in stopped.log.read_text().splitlines()[-1]
    assert "1 stopped, 3 new" in command_line("status", plan).stdout
    assert Apart(tmp_path / "b.log", "work", plan).wait() == 0
    assert sorted(map(tuple, outcomes(tmp_path).values())) == [*[("finished",)] * 3, ("interrupted", "finished")]

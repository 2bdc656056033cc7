"""How far a job is, told from files that a run may have."""

import dataclasses
import errno
import json
import shutil

import pytest
from small_runs import FAST

from kantor.errors import Held, LeaseLost, UserError
from kantor.runs.attempts import new_status
from kantor.runs.owners import Owner
from kantor.sweeps.planning import planned
from kantor.sweeps.states import Board, Standing
from kantor.sweeps.words import told_apart
from kantor.sweeps.work import Worker, exit_code

HERE = Owner.here().host
ATTEMPT = {"started": "2026-01-01T00:00:00+00:00", "ended": None, "from_step": 0, "to_step": None}


@pytest.fixture
def plan(tmp_path):
    words = ("experiment=point_demo_gp", "budget.steps=4", *FAST, "seed=0,1", f"outputs={tmp_path}/outputs")
    return planned(told_apart(words, []))


def give(plan, job, state, *attempts, **changes):
    """A run of a job, of this code, with attempts of some outcomes, each from a step, and perhaps on a machine."""
    run = plan.directory_of(job)
    run.path.mkdir(parents=True, exist_ok=True)
    tried = [
        {**ATTEMPT, "outcome": outcome, "from_step": step, "host": on[0] if on else HERE}
        for outcome, step, *on in attempts
    ]
    status = new_status({"steps": 0}, steps=4, minutes=None)
    run.status_json.write_text(json.dumps({**status, "state": state, "attempts": tried, **changes}))


def standing(plan, *, code="refuse"):
    return Board(plan, code=code).of(plan.jobs[0])


@pytest.mark.parametrize(
    ("attempts", "state"),
    [
        ([("killed", 0), ("killed", 0), (None, 0)], "failed"),
        ([("killed", 0), ("killed", 0)], "stopped"),
        ([("killed", 0), ("killed", 10), (None, 10)], "stopped"),
        ([("killed", 0), ("interrupted", 0), (None, 0)], "stopped"),
        ([("failed", 0), ("killed", 0), ("killed", 0), (None, 0)], "failed"),
        ([("killed", 0), ("killed", 0, "b"), ("killed", 0, "b")], "stopped"),
        ([("killed", 0, "a"), ("killed", 0, "b"), (None, 0)], "failed"),
    ],
)
def test_a_job_that_kills_its_workers_kills_no_more_than_three(plan, attempts, state):
    give(plan, plan.jobs[0], "running", *attempts)
    found = standing(plan)
    assert found.state == state and (state == "stopped" or "killed 3 times in a row" in found.reason)
    for failed in ("skip", "again"):
        missing = Worker(plan, code="refuse", failed=failed).is_missing(found)
        assert missing == (state == "stopped" or failed == "again")


def test_a_machine_that_kills_whatever_it_is_given_leaves_the_jobs_to_others(plan, monkeypatch):
    give(plan, plan.jobs[0], "running", *[("killed", 0, "broken")] * 3)
    found = standing(plan)
    assert (found.state, found.reason) == ("stopped", "killed 3 times in a row after step 0, on broken")
    assert Worker(plan, code="refuse", failed="skip").is_missing(found)
    monkeypatch.setattr(Owner, "here", lambda: Owner("broken", "", 1, ""))
    found = standing(plan)
    assert found.state == "failed" and not Worker(plan, code="refuse", failed="skip").is_missing(found)
    assert found.here_alone  # so that a search, which others go on with, is told nothing
    give(plan, plan.jobs[0], "running", *[("killed", 0, host) for host in ("broken", "one", "two")])
    assert standing(plan).state == "failed" and not standing(plan).here_alone


def test_a_failure_is_known_by_its_run_and_by_what_was_noted(plan):
    job, board = plan.jobs[0], Board(plan, code="refuse")
    assert standing(plan).state == "new"
    board.note(job, UserError("no such data"), "no such data")
    assert (standing(plan).state, standing(plan).reason, standing(plan).wrong_input) == ("failed", "no such data", True)
    give(plan, job, "running", (None, 0))  # begun by somebody else since
    assert standing(plan).state == "stopped"
    give(plan, job, "failed", ("failed", 0), reason="nan")
    assert (standing(plan).reason, standing(plan).wrong_input) == ("nan", False)
    board.note(job, RuntimeError("nan"), "nan")
    assert (standing(plan).state, standing(plan).wrong_input) == ("failed", False)
    board.forget(job)
    assert not list((plan.directory / "jobs").iterdir())


def test_an_error_of_the_machine_is_still_to_be_done_and_one_of_a_file_is_not(plan):
    job, board = plan.jobs[0], Board(plan, code="refuse")
    for number, due in (
        *((number, True) for number in (errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EMFILE, errno.EROFS)),
        *((errno.EACCES, True), (errno.ENOENT, False)),
    ):
        error = UserError("said")
        error.__cause__ = OSError(number, "said")
        for one in (error, error.__cause__):
            board.note(job, one, "said")
            found, worker = standing(plan), Worker(plan, code="refuse", failed="skip")
            assert (found.state, found.reason) == ("new" if due else "failed", "said")
            assert (found.by_machine, worker.is_missing(found)) == (due, due)
            assert exit_code([found]) == (
                2 if number in (errno.EROFS, errno.EACCES) or (one is error and not due) else 1
            )
            worker.tried.add(job.number)
            assert not worker.is_missing(found)


def test_what_cannot_be_written_down_is_known_to_whoever_found_out(plan, monkeypatch):
    def denied(*_):
        raise OSError(errno.EROFS, "read-only")

    job, board = plan.jobs[0], Board(plan, code="refuse")
    monkeypatch.setattr("kantor.sweeps.states.write_json", denied)
    board.note(job, OSError(errno.EROFS, "read-only"), "read-only")
    assert (board.of(job).state, board.of(job).reason, standing(plan).reason) == ("new", "read-only", "")
    board.forget(job)
    assert board.of(job).reason == ""


def test_what_was_noted_of_another_run_is_nothing_to_this_one(plan):
    job, board = plan.jobs[0], Board(plan, code="refuse")
    board.note(job, UserError("no such data"), "no such data")
    assert board.of(job).state == "failed"
    assert board.of(dataclasses.replace(job, run=plan.jobs[1].run)).state == "new"


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_is_lost_is_put_off_and_one_that_is_deleted_has_failed(plan, monkeypatch, capsys, gone):
    job, worker = plan.jobs[0], Worker(plan, code="refuse", failed="again")
    give(plan, job, "running", (None, 0))

    def lose(standing):
        if gone:
            shutil.rmtree(plan.directory_of(job).path)
        raise LeaseLost("lost")

    monkeypatch.setattr(worker, "_train", lose)
    assert worker.do(job) == gone and "lost" in capsys.readouterr().err
    found = standing(plan)
    assert (found.state, "deleted" in found.reason, exit_code([found])) == ("failed" if gone else "stopped", gone, 1)
    assert worker.is_missing(found) != gone


def test_a_job_that_somebody_else_holds_keeps_what_was_noted(plan, monkeypatch):
    job, worker = plan.jobs[0], Worker(plan, code="refuse", failed="again")
    worker.board.note(job, UserError("no such data"), "no such data")

    def held(*given):
        raise Held("held")

    monkeypatch.setattr("kantor.engine.train.train", held)
    assert not worker.do(job) and standing(plan).reason == "no such data"


def test_a_damaged_run_is_a_failed_job(plan):
    give(plan, plan.jobs[0], "running")
    plan.directory_of(plan.jobs[0]).status_json.write_text("{")
    assert standing(plan).state == "failed" and "damaged" in standing(plan).reason


def test_code_that_has_changed_is_told_whichever_code_it_was(plan):
    job = plan.jobs[0]
    give(plan, job, "finished", ("finished", 0))
    made = {"kantor": "0", "experiment": "point_demo_gp", "seed": 0, "config_hash": "0" * 64, "code": {**job.code},
            "processes": 1, "parameters": {}, "made_by": None}  # fmt: skip
    path = plan.directory_of(job).environment_json
    path.write_text(json.dumps(made))
    assert standing(plan).state == "done"
    path.write_text(json.dumps({**made, "code": {**job.code, "kantor.nets.mlp.MLP": "0" * 64}}))
    found = standing(plan)
    assert found.state == "other code" and "kantor.nets.mlp.MLP" in found.reason
    assert standing(plan, code="accept").state == "done"
    assert not Worker(plan, code="refuse", failed="again").is_missing(found)
    assert Worker(plan, code="rerun", failed="skip").is_missing(found)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([("done", False)], 0),
        ([("done", False), ("failed", True)], 2),
        ([("done", False), ("other code", False)], 2),
        ([("failed", True), ("failed", False)], 1),
        ([("stopped", False)], 1),
    ],
)
def test_the_exit_code_says_whether_input_alone_is_in_the_way(plan, states, code):
    found = [Standing(plan.jobs[0], state, wrong_input=wrong) for state, wrong in states]
    assert exit_code(found) == code

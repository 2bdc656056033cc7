"""A bad end is written down where it can be, and hidden by nothing."""

import errno
import os

import pytest
from run_files import STATUS

from kantor.atomic import append_rows, write_json
from kantor.config.schema import Trainer
from kantor.runs.attempts import attempt
from kantor.runs.directory import RunDirectory

TRAINER = Trainer(accelerator="cpu", nodes=1, devices=1, threads=1)


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path)
    write_json(directory.status_json, {**STATUS, "attempts": []})
    return directory


def of_last(run):
    (entry,) = run.status()["attempts"]
    reason = run.status()["reason"]
    return run.status()["state"], reason and reason[:10], entry["outcome"], entry["to_step"]


def test_a_bad_end_is_written_down_with_the_last_step_that_was_logged(run):
    append_rows(run.metrics_csv, ["steps"], [{"steps": 7}], whole=True)
    with pytest.raises(RuntimeError, match="the reason"), attempt(run, TRAINER, from_step=3):
        raise RuntimeError("the reason")
    assert of_last(run) == ("failed", "the reason", "failed", 7)


@pytest.mark.parametrize(("logged", "expected"), [(7, (70, 7)), (2, (0, 3)), (None, (0, 3))])
def test_what_a_failed_run_has_counted_is_of_one_moment(run, logged, expected):
    """Of the last row that it logged, unless that is from before it began: not steps of now beside samples of then."""
    write_json(run.status_json, {**run.status(), "counters": {"images_seen": 0, "steps": 0}})
    with pytest.raises(RuntimeError), attempt(run, TRAINER, from_step=3):
        if logged is not None:
            row = {"images_seen": 10 * logged, "steps": logged}
            append_rows(run.metrics_csv, list(row), [row], whole=True)
        raise RuntimeError
    counters = run.status()["counters"]
    assert (counters["images_seen"], counters["steps"]) == expected


def test_damaged_metrics_do_not_hide_the_error(run):
    with pytest.raises(RuntimeError, match="the reason"), attempt(run, TRAINER, from_step=3):
        run.metrics_csv.write_text("steps\nx\n")
        raise RuntimeError("the reason")
    assert of_last(run) == ("failed", "the reason", "failed", 3)


def test_a_full_disk_does_not_hide_the_error(run, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(RuntimeError, match="the reason"), attempt(run, TRAINER, from_step=3):
        monkeypatch.setattr(os, "fsync", full)
        raise RuntimeError("the reason")
    monkeypatch.undo()
    assert of_last(run) == ("running", None, None, None)

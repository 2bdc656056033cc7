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

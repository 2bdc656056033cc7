"""What a job of a sweep does when the sweep is stopped; whole sweeps are in tests/faults/test_signals.py."""

import multiprocessing
import os
import signal
import time

import pytest

from kantor.errors import Interrupted
from kantor.sweeps import stops

LONG = 60.0


@pytest.fixture
def apart(monkeypatch):
    """This process is taken for one that another has started."""
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    monkeypatch.setattr(os, "setpgid", lambda *_: None)


def test_a_job_that_has_not_begun_ends_without_an_error(apart, tmp_path):
    (tmp_path / "mark").write_text(str(int(signal.SIGTERM)))
    begun = []
    with stops.following(tmp_path / "mark"):
        stops.check(tmp_path / "mark")
        begun.append(True)
    assert not begun


def test_a_job_takes_the_mark_for_its_signal(apart, tmp_path):
    heard = []
    with stops.following(tmp_path / "mark"):
        stops.check(tmp_path / "mark")
        (tmp_path / "mark").write_text(str(int(signal.SIGTERM)))
        try:
            time.sleep(LONG)
        except Interrupted as stopped:
            heard.append(stopped.signal_number)
            raise
    assert heard == [signal.SIGTERM]


def test_an_error_of_a_job_is_the_jobs(apart, tmp_path):
    with pytest.raises(RuntimeError, match="its own"), stops.following(tmp_path / "mark"):
        raise RuntimeError("its own")


def test_in_the_process_of_the_sweep_the_mark_stops_all(tmp_path):
    (tmp_path / "mark").write_text(str(int(signal.SIGINT)))
    with pytest.raises(Interrupted), stops.following(tmp_path / "mark"):
        stops.check(tmp_path / "mark")

"""What a job of a sweep does when the sweep is stopped; whole sweeps are in tests/faults/test_signals.py."""

import multiprocessing
import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool

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


@pytest.fixture
def of_submitit(apart, monkeypatch):
    """This process is a task of submitit's."""
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")


def test_a_task_of_submitits_takes_the_mark_for_its_signal_unless_it_has_one(of_submitit, tmp_path):
    """Submitit passes SIGTERM on, and where all are sent it, the mark comes too."""
    for first in ((), (signal.SIGTERM,)):
        heard = []
        with stops.following(tmp_path / "mark"):
            try:
                for number in first:
                    (tmp_path / "mark").write_text(str(int(number)))
                    os.kill(os.getpid(), number)
                (tmp_path / "mark").write_text(str(int(signal.SIGINT)))
                time.sleep(LONG)
            except Interrupted as stopped:
                heard.append(stopped.signal_number)
                time.sleep(3 * stops.LOOK_EVERY)
                raise
        assert heard == [*first, signal.SIGINT][:1]
        (tmp_path / "mark").unlink()


def test_a_task_of_submitits_that_is_to_make_room_says_so(of_submitit, tmp_path):
    with pytest.raises(Interrupted), stops.following(tmp_path / "mark"):
        os.kill(os.getpid(), signal.SIGUSR2)


def test_a_worker_that_is_lost_is_no_error_of_a_sweep_that_is_stopped_and_others_are(tmp_path):
    for error, raised in ((BrokenProcessPool("lost"), Interrupted), (RuntimeError("its own"), RuntimeError)):
        with pytest.raises(raised), stops.leading(tmp_path, local_jobs=True):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            raise error


def test_an_error_of_a_job_is_the_jobs(apart, tmp_path):
    with pytest.raises(RuntimeError, match="its own"), stops.following(tmp_path / "mark"):
        raise RuntimeError("its own")


def test_in_the_process_of_the_sweep_the_mark_stops_all(tmp_path):
    (tmp_path / "mark").write_text(str(int(signal.SIGINT)))
    with pytest.raises(Interrupted), stops.following(tmp_path / "mark"):
        stops.check(tmp_path / "mark")

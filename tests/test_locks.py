"""Locks where the file system has them and where it has none, and the places that stand in."""

import contextlib
import errno
import fcntl
import multiprocessing
import os
import tempfile

import pytest

from kantor import locks, messages, places
from kantor.errors import UserError
from kantor.runs.directory import RunDirectory

FORKED = multiprocessing.get_context("fork")


@pytest.fixture(params=[None, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def without(request, monkeypatch, tmp_path):
    """On a file system with locks, or one that answers so."""
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    messages.say_once.cache_clear()
    flock = fcntl.flock

    def answer(handle, kind):
        if not str(handle.name).startswith(str(own)):
            raise OSError(request.param, os.strerror(request.param))
        flock(handle, kind)

    if request.param is not None:
        monkeypatch.setattr(fcntl, "flock", answer)
    return request.param


def test_a_lock_is_held_once(without, tmp_path, capsys):
    path = tmp_path / ".lock"
    with locks.locked(path, wait=False):
        with pytest.raises(BlockingIOError), locks.locked(path, wait=False):
            pytest.fail("held twice")
        with locks.locked(tmp_path / "other", wait=False):
            pass
    with locks.locked(path, wait=False):
        pass
    said = capsys.readouterr().err
    assert said.count("file system without locks") == (without is not None) == said.count("\n")


def test_a_lock_is_of_the_file_that_has_the_name(tmp_path, monkeypatch):
    """Between the opening and the locking its holder takes the first one away."""
    path, flock, others = tmp_path / "lock", fcntl.flock, contextlib.ExitStack()

    def late(handle, kind):
        if handle.fileno() == first.fileno():
            return flock(handle, kind)
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()
        others.enter_context(locks.locked(path, wait=False))
        return flock(handle, kind)

    with path.open("wb") as first, others:
        monkeypatch.setattr(fcntl, "flock", late)
        with pytest.raises(BlockingIOError), locks.locked(path, wait=False):
            pytest.fail("held twice")


def test_a_lock_is_no_link_and_no_pipe(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError), locks.locked(tmp_path / name, wait=False):
            pytest.fail("locked")
    assert not (tmp_path / "elsewhere").exists()


def test_two_processes_that_begin_the_same_runs_at_once_do_not_meet(tmp_path):
    """They probed the directory with a file of one name, which the first one deleted."""
    at_once, failed = FORKED.Barrier(2), FORKED.SimpleQueue()
    processes = [FORKED.Process(target=_begin, args=(tmp_path, at_once, failed)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert failed.empty(), failed.get()
    assert [process.exitcode for process in processes] == [0, 0]


def _begin(place, at_once, failed):
    for number in range(20):
        at_once.wait(60)
        for _ in range(100):
            try:
                RunDirectory(place / f"run{number}").create()
            except Exception as error:
                failed.put(repr(error))
                return at_once.abort()


@pytest.fixture
def no_cache_named(monkeypatch, tmp_path):
    for name in ("KANTOR_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    messages.say_once.cache_clear()
    return tmp_path / f"kantor-{os.getuid()}" / "cache"


def test_without_a_home_to_write_to_the_cache_is_temporary_and_that_is_said(no_cache_named, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert places.cache_root() == places.cache_root() == no_cache_named
    assert capsys.readouterr().err.count(f"so the cache is {no_cache_named.parent}") == 1


def test_without_any_home_too(no_cache_named, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert places.cache_root() == no_cache_named


def test_a_temporary_directory_of_somebody_else_is_not_used(no_cache_named, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    no_cache_named.parent.mkdir(mode=0o700)
    no_cache_named.parent.chmod(0o777)
    with pytest.raises(UserError, match="KANTOR_CACHE=DIR"):
        places.cache_root()
    no_cache_named.parent.rmdir()
    no_cache_named.parent.symlink_to(no_cache_named.parent.parent)
    with pytest.raises(UserError, match="KANTOR_CACHE=DIR"):
        places.cache_root()

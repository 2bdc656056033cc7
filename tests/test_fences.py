"""A process that has lost its lease changes nothing, at whatever operation it stood still: between any two of them the
directory is taken over here, and what its new holder has written stays as it is."""

import contextlib
import errno
import json
import os
import threading

import pytest
from faults.operations import watched

from kantor import atomic, fences
from kantor.atomic import append_rows, remove, replacing, second_name, write_json, write_text
from kantor.errors import LeaseLost
from kantor.runs import lease, lease_files
from kantor.runs.lease import held
from kantor.runs.owners import Life


def save(path):
    with replacing(path, keep=path.with_name("previous.ckpt")) as file:
        file.write(b"zombie")


OPERATIONS = {
    "write": lambda run: write_json(run / "status.json", "zombie"),
    "write what was not there": lambda run: write_text(run / "figures" / "a.svg", "zombie"),
    "save": lambda run: save(run / "checkpoints" / "last.ckpt"),
    "append": lambda run: append_rows(run / "metrics.csv", ["a"], [{"a": "zombie"}]),
    "append to all anew": lambda run: append_rows(run / "metrics.csv", ["a"], [{"a": "zombie"}], whole=True),
    "remove": lambda run: remove(run / "status.json"),
    "remove a directory": lambda run: remove(run / "checkpoints"),
    "remove what was not there": lambda run: remove(run / "nothing"),
    "second name": lambda run: second_name(run / "checkpoints" / "previous.ckpt", run / "checkpoints" / "last.ckpt"),
}
FILES = {"status.json": "old", "metrics.csv": "a\n1\n", "checkpoints/last.ckpt": "2", "checkpoints/previous.ckpt": "1"}


def begin(run):
    for name, text in FILES.items():
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text(text)


def take_over(run, monkeypatch):
    """What the next holder does first: it takes the lease, cuts metrics.csv and writes files of its own."""
    with monkeypatch.context() as patch:
        patch.setattr(lease_files.Found, "life", lambda found: Life.GONE)
        patch.delenv(fences.VARIABLE, raising=False)
        other = lease._taken(run.resolve(), ".lease", wait=False)
    (run / "cut").write_text("a\n1\n")
    (run / "cut").replace(run / "metrics.csv")
    for name in ("status.json", "checkpoints/last.ckpt", "checkpoints/previous.ckpt"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("new")
    return other


def state(run):
    return {str(path.relative_to(run)): path.is_file() and path.read_bytes() for path in run.rglob("*")}


def done(run, act, at, monkeypatch, *, before=lambda words: None):
    """Do something, and take over before its operation of a number: the words of its operations, the state at the
    takeover (None where it did not come to it), and whether it said that it has lost."""
    seen, taken, said = [], [], False

    def look(number, words):
        if threading.current_thread() is not threading.main_thread() or getattr(look, "deaf", False):
            return False
        seen.append(words)
        if len(seen) - 1 == at:
            look.deaf = True
            taken.append(take_over(run, monkeypatch))
            taken.append(state(run))
            look.deaf = False
        return False

    with held(run, ".lease", wait=False), watched(run, look, lambda: None):
        try:
            act(run)
        except LeaseLost as error:
            said = "lost to 2" in str(error)
    if taken:
        taken[0].release()
    return seen, taken, said


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_process_that_lost_its_lease_before_any_of_its_operations_writes_nothing(name, tmp_path, monkeypatch):
    act = OPERATIONS[name]
    run = tmp_path / "whole"
    run.mkdir()
    begin(run)
    operations, _, said = done(run, act, -1, monkeypatch)
    assert not said and (operations or "not there" in name)
    for at in range(len(operations)):
        run = tmp_path / str(at)
        run.mkdir()
        begin(run)
        seen, (_, before), said = done(run, act, at, monkeypatch)
        after = {path: content for path, content in state(run).items() if not path.startswith(".lease.")}
        kept = {path: content for path, content in before.items() if not path.startswith(".lease.")}
        last = at == len(operations) - 1 and ("remove" in seen[at] or "rmdir" in seen[at])
        assert after == kept, f"{name}: taken over before {seen[at]}"
        assert said or last, f"{name}: taken over before {seen[at]}, and not told"  # only its scratch was left to clear


def test_a_holder_writes_out_of_its_scratch_directory(tmp_path, monkeypatch):
    begin(tmp_path)
    with held(tmp_path, ".lease", wait=False):
        seen = []
        with watched(tmp_path, lambda number, words: bool(seen.append(words)), lambda: None):
            write_json(tmp_path / "a.json", 1)
        assert [words.split("/")[0].rpartition(".")[2] for words in seen if words.startswith("open")] == ["d"]
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_whoever_holds_none_writes_as_ever(tmp_path):
    begin(tmp_path)
    with held(tmp_path, ".lease", wait=False), monkeyed_environment():
        write_json(tmp_path / "status.json", "evaluated")
        write_json(tmp_path / "a" / "b.json", 1)
    assert (tmp_path / "status.json").read_text() == '"evaluated"\n'


@contextlib.contextmanager
def monkeyed_environment():
    """As a process that has not been started by the holder."""
    kept = os.environ.pop(fences.VARIABLE)
    try:
        yield
    finally:
        os.environ[fences.VARIABLE] = kept


def test_two_leases_of_one_directory_fence_it_both(tmp_path, monkeypatch):
    """Training publishes while it holds the run: to lose either is to lose it."""
    for lost in (".lease", ".publication"):
        run = tmp_path / lost
        run.mkdir()
        with held(run, ".lease", wait=False), held(run, ".publication", wait=True):
            with replacing(run / "card.json") as file:
                file.write(b"first")
            with pytest.raises(LeaseLost, match="lost to 2"), replacing(run / "card.json") as file:
                file.write(b"zombie")
                with monkeypatch.context() as patch:
                    patch.setattr(lease_files.Found, "life", lambda found: Life.GONE)
                    patch.delenv(fences.VARIABLE)
                    other = lease._taken(run.resolve(), lost, wait=False)
                with pytest.raises(FileNotFoundError):  # as if it had looked just before
                    os.rename(file.raw._file.name, run / "card.json")
            assert (run / "card.json").read_text() == "first"
        other.release()


def test_a_directory_that_is_gone_is_not_made_again(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with held(run, ".lease", wait=False):
        run.rename(tmp_path / "moved")
        for act in OPERATIONS.values():
            with pytest.raises(LeaseLost, match="run is gone"):
                act(run)
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
@pytest.mark.parametrize("leased", [True, False])
def test_what_lay_there_is_kept_without_hard_links_too(tmp_path, monkeypatch, number, leased):
    begin(tmp_path)

    def refuse(*given):
        raise OSError(number, os.strerror(number))

    with held(tmp_path, ".lease", wait=False) if leased else contextlib.nullcontext():
        monkeypatch.setattr(atomic.os, "link", refuse)
        save(tmp_path / "checkpoints" / "last.ckpt")
    checkpoints = {path.name: path.read_text() for path in (tmp_path / "checkpoints").iterdir()}
    assert checkpoints == {"last.ckpt": "zombie", "previous.ckpt": "2"}


def test_there_is_a_last_file_at_each_moment_and_one_that_has_both_names_is_kept_right(tmp_path):
    begin(tmp_path)
    last, previous = tmp_path / "checkpoints" / "last.ckpt", tmp_path / "checkpoints" / "previous.ckpt"
    second_name(last, previous)
    assert last.samefile(previous)
    save(last)
    assert (last.read_text(), previous.read_text()) == ("zombie", "2")
    assert sorted(path.name for path in last.parent.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_a_lost_lease_is_no_error_of_the_system():
    assert not issubclass(LeaseLost, OSError | RuntimeError | ValueError)

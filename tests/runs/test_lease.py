"""Leases: one holder, on any file system, whatever becomes of processes, clocks and disks."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from holders import LONG, Holder, names, refused, rewritten, taken

from kantor import fences
from kantor.errors import Held, LeaseLost, UserError
from kantor.runs import lease, lease_files
from kantor.runs.lease import Watch, held, is_held

# One holder after the other


def test_numbers_grow_and_the_newest_stays(tmp_path):
    for number in range(1, 13):
        with held(tmp_path, ".lease", wait=False):
            token = json.loads((tmp_path / f".lease.{number}").read_text())["token"]
            assert names(tmp_path) == sorted([f".lease.{number}", f".lease.{number}.{token}.d"])
            assert is_held(tmp_path, ".lease") and not is_held(tmp_path, ".publication")
            refused(tmp_path)
        assert names(tmp_path) == [f".lease.{number}"] and not is_held(tmp_path, ".lease")


def test_leases_of_two_names_are_two(tmp_path):
    with held(tmp_path, ".publication", wait=True), held(tmp_path, ".lease", wait=False):
        pass
    assert names(tmp_path) == [".lease.1", ".publication.1"]


def test_a_holder_is_named_and_ends(tmp_path, holder):
    other = holder(beat=LONG)
    assert is_held(tmp_path, ".lease")
    with pytest.raises(Held, match=rf"\({other.process.pid} on "), held(tmp_path, ".lease", wait=False):
        pytest.fail("held twice")
    other.end()
    assert not is_held(tmp_path, ".lease")
    assert ".lease.2" in taken(tmp_path) and names(tmp_path) == [".lease.2"]


def test_a_killed_holder_is_followed_at_once(tmp_path, holder):
    other = holder(beat=LONG)
    other.kill()
    assert not is_held(tmp_path, ".lease")
    assert len(taken(tmp_path)) == 2  # the scratch directory of the dead one is gone
    assert names(tmp_path) == [".lease.2"]


def test_so_is_one_that_nobody_has_waited_for(tmp_path, holder):
    other = holder(beat=LONG)
    other.process.kill()
    os.waitid(os.P_PID, other.process.pid, os.WEXITED | os.WNOWAIT)
    assert ".lease.2" in taken(tmp_path)


def test_another_process_under_the_number_of_a_dead_one_holds_nothing(tmp_path, holder):
    holder(beat=LONG)
    rewritten(tmp_path, owner={"started": "1"})
    assert not is_held(tmp_path, ".lease")
    assert ".lease.2" in taken(tmp_path)


def test_what_could_not_be_let_go_of_is_held_no_more(tmp_path, monkeypatch):
    def fail(file, content):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with held(tmp_path, ".lease", wait=False):
        monkeypatch.setattr(lease, "write", fail)
    assert json.loads((tmp_path / ".lease.1").read_text())["state"] == "held"
    assert not is_held(tmp_path, ".lease")
    assert ".lease.2" in taken(tmp_path)


def test_a_forked_process_does_not_let_go_for_its_parent(tmp_path):
    with held(tmp_path, ".lease", wait=False):

        def leave():
            with contextlib.suppress(KeyError), held(tmp_path / "other", ".lease", wait=False):
                raise KeyError

        (tmp_path / "other").mkdir()
        child = os.fork()
        if child == 0:
            try:
                leave()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert is_held(tmp_path, ".lease")
        refused(tmp_path)
        fences.check()


# The clock of whoever waits


def test_a_lease_is_dead_when_it_has_stood_still_for_three_beats():
    watch = Watch()
    for now in range(13):
        watch.look(b"a", 4.0, float(now))
        assert watch.is_dead(4.0) == (now >= 12) and not watch.is_alive(4.0)
    watch.look(b"b", 4.0, 13.0)
    assert not watch.is_dead(4.0) and watch.is_alive(4.0)


def test_whoever_was_frozen_has_not_waited():
    watch = Watch()
    watch.look(b"a", 10.0, 0.0)
    watch.look(b"a", 10.0, 5_000.0)
    assert watch.still == 10.0 and not watch.is_dead(10.0)


def test_a_beat_since_a_look_long_ago_says_nothing_of_now():
    watch = Watch()
    watch.look(b"a", 10.0, 0.0)
    watch.look(b"b", 10.0, 5_000.0)
    assert not watch.is_alive(10.0)
    watch.look(b"c", 10.0, 5_001.0)
    assert watch.is_alive(10.0)


@pytest.mark.parametrize("given", ["0", "x", "nan", "inf", "-1", "1e9", ""])
def test_a_beat_is_a_number_of_seconds(tmp_path, monkeypatch, given):
    monkeypatch.setenv("KANTOR_BEAT", given)
    with pytest.raises(UserError, match=rf"KANTOR_BEAT={given}: expected seconds between"):
        taken(tmp_path)
    assert names(tmp_path) == []


# What lies there


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[" * 500, b"\xff" * 512, b'{"owner": {}}', b'{"owner": {"host": 1}, "period": 1}'],
)
def test_a_lease_that_cannot_be_understood_is_watched(tmp_path, monkeypatch, content, capsys):
    (tmp_path / ".lease.7").write_bytes(content)
    monkeypatch.setattr(lease, "PATIENCE", 0.01)
    assert ".lease.8" in taken(tmp_path)
    assert names(tmp_path) == [".lease.8"]


@pytest.mark.parametrize("changed", [{"period": 1e9}, {"owner": {"process": -1}}, {"owner": {"host": "\x1b[2J"}}])
def test_neither_is_one_believed_that_says_what_none_can(tmp_path, changed):
    taken(tmp_path)
    rewritten(tmp_path, state="held", **changed)
    found = lease_files.newest(tmp_path, ".lease")
    assert found.owner is None and found.period == lease_files.BEAT


def test_a_lease_that_none_can_follow_and_one_too_large_are_to_be_taken_away(tmp_path):
    for name, content in ((".lease.999999999", b"{}"), (".lease.3", b"x" * 600)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}.*take it away"):
            taken(tmp_path)
        assert not is_held(tmp_path, ".lease")
        (tmp_path / name).unlink()


def test_other_names_are_no_leases(tmp_path):
    for name in (".lease.0", ".lease.01", ".lease.", ".lease.x", ".leases.3", ".lease.3.d", ".lease.1234567890"):
        (tmp_path / name).write_text("")
    assert ".lease.1" in taken(tmp_path)


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        taken(tmp_path / "gone")
    assert names(tmp_path) == [] and not is_held(tmp_path / "gone", ".lease")


# Losing it


def test_whose_directory_is_deleted_has_lost_it(tmp_path):
    root = tmp_path / "run"
    root.mkdir()
    with pytest.raises(LeaseLost, match="run is gone: it was deleted or moved"), held(root, ".lease", wait=False):
        shutil.rmtree(root)
        fences.check()
    assert not root.exists()


def test_so_has_one_whose_directory_was_made_anew_and_is_held_by_another(tmp_path):
    root = tmp_path / "run"
    root.mkdir()
    with pytest.raises(LeaseLost, match=r"lost to 1: this process held \.lease\.1"), held(root, ".lease", wait=False):
        shutil.rmtree(root)
        root.mkdir()
        other = Holder(root, beat=LONG)
        before = sorted((path.name, path.stat().st_mtime_ns) for path in root.iterdir())
        fences.check()
    assert sorted((path.name, path.stat().st_mtime_ns) for path in root.iterdir()) == before
    other.end()


def test_leases_are_known_to_processes_that_are_started_meanwhile(tmp_path):
    look = "from kantor import fences; from pathlib import Path; import sys; print(fences.over(Path(sys.argv[1])))"
    with held(tmp_path, ".lease", wait=False):
        asked = [sys.executable, "-c", look, str(tmp_path / "status.json")]
        assert ".lease" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert fences.VARIABLE not in os.environ and not fences.over(Path(tmp_path / "x"))

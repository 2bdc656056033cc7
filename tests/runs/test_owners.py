"""Owners of leases: known by their process here, by their beat elsewhere; no clock of another machine is read."""

import shutil
import signal
import sys
import time

import pytest
from holders import SHORT, Holder, names, refused, rewritten, taken, taken_soon

from kantor import fences
from kantor.runs import owners
from kantor.runs.lease import is_held
from kantor.runs.owners import Life, Owner


def test_an_owner_elsewhere_is_known_by_its_beat(tmp_path, holder):
    other = holder(beat=SHORT, place="a machine of the same name")
    assert is_held(tmp_path, ".lease")
    refused(tmp_path)
    other.kill()
    refused(tmp_path)  # it was seen to beat a moment ago
    assert ".lease.2" in taken_soon(tmp_path)


def test_whose_process_is_not_looked_up_here(tmp_path, holder):
    """Two containers of one name on one machine: the number of the process is another one's here, or nobody's."""
    holder(beat=SHORT, place="a container")
    rewritten(tmp_path, owner={"process": 2**22 + 1})
    refused(tmp_path)
    assert is_held(tmp_path, ".lease")


@pytest.mark.parametrize("differs", ["boot", "container", "host"])
def test_machines_starts_and_containers_are_places(differs, tmp_path, monkeypatch):
    files = tmp_path / "proc"
    (files / "sys/kernel/random").mkdir(parents=True)
    (files / "self/ns").mkdir(parents=True)

    def seen(**changed):
        shape = {"boot": "b1", "container": "c1", "host": "h1", **changed}
        (files / "sys/kernel/random/boot_id").write_text(shape["boot"])
        link = files / "self/ns/pid"
        link.unlink(missing_ok=True)
        link.symlink_to(shape["container"])
        return owners.place(shape["host"])

    monkeypatch.setattr(owners, "PROCESSES", files)
    assert seen() == seen() != seen(**{differs: "another"})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the start of a process is not told")
def test_what_is_known_of_a_process_here():
    here = Owner.here()
    assert here.life() is Life.GOING and here.is_this_process
    assert Owner(here.host, here.place, here.process, "").life() is Life.UNKNOWN
    assert Owner(here.host, here.place, here.process, "1").life() is Life.GONE
    assert Owner(here.host, here.place, 2**22 + 1, here.started).life() is Life.GONE
    assert Owner(here.host, "elsewhere", here.process, here.started).life() is Life.UNKNOWN


@pytest.mark.parametrize("shift", [-3600.0, 3600.0])
def test_clocks_that_differ_by_an_hour_change_nothing(tmp_path, holder, shift, monkeypatch):
    other, now = holder(beat=SHORT, place="elsewhere", shift=shift), time.time
    monkeypatch.setattr(time, "time", lambda: now() - shift)
    refused(tmp_path)
    other.kill()
    assert ".lease.2" in taken_soon(tmp_path)


@pytest.mark.parametrize("shift", [-3600.0, 3600.0])
def test_whoever_looks_again_and_again_sees_that_an_owner_elsewhere_is_gone(tmp_path, holder, shift, monkeypatch):
    """By the age of the file, one clock an hour back would show it for an hour."""
    other, now = holder(beat=SHORT, place="elsewhere"), time.time
    other.kill()
    monkeypatch.setattr(time, "time", lambda: now() + shift)
    for _ in range(6):
        is_held(tmp_path, ".lease")
        time.sleep(float(SHORT))
    assert not is_held(tmp_path, ".lease")


def test_a_stopped_owner_is_waited_for_and_followed(tmp_path, holder):
    other = holder(beat=SHORT)
    other.stop()
    assert ".lease.2" in taken(tmp_path)
    before = (tmp_path / ".lease.2").read_bytes()
    other.process.send_signal(signal.SIGCONT)
    time.sleep(5 * float(SHORT))
    other.end()
    assert names(tmp_path) == [".lease.2"] and (tmp_path / ".lease.2").read_bytes() == before


def test_a_copy_of_a_held_directory_is_held_by_nobody(tmp_path, holder):
    (tmp_path / "original").mkdir()
    other = Holder(tmp_path / "original", beat=SHORT)
    try:
        shutil.copytree(tmp_path / "original", tmp_path / "copy")
        assert ".lease.2" in taken(tmp_path / "copy")
        refused(tmp_path / "original")
    finally:
        other.kill()


def test_beats_are_seen_in_the_file_whose_size_stays(tmp_path, holder):
    holder(beat=SHORT)
    seen = set()
    while len(seen) < 5:
        content = (tmp_path / ".lease.1").read_bytes()
        assert len(content) == fences.CONTENT
        seen.add(content)

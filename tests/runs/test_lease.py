"""Leases: one holder, on any file system, whatever becomes of processes, clocks and disks."""

import contextlib
import errno
import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kantor import fences
from kantor.errors import Held, LeaseLost, UserError
from kantor.runs import lease, lease_files, owners
from kantor.runs.lease import Watch, held, is_held
from kantor.runs.owners import Life, Owner

CONTEXT = multiprocessing.get_context("fork")
LONG, SHORT = "120", "0.1"
"""Seconds of a beat: three of the one are longer than any test waits, of the other shorter than anybody notices."""

HOLDER = """
import os, sys, time
from pathlib import Path
from kantor.runs import owners
from kantor.runs.lease import held

root, place, shift = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
if place:
    owners.place = lambda host: place
now = time.time
time.time = lambda: now() + shift
with held(root, ".lease", wait=False):
    print("held", flush=True)
    sys.stdin.read()
"""


def environment(beat):
    """Of a process that the holder of a lease has not started."""
    return {name: value for name, value in os.environ.items() if name != fences.VARIABLE} | {"KANTOR_BEAT": beat}


class Holder:
    """A process that holds a directory until it is told to let go; `place` is where it says that it is."""

    def __init__(self, root, *, beat, place="", shift=0.0):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(root), place, str(shift)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment(beat),
        )  # fmt: skip
        assert self.process.stdout.readline() == "held\n"

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)


@pytest.fixture
def holder(tmp_path):
    """Makes holders of `tmp_path`, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(**given):
            made = Holder(tmp_path, **given)
            stack.callback(made.kill)
            return made

        yield make


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(lease, "_watches", {})


def names(root):
    return sorted(path.name for path in root.iterdir())


def taken(root):
    with held(root, ".lease", wait=False):
        return names(root)


def taken_soon(root):
    """By somebody who looks again while it is held, as a worker of a sweep does."""
    while True:
        with contextlib.suppress(Held):
            return taken(root)
        time.sleep(float(SHORT))


def refused(root):
    with pytest.raises(Held, match="is in use by another kantor process"), held(root, ".lease", wait=False):
        pytest.fail("held twice")


def rewritten(root, **changed):
    """Change what the newest lease says."""
    path = root / f".lease.{fences.newest(root, '.lease')}"
    told = json.loads(path.read_text())
    told["owner"].update(changed.pop("owner", {}))
    path.write_text(json.dumps({**told, **changed}).ljust(fences.CONTENT))


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


# Owners elsewhere


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


# Races


def refuse_links(monkeypatch):
    def refuse(*given, **named):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


def answer_locks(answer):
    def patch(monkeypatch):
        monkeypatch.setattr(fcntl, "flock", answer)

    return patch


def no_locks(*given):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


FILE_SYSTEMS = {
    "usual": lambda monkeypatch: None,
    "without hard links": refuse_links,
    "without locks": answer_locks(no_locks),
    "locks that are always granted": answer_locks(lambda *given: None),
}


def race(root, rounds, barrier, wins):
    """One of several that try to take the same directories at the same moments, and hold them until all have tried."""
    for number in range(rounds):
        barrier.wait(60)
        try:
            with held(root / str(number), ".lease", wait=False):
                wins.put(number)
                barrier.wait(60)
        except Held:
            barrier.wait(60)


@pytest.mark.parametrize("left", ["nothing", "a dead one", "released"])
@pytest.mark.parametrize("system", FILE_SYSTEMS)
def test_one_of_those_that_race_wins(tmp_path, monkeypatch, system, left):
    rounds, racers = 100, 3
    for number in range(rounds):
        place = tmp_path / str(number)
        place.mkdir()
        if left != "nothing":
            taken(place)
        if left == "a dead one":
            rewritten(place, state="held", owner={"started": "1"})
    FILE_SYSTEMS[system](monkeypatch)
    barrier, wins = CONTEXT.Barrier(racers), CONTEXT.Queue()
    processes = [CONTEXT.Process(target=race, args=(tmp_path, rounds, barrier, wins)) for _ in range(racers)]
    for process in processes:
        process.start()
    won = sorted(wins.get(timeout=60) for _ in range(rounds))
    for process in processes:
        process.join(60)
    assert won == list(range(rounds)) and wins.empty() and [process.exitcode for process in processes] == [0] * racers
    number = 1 if left == "nothing" else 2
    assert {name for place in tmp_path.iterdir() for name in names(place)} == {f".lease.{number}"}


def add(root, times):
    for _ in range(times):
        with held(root, ".publication", wait=True):
            total = int((root / "total").read_text())
            time.sleep(0.001)
            (root / "total").write_text(str(total + 1))


@pytest.mark.parametrize("system", FILE_SYSTEMS)
def test_whoever_waits_has_it_alone(tmp_path, monkeypatch, system):
    (tmp_path / "total").write_text("0")
    FILE_SYSTEMS[system](monkeypatch)
    processes = [CONTEXT.Process(target=add, args=(tmp_path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert (tmp_path / "total").read_text() == "60"
    assert names(tmp_path) == [".publication.60", "total"]


def test_numbers_that_went_by_while_one_stood_still_are_not_taken(tmp_path, monkeypatch):
    """It saw 1 free; two others came and went before it made 2, which was free again."""
    taken(tmp_path)
    link = os.link

    def late(*given):
        monkeypatch.setattr(os, "link", link)
        taken(tmp_path)
        taken(tmp_path)
        assert names(tmp_path)[-1] == ".lease.3"
        link(*given)

    monkeypatch.setattr(os, "link", late)
    with held(tmp_path, ".lease", wait=False):
        assert fences.newest(tmp_path, ".lease") == 4
        fences.check()
    assert names(tmp_path) == [".lease.4"]


def test_a_link_whose_first_answer_was_lost_was_made(tmp_path, monkeypatch):
    link = os.link

    def twice(*given):
        link(*given)
        link(*given)

    monkeypatch.setattr(os, "link", twice)
    assert ".lease.1" in taken(tmp_path)


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


# A full disk


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(place):
    with (place / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass


@pytest.mark.parametrize("links", [True, False])
def test_on_a_full_disk_nothing_is_taken_and_nothing_left(disk, monkeypatch, links):
    fill(disk)
    if not links:
        refuse_links(monkeypatch)
    with pytest.raises(OSError) as caught:
        taken(disk)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename.endswith(".lease.1")
    assert names(disk) == ["filler"]
    (disk / "filler").unlink()
    assert ".lease.1" in taken(disk)


def test_a_lease_is_kept_and_let_go_of_on_a_full_disk(disk, monkeypatch):
    monkeypatch.setenv("KANTOR_BEAT", SHORT)
    with held(disk, ".lease", wait=False):
        fill(disk)
        before = (disk / ".lease.1").read_bytes()
        while (disk / ".lease.1").read_bytes() == before:
            time.sleep(0.01)
        fences.check()
    assert not is_held(disk, ".lease")
    assert json.loads((disk / ".lease.1").read_text())["state"] == "released"


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

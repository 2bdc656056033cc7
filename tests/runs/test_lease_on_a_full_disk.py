"""Leases where nothing more can be written."""

import contextlib
import errno
import json
import subprocess
import time

import pytest
from holders import SHORT, names, refuse_links, taken

from kantor import fences
from kantor.runs.lease import held, is_held


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

"""Processes that hold a directory, and what tests of leases ask of it."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from kantor import fences
from kantor.errors import Held
from kantor.runs.lease import held

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


def refuse_links(monkeypatch):
    def refuse(*given, **named):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)

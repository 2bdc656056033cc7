"""A SLURM of two nodes on this machine, for as long as the tests need one: Debian's packages slurm-wlm and munge."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from small_runs import environment

PATIENCE = 240.0
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "scontrol")


def wait_until(holds, seconds=PATIENCE):
    """Wait for something to come true."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(0.2)


def parent_of(pid: int) -> int:
    """Of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Slurm:
    """Two nodes, n1 and n2, with two cores each.

    Args:
        directory: of its files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {**environment(), "SLURM_CONF": str(directory / "slurm.conf"), "OMP_NUM_THREADS": "1"}

    def start(self) -> None:
        for name in ("state", "spool.n1", "spool.n2"):
            (self.directory / name).mkdir()
        text = (Path(__file__).parent / "cluster" / "slurm.conf").read_text()
        text = text.replace("HOST", socket.gethostname().partition(".")[0]).replace("DIR", str(self.directory))
        (self.directory / "slurm.conf").write_text(text)
        if not Path("/run/munge/munge.socket.2").exists():
            Path("/run/munge").mkdir(exist_ok=True)
            shutil.chown("/run/munge", "munge", "munge")
            pid = "/run/munge/munged.pid"
            subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", f"munged --pid-file={pid}"], check=True)
            shutil.copy(pid, self.directory / "munged.pid")
        self.run("slurmctld", "-c")
        self.start_node("n1")
        self.start_node("n2")
        wait_until(lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D").split() == ["2"], 60)

    def start_node(self, name: str) -> None:
        self.run("slurmd", "-N", name)

    def kill_node(self, name: str, tasks: list[int]) -> None:
        """The daemon of a node and what runs there, at once, as where its power fails."""
        keepers = {parent_of(task) for task in tasks}  # slurmstepd: a step whose keeper lives on keeps its node busy
        for pid in [int((self.directory / f"slurmd.{name}.pid").read_text()), *keepers, *tasks]:
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End what was started here, by the ids that it wrote down."""
        self.run("scancel", "--user", "root", check=False)
        wait_until(lambda: not self.run("squeue", "-h"), 60)
        for file in self.directory.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGTERM)

    def run(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def submit(self, place: Path, script: str, *options: str) -> str:
        """Submit a script, which runs in `place` and calls kantor $KANTOR; the number of the job and its output."""
        begins = f'cd "{place}"; export PATH="{Path(sys.executable).parent}:$PATH"; KANTOR="{sys.executable} -m kantor"'
        (place / "job.sh").write_text(f"#!/bin/bash\n{begins}\n{script}\n")
        out = str(place / "%j.out")
        told = self.run("sbatch", "--parsable", "--open-mode=append", "-o", out, *options, str(place / "job.sh"))
        return told.strip()

    def state(self, job: str) -> str:
        """PENDING, RUNNING, COMPLETED, …"""
        told = self.run("scontrol", "show", "job", job, "--oneliner")
        return told.partition("JobState=")[2].split()[0]

    def wait(self, job: str) -> str:
        """How a job ended."""
        going = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED")
        wait_until(lambda: self.state(job) not in going)
        return self.state(job)

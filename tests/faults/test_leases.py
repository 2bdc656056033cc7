"""Trainings that lose what they hold: another one takes over while they stand still, or their directory is deleted.
They stop with a sentence and exit code 1, and change not a byte."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apart import Apart
from faults.equality import differences
from faults.scenarios import GAN
from small_runs import environment

pytestmark = pytest.mark.long

UNSCORED = ("evaluation=none", "pictures=none", "trainer.devices=2")
TWO = (*(word for word in GAN if not word.startswith(("evaluation.", "pictures."))), *UNSCORED)
PATIENCE = 200.0


@pytest.fixture(autouse=True)
def short_beats(monkeypatch):
    monkeypatch.setenv("KANTOR_BEAT", "0.2")


class Program(Apart):
    """The same, started as a shell does: it may have workers."""

    def __init__(self, log: Path, *words: str) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kantor", *words], env=environment(), stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)


def start(root: Path, *words: str, at: int | None = None) -> Apart:
    """A training that stops itself in its save of a number, before the file has its name."""
    root.mkdir(exist_ok=True)
    log = root.with_name(f"{root.name}.{len(list(root.parent.glob(f'{root.name}.*')))}")
    words = (*words, f"outputs={root / 'outputs'}")
    if words[: len(TWO)] == TWO:
        return Program(log, *words)
    return Apart(log, *words, signalled=None if at is None else (at, signal.SIGSTOP))


def stopped(training: Apart) -> None:
    """Wait until it stands still."""
    state = Path("/proc") / str(training.process.pid) / "stat"
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", training)


def wait_until(holds, training: Apart) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE and not training.ended, training.log.read_text()
        time.sleep(0.02)


def wake(training: Apart) -> None:
    os.kill(training.process.pid, signal.SIGCONT)


def state(root: Path) -> dict[str, tuple[bytes, int] | None]:
    """All that lies below a directory, to the byte, and when it was written; but for beats."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in root.rglob("*")
        if not path.name.startswith((".lease.", ".publication."))
    }


def run_of(root: Path) -> Path:
    (found,) = root.glob("outputs/*/*")
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Undisturbed."""
    root = tmp_path_factory.mktemp("undisturbed") / "whole"
    assert start(root, *GAN).wait() == 0
    return root


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_training_that_stood_still_finds_it_lost_and_changes_nothing(whole, tmp_path, at):
    """Its follower stands in a save of its own, too, when it wakes."""
    root = tmp_path / "it"
    zombie = start(root, *GAN, at=at)
    stopped(zombie)
    follower = start(root, *GAN, at=1)
    stopped(follower)
    before = state(root)
    wake(zombie)
    assert zombie.wait() == 1
    assert "it/outputs" in zombie.log.read_text() and ": lost to 2: " in zombie.log.read_text().splitlines()[-1]
    assert "Traceback" not in zombie.log.read_text()
    assert state(root) == before
    wake(follower)
    assert follower.wait() == 0, follower.log.read_text()
    assert differences(whole, root) == []
    assert "lost" not in follower.log.read_text()


def test_one_whose_follower_has_ended_too(whole, tmp_path):
    root = tmp_path / "it"
    zombie = start(root, *GAN, at=2)
    stopped(zombie)
    assert start(root, *GAN).wait() == 0
    before = state(root)
    wake(zombie)
    assert zombie.wait() == 1 and ": lost to 2: " in zombie.log.read_text()
    assert state(root) == before and differences(whole, root) == []


def test_workers_whose_parent_stood_still_are_stopped_with_it(tmp_path):
    """They went on; what they write is refused, and their parent ends them when it wakes."""
    whole, root = tmp_path / "whole", tmp_path / "it"
    assert start(whole, *TWO).wait() == 0
    zombie = start(root, *TWO)
    wait_until(lambda: any(root.rglob("metrics.csv")), zombie)
    os.kill(zombie.process.pid, signal.SIGSTOP)
    follower = start(root, *TWO)
    assert follower.wait() == 0, follower.log.read_text()
    before = state(root)
    wake(zombie)
    assert zombie.wait() == 1 and ": lost to 2: " in zombie.log.read_text().splitlines()[-1], zombie.log.read_text()
    assert state(root) == before and differences(whole, root) == []


@pytest.mark.parametrize("how", ["deleted", "moved"])
@pytest.mark.parametrize("words", [GAN, TWO], ids=["one process", "two processes"])
def test_a_training_whose_directory_is_gone_stops_and_makes_nothing_again(tmp_path, how, words):
    root = tmp_path / "it"
    training = start(root, *words, "budget.steps=1000000", "trainer.checkpoint_every=40")
    wait_until(lambda: any(root.rglob("last.ckpt")), training)
    run, elsewhere = run_of(root), tmp_path / "elsewhere"
    run.rename(elsewhere)  # at one blow, as no deletion is
    if how == "deleted":
        shutil.rmtree(elsewhere)
    else:
        before = state(elsewhere)
    assert training.wait() == 1
    told = training.log.read_text()
    assert f"{run.resolve()} is gone: " in told.splitlines()[-1] and "Traceback" not in told
    assert not run.exists()
    assert how == "deleted" or state(elsewhere) == before

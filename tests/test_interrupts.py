"""Ctrl-C and SIGTERM at any moment: one sentence, 130 or 143, and a sweep stops as a whole."""

import contextlib
import json
import os
import pkgutil
import signal
import subprocess
import sys

import pytest
from small_runs import FAST, SMALL, environment

from kantor import interrupts
from kantor.errors import Interrupted
from kantor.evaluation.generation import pieces
from kantor.processes import Processes

WORDS = ("train", "experiment=point_demo_gp", "budget.steps=1", *FAST)
SWEEP = ("train", "-m", *WORDS[1:], "seed=0,1")

MOMENTS = {
    "composing": "kantor.sweeps.composer.drafted",
    "assembling": "kantor.engine.train.assemble",
    "beginning": "kantor.engine.train.prepare",
    "in Lightning before the first step": "pytorch_lightning.loops.fit_loop._FitLoop.setup_data",
    "in Lightning after the last step": "kantor.callbacks.clock.Clock.on_train_end",
    "concluding": "kantor.engine.train.conclude",
}
IN_LIGHTNING = "in Lightning before the first step"
SAVED = "in Lightning after the last step"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def ringing(monkeypatch, place, number, *, swallowed=False):
    """Send this process a signal where a function is called first; perhaps somebody loses what comes of it."""
    module, _, name = place.rpartition(".")
    owner = pkgutil.resolve_name(module)
    function, rung = getattr(owner, name), []

    def ring(*words, **more):
        if not rung:
            rung.append(1)
            try:
                os.kill(os.getpid(), number)
            except KeyboardInterrupt:
                if not swallowed:
                    raise
        return function(*words, **more)

    monkeypatch.setattr(owner, name, ring)


@pytest.mark.parametrize(
    ("moment", "number"), [*((moment, signal.SIGINT) for moment in MOMENTS), (IN_LIGHTNING, signal.SIGTERM)]
)
def test_a_sweep_stops_as_a_whole_at_any_moment(kantor, tmp_path, monkeypatch, moment, number):
    before = signal.getsignal(number)
    ringing(monkeypatch, MOMENTS[moment], number)
    done = kantor(*SWEEP, check=CODES[number])
    said = f"{'saved' if moment == SAVED else 'stopped'}; the same command goes on from here"
    assert done.stderr.splitlines()[-1] == f"kantor: {said}" and "Traceback" not in done.stderr
    assert "2 jobs" not in done.stdout
    states = [json.loads(path.read_text())["state"] for path in tmp_path.rglob("status.json")]
    assert len(states) <= 1 and set(states) <= {"new", "running", "finished"}
    assert signal.getsignal(number) == before
    if moment == "concluding":
        assert "2 jobs: 2 done" in kantor(*SWEEP).stdout


@pytest.mark.parametrize("moment", ["assembling", "beginning"])
def test_a_signal_that_somebody_loses_stops_the_sweep_all_the_same(kantor, tmp_path, monkeypatch, moment):
    """As destructors and the imports of some packages do."""
    ringing(monkeypatch, MOMENTS[moment], signal.SIGINT, swallowed=True)
    kantor(*SWEEP, check=130)
    assert not list(tmp_path.rglob("last.ckpt"))


def test_ctrl_c_while_a_run_is_scored_loses_nothing_of_it(kantor, tmp_path, monkeypatch):
    words = ("train", "experiment=point_demo_gp", "budget.steps=4", *SMALL, "pictures=none")
    with monkeypatch.context() as patch:
        ringing(patch, "kantor.engine.fit.score_once", signal.SIGINT)
        done = kantor(*words, check=130)
    assert done.stderr.splitlines()[-1] == "kantor: stopped; the same command goes on from here"
    (status,) = tmp_path.rglob("status.json")
    assert json.loads(status.read_text())["attempts"][0]["outcome"] == "interrupted"
    assert "going on from step 4" in kantor(*words).stderr


@pytest.mark.parametrize("words", [("list",), ("status",), ("data", "gaussians8"), ("compare", "outputs")])
def test_every_command_says_that_it_is_stopped(kantor, tmp_path, monkeypatch, words):
    (tmp_path / "outputs").mkdir()
    place = {"list": "kantor.cli.listing.show", "status": "kantor.report.status.print_status",
             "data": "kantor.cli.data_card.show", "compare": "kantor.cli.commands.named"}[words[0]]  # fmt: skip
    ringing(monkeypatch, place, signal.SIGINT)
    done = kantor(*words, check=130)
    assert done == ("", "kantor: stopped\n")


def test_what_was_heard_is_heard_again_until_the_command_ends():
    with pytest.raises(Interrupted), interrupts.listening():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt as stop:
            assert (stop.signal_number, stop.saved) == (signal.SIGTERM, False)
        interrupts.check()
    interrupts.check()


def test_what_a_destructor_loses_ends_the_command_all_the_same():
    """At the next piece of work, and at the end at the latest."""
    made = []

    def lost(c):
        if c == 1:
            with contextlib.suppress(Interrupted):
                os.kill(os.getpid(), signal.SIGINT)
        made.append(c)

    with pytest.raises(Interrupted), interrupts.listening():
        pieces(lost, 5, Processes())
    assert made == [0, 1]
    with pytest.raises(Interrupted), interrupts.listening():
        lost(1)


def test_a_signal_that_was_ignored_before_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.listening():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("started_by", ["torchrun or SLURM", "a parent"])
def test_a_ranks_own_copy_of_a_signal_that_another_told_it_of_is_no_second_one(monkeypatch, started_by):
    """However late it comes; the next one is."""
    passed = [1]
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(interrupts, "_heard", [])
    monkeypatch.setattr(interrupts, "ECHO", 0.0)
    own = interrupts.passed_on(lambda: passed[0]) if started_by == "a parent" else contextlib.nullcontext()
    with pytest.raises(Interrupted), own, interrupts.listening():
        interrupts.learn()
        os.kill(os.getpid(), signal.SIGUSR1)
        interrupts.check()
        passed[0] = 2
        os.kill(os.getpid(), signal.SIGUSR1)


EARLY = """
import os, signal, sys
class Ringing:
    def find_spec(self, name, path=None, target=None):
        if name == "kantor.cli.table":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Ringing())
from kantor.__main__ import start
sys.exit(start())
"""
TWICE = """
import os, signal
from kantor import interrupts
with interrupts.listening():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize(
    ("code", "expected", "said"), [(EARLY, 130, "kantor: stopped\n"), (TWICE, 143, "kantor: stopped at once\n")]
)
def test_before_the_first_word_is_read_and_when_patience_ends(code, expected, said):
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (expected, said)


def test_little_is_imported_before_ctrl_c_is_heard():
    """Until then Python prints a traceback."""
    code = "import sys, kantor.__main__; print(*sorted(name for name in sys.modules if name.startswith('kantor')))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["kantor", "kantor.__main__", "kantor.errors", "kantor.version"]

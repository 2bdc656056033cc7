"""Damaged and hostile run directories by every command that reads one: each is refused in one sentence with exit 2, or
does no harm. Prints a table; run by `make faults`."""

import contextlib
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from hostile_runs import SECRET, of_files, of_values
from small_runs import environment

from kantor.cli import main as cli

pytestmark = pytest.mark.long

SECONDS = 60
"""After which a command hangs."""
BRIEF = ("evaluation.n=64", "evaluation.draws=1")
BAD, GOOD = "outputs/small/bad", "outputs/small/good"
COMMANDS = {
    "status": ("status",),
    "compare": ("compare", BAD, GOOD),
    "compare out": ("compare", BAD, GOOD, "out=compared"),
    "why": ("why", BAD),
    "sample": ("sample", f"run={BAD}", "n=4", "out=drawn.npz"),
    "sample into it": ("sample", f"run={BAD}", "n=4"),
    "evaluate": ("evaluate", f"run={BAD}", *BRIEF),
    "extend": ("train", f"run={BAD}", "budget.steps=41", "evaluation=none", "pictures=none"),
    "latest": ("sample", "run=latest", "n=4", "out=drawn.npz"),
    "complete": ("complete", "words", "kantor", "why"),
}
QUICK = ("status", "compare", "why")
"""Tried with every wrong value; the others with every one in `SPARSE`."""
SPARSE = 12


class Hangs(BaseException):
    """A command took longer than it may."""


def stop(*_):
    raise Hangs


def digest(place):
    """Of all that lies outside the runs: names, kinds, contents."""
    parts = []
    for path in sorted(place.rglob("*")):
        parts.append(f"{path}{path.is_symlink()}{path.read_bytes() if path.is_file() else ''}")
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def called(words):
    """The exit code and what was printed; None for the code of a command that hangs."""
    out, err = io.StringIO(), io.StringIO()
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(list(words))
    except Hangs:
        code = None
    finally:
        signal.alarm(0)
    return code, out.getvalue(), err.getvalue()


class Table:
    """What became of each trial, by kind."""

    def __init__(self):
        self.counts, self.wrong = {}, []

    def add(self, kind, command, code, out, err, *, harmed):
        """Judge one."""
        count = self.counts.setdefault(kind, Counter())
        count["tried"] += 1
        printed = out + err
        refused = code == 2 and sum(line.startswith("kantor: ") for line in err.splitlines()[-1:]) == 1
        verdicts = {
            "refused": refused,
            "done": code == 0,
            "hung": code is None,
            "harmed": harmed or SECRET in printed,
            "raw": code not in (0, 2, None) or (code == 2 and not refused) or "Traceback" in err,
            "escapes": any(not letter.isprintable() and letter != "\n" for letter in printed.replace("\r", "")),
        }
        for name, holds in verdicts.items():
            count[name] += holds
        if any(verdicts[name] for name in ("hung", "harmed", "raw", "escapes")):
            self.wrong.append(f"{kind} | {command} | {code} | {err.strip().splitlines()[-1:]}")
            print(self.wrong[-1], flush=True)

    def show(self):
        """Print it; the trials that went wrong below."""
        names = ("tried", "refused", "done", "raw", "escapes", "harmed", "hung")
        print("\n" + "kind".ljust(44) + "".join(name.rjust(9) for name in names))
        for kind, count in self.counts.items():
            print(kind.ljust(44) + "".join(str(count[name]).rjust(9) for name in names))
        whole = sum(self.counts.values(), Counter())
        print("all".ljust(44) + "".join(str(whole[name]).rjust(9) for name in names))
        print("\n".join(self.wrong))


def kind_of(name):
    """`status.json: pipe` of a file, `status.json: null` of a value."""
    file, _, what = name.partition(": ")
    return f"{file.partition(' ')[0].replace('-0123456789', '')}{' value' if ' ' in file else ''}: {what}"


@pytest.fixture
def beside(tmp_path, monkeypatch, finished):
    """A directory with two runs, one as it was, and somebody else's files."""
    monkeypatch.chdir(tmp_path)
    for place in (BAD, GOOD, "whole"):
        shutil.copytree(finished, tmp_path / place)
    (evaluation,) = (tmp_path / "whole" / "evaluations").glob("*.json")
    evaluation.rename(evaluation.with_name("toy-0123456789.json"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    return tmp_path


def tried(beside, table, name, change, commands):
    """Every command on a run that was changed."""
    before = digest(beside / "outside")
    for command in commands:
        shutil.rmtree(beside / BAD)
        shutil.copytree(beside / "whole", beside / BAD)
        change(beside / BAD)
        code, out, err = called(COMMANDS[command])
        harmed = digest(beside / "outside") != before or (beside / "executed").exists()
        pages = [page for page in beside.glob("**/*.html") if page.is_file() and not page.is_symlink()]
        harmed |= any(SECRET.encode() in page.read_bytes() for page in pages)
        table.add(kind_of(name), command, code, out, err, harmed=harmed)
        for made in ("compared", "outputs/point_demo_gp"):
            shutil.rmtree(beside / made, ignore_errors=True)
        (beside / "drawn.npz").unlink(missing_ok=True)


def part_of(changes):
    """All of them; with KANTOR_FAULTS=0.1 a tenth, and another one each day."""
    step = round(1 / float(os.environ.get("KANTOR_FAULTS", "1")))
    return list(changes.items())[int(time.time() // 86400) % step :: step]


def test_files_and_directories(beside, without_charts):
    table = Table()
    for name, change in part_of(of_files()):
        tried(beside, table, name, change, COMMANDS)
    table.show()
    assert table.wrong == []


def test_values(beside, without_charts):
    table = Table()
    for place, (name, change) in enumerate(part_of(of_values(beside / "whole"))):
        tried(beside, table, name, change, COMMANDS if place % SPARSE == 0 else QUICK)
    table.show()
    assert table.wrong == []


@pytest.mark.parametrize(
    "kind", ["status.json: pipe", "config.yaml: YAML, alias bomb", "metrics.csv: link to a device"]
)
def test_commands_of_their_own_process(kind, beside):
    of_files()[kind](beside / BAD)
    for words in (COMMANDS["status"], COMMANDS["why"], COMMANDS["sample"], COMMANDS["complete"]):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "kantor", *words], env=environment(), cwd=beside, capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == (0 if words[0] in ("status", "complete") else 2), done.stderr
        assert done.returncode == 0 or len(done.stderr.splitlines()) == 1
        assert time.monotonic() - began < SECONDS

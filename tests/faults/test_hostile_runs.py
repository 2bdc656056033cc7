"""Damaged and hostile run directories by every command that reads one: each is refused in one sentence with exit 2, or
does no harm. Prints a table; run by `make faults`."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from faults.children import SECONDS, Ended, forked
from faults.forks import MODULES
from faults.plain_drawing import draw_plainly
from hostile_attacks import DIRECTORIES, of_attacks
from hostile_runs import OWNED, SECRET, of_files, of_values
from small_runs import SMALL, environment

from kantor import load
from kantor.cli import main as cli
from kantor.engine.verify import verify
from kantor.errors import UserError
from kantor.report.verification import print_verification
from kantor.runs.directory import RunDirectory

pytestmark = pytest.mark.long

BRIEF = ("evaluation.n=64", "evaluation.draws=1")
GOOD = "outputs/small/good"
SPARSE = 12
QUICK = ("status", "compare", "why")
"""Tried with every wrong value; the others with every one in `SPARSE`."""
MOST = 3 << 30
"""Bytes that a command may hold; so small a run needs a third of it."""


def commands(bad):
    """What reads a run directory, by name: words of a command line, or a function."""
    run = f"run={bad}"
    words = {
        "status": ("status",),
        "compare": ("compare", bad, GOOD),
        "compare out": ("compare", bad, GOOD, "out=compared"),
        "why": ("why", bad),
        "sample": ("sample", run, "n=4", "out=drawn.npz"),
        "sample into it": ("sample", run, "n=4"),
        "evaluate": ("evaluate", run, *BRIEF),
        "extend": ("train", run, "budget.steps=41", "evaluation=none", "pictures=none"),
        "train": ("train", "experiment=point_demo_gp", "budget.steps=40", *SMALL),
        "latest": ("sample", "run=latest", "n=4", "out=drawn.npz"),
        "complete": ("complete", "words", "kantor", "why"),
    }
    return {
        **{name: partial(cli.main, list(each)) for name, each in words.items()},
        "verify": partial(proved, bad),
        "python": partial(seen, bad),
    }


def seen(bad):
    """A run as Python sees it, in place of a command; its exit code."""
    code = 0
    for look in ("config", "card", "metrics", "health", "scores", "model", "sample"):
        try:
            found = getattr(load(bad), look)
            if callable(found):
                found(4) if look == "sample" else found()
        except UserError as error:
            code = 2
            print(f"kantor: {error}", file=sys.stderr)
    return code


def proved(bad):
    """A run verified, in place of a command: a verdict is no failure, whatever it is."""
    try:
        directory = RunDirectory.open(bad)
        for level in ("files", "score", "prefix"):
            print_verification(directory, verify(directory, level))
    except UserError as error:
        print(f"kantor: {error}", file=sys.stderr)
        return 2
    return 0


def plainly(work):
    """A command whose figures are not drawn."""
    draw_plainly()
    return work()


def digest(place, but):
    """Of all that lies below a directory but in some: names, kinds, sizes, times."""
    parts = []
    for above, directories, files in os.walk(place):
        directories[:] = [name for name in directories if os.path.join(above, name) not in but]
        for path in (os.path.join(above, name) for name in (*directories, *files)):
            if path not in but:
                found = os.lstat(path)
                kept = (
                    found.st_mode,
                    found.st_ino,
                    *(() if os.path.isdir(path) else (found.st_size, found.st_mtime_ns)),
                )
                parts.append(f"{path} {kept}")
    return hashlib.sha256("".join(sorted(parts)).encode("utf-8", "surrogateescape")).hexdigest()


READ_BY = {
    "last.ckpt by design, gone on with": ("train",),
    "last.ckpt by design": ("sample", "evaluate", "extend", "verify", "python"),
    "config.yaml by design": ("compare", "sample", "evaluate", "extend", "verify"),
    "texts by design": ("status", "compare out", "why", "evaluate"),
    "files by design, gone on with": ("train",),
    "files by design": ("status", "compare out", "sample", "evaluate", "extend", "verify"),
    "metrics.csv by design": ("status", "compare out", "evaluate", "extend", "verify"),
}
"""Which commands an attack by design meets."""
EMBEDDED = {".html": [OWNED.encode()], ".svg": [OWNED.encode()], ".md": [OWNED.encode()], ".tex": [rb"\input{/etc"],
            ".csv": [b",=HYPERLINK", b',"=HYPERLINK']}  # fmt: skip
"""What may not stand in a file of some kind."""
WRONG = ("raw", "escapes", "harmed", "hung", "swollen")


class Table:
    """What became of each trial, by kind."""

    def __init__(self):
        self.counts, self.wrong = {}, []

    def add(self, name, command, ended: Ended, *, harmed):
        """Judge one."""
        code, out, err = ended.code, ended.out, ended.err
        count = self.counts.setdefault(kind_of(name), Counter())
        count["tried"] += 1
        printed = out + err
        refused = code == 2 and sum(line.startswith("kantor: ") for line in err.splitlines()[-1:]) == 1
        verdicts = {
            "refused": refused,
            "done": code == 0,
            "hung": code is None,
            "harmed": harmed or SECRET in printed,
            "raw": code not in (0, 2, None) or (code == 2 and not refused) or "Traceback" in err,
            "escapes": any(not letter.isprintable() and letter not in "\n\r" for letter in printed),
            "swollen": ended.memory > MOST,
        }
        for verdict, holds in verdicts.items():
            count[verdict] += holds
        wrong = [verdict for verdict in WRONG if verdicts[verdict]]
        line = f"{name} | {command} | {code} | {err.strip().splitlines()[-1:]}"
        print("WRONG" if wrong else "right", wrong or "", ascii(line), flush=True)
        self.wrong += [line] if wrong else []

    def show(self):
        """Print it; the trials that went wrong below."""
        names = ("tried", "refused", "done", *WRONG)
        print("\n" + "kind".ljust(44) + "".join(name.rjust(9) for name in names))
        for kind, count in self.counts.items():
            print(kind.ljust(44) + "".join(str(count[name]).rjust(9) for name in names))
        whole = sum(self.counts.values(), Counter())
        print("all".ljust(44) + "".join(str(whole[name]).rjust(9) for name in names))
        print("\n".join(self.wrong))


def kind_of(name):
    """`pipe` of a file, `a value: null` of a value, `last.ckpt by design` of an attack."""
    file, _, what = name.partition(": ")
    return file if "by design" in file else f"a value: {what}" if " " in file else what


def remove(place):
    """Take a tree away, however deep it is."""
    subprocess.run(["rm", "-rf", "--", place], check=True)


class Beside:
    """A directory with two runs, one as it was, and somebody else's files."""

    def __init__(self, root, finished):
        self.root, self.bad = root, f"outputs/point_demo_gp/{finished.name}"
        for place in (self.bad, GOOD, "whole"):
            shutil.copytree(finished, root / place)
        (evaluation,) = (root / "whole" / "evaluations").glob("*.json")
        evaluation.rename(evaluation.with_name("toy-0123456789.json"))
        for name in ("outside", "home", "printed"):
            (root / name).mkdir()
        (root / "outside" / "secret.txt").write_text(SECRET)

    def shows(self):
        """Whether something that was made for a reader holds somebody's secret, or runs something there."""
        for above, _, files in os.walk(self.root):
            for path in (Path(above, name) for name in files):
                if path.suffix in EMBEDDED and path.is_file() and not path.is_symlink():
                    content = path.read_bytes()
                    if any(part in content for part in (SECRET.encode(), *EMBEDDED[path.suffix])):
                        return True
        return False

    def tried(self, table, name, change, chosen=None, *, drawn=True):
        """Every command on a run that was changed; `drawn` whether figures are, which takes most of the time."""
        made = ("compared", "outputs/point_demo_gp", "drawn.npz", "printed", "cache")
        but = {str(self.root / one) for one in made}
        for command, work in commands(self.bad).items():
            if chosen is not None and command not in chosen:
                continue
            remove(self.root / self.bad)
            shutil.copytree(self.root / "whole", self.root / self.bad)
            change(self.root / self.bad)
            before = digest(self.root, but)
            ended = forked(work if drawn else partial(plainly, work), self.root, self.root / "printed")
            harmed = digest(self.root, but) != before or self.shows()
            table.add(name, command, ended, harmed=harmed)
            remove(self.root / "compared")
            for other in (self.root / "outputs/point_demo_gp").iterdir():
                if other != self.root / self.bad:
                    remove(other)
            (self.root / "drawn.npz").unlink(missing_ok=True)


@pytest.fixture
def beside(tmp_path, monkeypatch, finished, without_charts):
    """Where the trials are, in a process that has all modules and has used them once."""
    for name in MODULES:
        import_module(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    place = Beside(tmp_path, finished)
    monkeypatch.chdir(tmp_path)
    assert commands("whole")["compare"]() == 0 and commands("whole")["sample"]() == 0
    return place


def part_of(changes):
    """All of them; with KANTOR_FAULTS=0.1 a tenth, and another one each day."""
    step = round(1 / float(os.environ.get("KANTOR_FAULTS", "1")))
    return list(changes.items())[int(time.time() // 86400) % step :: step]


def test_whole_runs_are_read(beside):
    table = Table()
    beside.tried(table, "whole: unchanged", lambda run: None)
    assert table.wrong == [] and table.counts["unchanged"]["done"] == len(commands(beside.bad))


def test_files_and_directories(beside):
    table = Table()
    for name, change in part_of(of_files()):
        beside.tried(table, name, change, drawn=False)
    table.show()
    assert table.wrong == []


def test_values(beside):
    table = Table()
    for place, (name, change) in enumerate(part_of(of_values(beside.root / "whole"))):
        beside.tried(table, name, change, None if place % SPARSE == 0 else QUICK, drawn=False)
    table.show()
    assert table.wrong == []


@pytest.mark.parametrize("file", READ_BY)
def test_attacks(beside, file):
    table = Table()
    for name, change in part_of({name: change for name, change in of_attacks().items() if kind_of(name) == file}):
        beside.tried(table, name, change, READ_BY[file], drawn=file == "texts by design")
    table.show()
    assert table.wrong == []


def test_names_of_directories(beside):
    """What a message proposes names the directory so that a shell finds it again, and does nothing else."""
    table, root = Table(), beside.root
    for name, called in DIRECTORIES.items():
        beside.bad = f"outputs/point_demo_gp/{called}"
        shutil.copytree(root / "whole", root / beside.bad)
        beside.tried(table, f"a directory's name: {name}", lambda run: None)
        beside.tried(table, f"a directory's name, no scores: {name}", lambda run: shutil.rmtree(run / "evaluations"))
    table.show()
    assert table.wrong == []


@pytest.mark.parametrize(
    "kind", ["status.json: pipe", "config.yaml: YAML, alias bomb", "metrics.csv: link to a device"]
)
def test_commands_of_their_own_process(kind, beside):
    of_files()[kind](beside.root / beside.bad)
    run = f"run={beside.bad}"
    for words in (("status",), ("why", beside.bad), ("sample", run), ("complete", "words", "kantor", "why")):
        done = subprocess.run(
            [sys.executable, "-m", "kantor", *words], env=environment(), cwd=beside.root, capture_output=True,
            text=True, timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == (0 if words[0] in ("status", "complete") else 2), done.stderr
        assert done.returncode == 0 or len(done.stderr.splitlines()) == 1

"""What a stranger, or a broken disk, can make of a run directory, by kind: each changes one whole run in place."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from hostile import huge_png
from run_files import WithoutAliases

Change = Callable[[Path], None]
"""Damages a run; beside it lies `outside`, whose files nobody may read, show or write."""

JSON = (
    "status.json",
    "environment.json",
    "card.json",
    "evaluations/toy-0123456789.json",
    "health.json",
    "manifest.json",
)
TEXTS = (*JSON, "config.yaml", "metrics.csv", "digests.csv")
UNREAD = (
    ".lease.1",
    "report.html",
    ".no_run.tmp",
    "checkpoints/last.ckpt",
    "checkpoints/best.ckpt",
    "samples/samples.gif",
)
"""Files that hold nothing to be read."""
DIRECTORIES = ("samples", "figures", "checkpoints", "evaluations", "verifications")
SECRET = "the secret of somebody else"
OWNED = "<img src=x onerror=owned()>"
"""What a page may never hold as it is."""


def write(name: str, content: bytes) -> Change:
    def change(run: Path) -> None:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(content)

    return change


def instead(name: str, make: Callable[[Path], None]) -> Change:
    """Something else in the place of a file or a directory."""

    def change(run: Path) -> None:
        place = run / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        make(place)

    return change


def bind(path: Path) -> None:
    """A socket; names of sockets are short."""
    before = os.getcwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)
    os.chdir(before)


def sparse(path: Path) -> None:
    """A file of a terabyte that takes no room."""
    with path.open("wb") as handle:
        handle.truncate(1 << 40)


def outside(path: Path) -> Path:
    """Somebody else's directory."""
    return next(above / "outside" for above in path.parents if (above / "outside").is_dir())


THINGS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a file outside": lambda path: path.symlink_to(outside(path) / "secret.txt"),
    "link to a directory outside": lambda path: path.symlink_to(outside(path)),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nothing": lambda path: path.symlink_to(outside(path) / "new"),
    "socket": bind,
}
CONTENTS = {
    "empty": b"",
    "bytes": bytes(range(256)) * 4,
    "zeros": bytes(4096),
    "latin-1": "größe".encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "null": b"null",
    "a list": b"[1, 2]",
    "a number": b"1e999",
    "nested": b"[" * 200_000,
    "nested mappings": b'{"a":' * 200_000,
    "half": b'{"layout": 1, "state": "fin',
    "a long number": b'{"layout": ' + b"9" * 10_000 + b"}",
    "half a letter": b'{"layout": 1, "state": "\\ud800"}',
}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
YAMLS = {
    "alias bomb": BOMB.encode(),
    "alias to itself": b"a: &a [*a]\n",
    "nested": b"[" * 20_000,
    "nested mappings": "".join("  " * depth + "a:\n" for depth in range(300)).encode(),
    "python object": b"a: !!python/object/apply:os.system ['touch executed']\n",
    "no date": b"a: !!timestamp 9999-99-99\n",
    "no number": b"a: !!int x\n",
    "a set": b"a: !!set {x}\n",
    "bytes": b"a: !!binary eA==\n",
    "numbers as keys": b"1: 2\n",
    "a list as key": b"? [a]\n: b\n",
    "two documents": b"a: 1\n---\nb: 2\n",
}
CSVS = {
    "no steps": b"images_seen,train/loss\n1,2\n",
    "two alike": b"steps,steps\n1,2\n",
    "a short row": b"steps,seconds\n1\n",
    "a long row": b"steps,seconds\n1,2,3\n",
    "words": b"steps,seconds\nten,2\n",
    "half a step": b"steps,seconds\n1.5,2\n",
    "below 0": b"steps,seconds\n-5,2\n",
    "words for numbers": b"steps,seconds\n5,soon\n",
    "no limits": b"steps,seconds,train/loss\n5,1e999,nan\n10,inf,1e308\n",
    "a long cell": b"steps,seconds\n5," + b"1" * 200_000 + b"\n",
    "zero bytes": b"steps,seconds\n5,\0\n",
    "an open quote": b'steps,"seconds\n5,6\n',
    "a huge step": b"steps,seconds\n" + b"9" * 30 + b",2\n",
    "escapes in names": b"images_seen,steps,seconds,val/\x1b]0;x\x07w1\n1,5,1,2\n2,10,2,1\n",
}
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(executed) (w) file closefile\nshowpage\n"
PICTURES = {
    "PostScript": POSTSCRIPT,
    "a huge PNG": huge_png(60_000),
    "text": SECRET.encode(),
    "half a PNG": huge_png(8)[:40],
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
}
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\u202egnp"
WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "below 0": -1,
    "half": 0.5,
    "huge": 1e308,
    "a long number": 10**400,
    "a word": "x",
    "a path": "../../outside/new",
    "escapes": ESCAPES,
    "half a letter": "\ud800",
    "a list": [1],
    "a list of texts": ["a"],
    "no list": [],
    "a mapping": {"a": {"b": 1}},
    "no mapping": {},
    "a long text": "x" * 100_000,
    "not a number": float("nan"),
}


def places(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of nested containers, the containers among them; of a list to its first entry."""
    if above:
        yield above
    inner = tree.items() if isinstance(tree, dict) else list(enumerate(tree))[:1] if isinstance(tree, list) else ()
    for key, value in inner:
        yield from places(value, (*above, key))


def read(run: Path, name: str) -> Any:
    text = (run / name).read_text()
    return yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)


def edited(name: str, place: tuple[Any, ...], value: Any, *, taken_out: bool = False) -> Change:
    """Another value at a place of a JSON or YAML file, or none at all."""

    def change(run: Path) -> None:
        whole = read(run, name)
        node = whole
        for key in place[:-1]:
            node = node[key]
        if taken_out:
            del node[place[-1]]
        else:
            node[place[-1]] = value
        if name.endswith(".yaml"):
            text = yaml.dump(whole, Dumper=WithoutAliases, allow_unicode=False)
        else:
            text = json.dumps(whole)
        (run / name).write_text(text)

    return change


def of_files() -> dict[str, Change]:
    """Whole files and directories."""
    found = {f"{name}: {kind}": write(name, content) for name in TEXTS for kind, content in CONTENTS.items()}
    found |= {f"config.yaml: YAML, {kind}": write("config.yaml", content) for kind, content in YAMLS.items()}
    found |= {f"metrics.csv: CSV, {kind}": write("metrics.csv", content) for kind, content in CSVS.items()}
    for name in (*TEXTS, ".lease.1", "report.html", *DIRECTORIES, "samples/step_00000040.png", "figures/x.png"):
        found |= {f"{name}: {kind}": instead(name, make) for kind, make in THINGS.items()}
    found |= {f"{name}: a terabyte": instead(name, sparse) for name in (*TEXTS, "samples/step_00000040.png")}
    found |= {f"{name}: a directory": instead(name, Path.mkdir) for name in (*TEXTS, *UNREAD)}
    found |= {f"{name}: a file": instead(name, Path.touch) for name in DIRECTORIES}
    for name in ("samples/step_00000040.png", "samples/samples.gif", "figures/x.png"):
        found |= {f"{name}: {kind}": write(name, content) for kind, content in PICTURES.items()}
    return found


def of_values(run: Path) -> dict[str, Change]:
    """One wrong or missing value in a file."""
    found: dict[str, Change] = {}
    for name in (*JSON, "config.yaml"):
        if (run / name).is_file():
            for place in places(read(run, name)):
                where = f"{name} {'.'.join(map(str, place))}"
                found |= {f"{where}: {kind}": edited(name, place, value) for kind, value in WRONG.items()}
                found[f"{where}: missing"] = edited(name, place, None, taken_out=True)
    return found

"""A process that has imported kantor and is forked for each command: a trial costs seconds less.

One order a line of JSON on stdin, one answer a line on stdout.
"""

import contextlib
import functools
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULES = (
    "kantor.cli.main",
    "kantor.engine.train",
    "kantor.engine.extend",
    "kantor.engine.evaluate",
    "kantor.engine.sample",
    "kantor.engine.foreign_samples",
    "kantor.report.compare",
    "kantor.cli.sweep",
    "kantor.sweeps.composer",
    "kantor.sweeps.asking",
    "kantor.models.adversarial",
    "kantor.models.denoising",
    "kantor.evaluation.points",
    "kantor.callbacks.points",
    "kantor.tracking.replay",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.backends.backend_pdf",
    "ot",
    "faults.operations",
    "faults.plain_drawing",
)
FROM_PYTHON = "kantor.train"
"""In place of the command `train`."""
PLAN = "outputs/sweeps/*"
"""In place of the plan that lies there."""
FILLER = "filler"
"""The file that fills a disk."""

PATIENCE = 150.0
"""Seconds that a command gets."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal; its operations; its seconds; what it printed."""

    code: int
    operations: list[str]
    seconds: float
    printed: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Forks:
    """The parent's side."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        places = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        settings = {"PYTHONPATH": places, "SOURCE_DATE_EPOCH": "0", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        self.server = subprocess.Popen(
            [sys.executable, "-m", "faults.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **settings, "KANTOR_TRUST": "toy_vae"},
        )

    def run(
        self,
        place: Path,
        words: Sequence[str],
        *,
        drawn: bool,
        at: int | None = None,
        after: float | None = None,
        full: str | None = None,
    ) -> Ended:
        """`kantor WORDS` in a directory, killed before operation `at`, or after so many seconds; `drawn` whether its
        figures are. From the first operation on that `full`, a pattern, is found in, its disk has no room."""
        order = {"place": str(place), "words": list(words), "home": str(self.home), "drawn": drawn}
        order |= {"at": at, "after": after, "full": full}
        assert self.server.stdin is not None and self.server.stdout is not None
        print(json.dumps(order), file=self.server.stdin, flush=True)
        answer = json.loads(self.server.stdout.readline())
        log = self.home / "operations"
        return Ended(
            answer["code"],
            log.read_text().splitlines() if log.is_file() else [],
            answer["seconds"],
            (self.home / "printed").read_text(errors="replace"),
        )

    def close(self) -> None:
        """End the server."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait()


def serve() -> None:
    """Fork for each order, and say how the child ended."""
    for name in MODULES:
        importlib.import_module(name)
    compose = importlib.import_module("kantor.config.compose")
    compose.compose = remembering(compose.compose)
    for line in sys.stdin:
        order = json.loads(line)
        compose_before(order["words"])
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _obey(order)
        limit = PATIENCE if order["after"] is None else order["after"]
        ended, status = os.waitpid(child, os.WNOHANG)
        while not ended:
            if time.monotonic() - began > limit:
                os.kill(child, signal.SIGKILL)
                limit = PATIENCE
            time.sleep(0.003)
            ended, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - began
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds}), flush=True)


def remembering(compose: Callable[..., Any]) -> Callable[..., Any]:
    """Composes the same words once."""
    known = functools.cache(lambda words, dirs: compose(list(words), config_dirs=list(dirs)))
    return lambda words, config_dirs=None: known(tuple(words), tuple(config_dirs or ()))


def compose_before(words: list[str]) -> None:
    """What each child would do again takes a second fewer when it is done before it is forked."""
    from kantor.cli.table import COMMANDS
    from kantor.cli.training import configured, goes_on

    if words[0] in ("train", FROM_PYTHON):
        rest, config_dirs, flags = COMMANDS["train"].take_options(words[1:])
        if not flags and not goes_on(rest):
            configured(rest, config_dirs)


def fill(file: int) -> None:
    """Leave a disk no room, by an open file on it."""
    with contextlib.suppress(OSError):
        while True:
            os.write(file, bytes(4096))


def _obey(order: dict) -> None:
    """The child: one command."""
    from faults.operations import by_signal, watch_writes, watched
    from faults.plain_drawing import draw_plainly

    watch_writes()
    if not order["drawn"]:
        draw_plainly()
    os.chdir(order["place"])
    os.environ["KANTOR_CACHE"] = str(Path(order["place"]) / "cache")
    home = Path(order["home"])
    printed = os.open(home / "printed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    log = os.open(home / "operations", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    die, full = by_signal, order["full"]
    if full is not None:
        die = functools.partial(fill, os.open(FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND))

    def chosen(number: int, words: str) -> bool:
        os.write(log, f"{words}\n".encode())
        return number == order["at"] or (full is not None and re.search(full, words) is not None)

    import kantor
    from kantor.cli.main import main

    code, (first, *words) = 1, order["words"]
    words = [next(map(str, Path().glob(word)), word) if word == PLAN else word for word in words]
    try:
        with watched(Path(order["place"]), chosen, die):
            code = main([first, *words]) if first != FROM_PYTHON else int(kantor.train(words) is None)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()

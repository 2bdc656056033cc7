"""`kantor` in a process of its own, which a test can stop or kill; forked from a server that has imported Lightning."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import torch
from small_runs import environment

from kantor.cli.main import main
from kantor.interrupts import SIGNALS
from kantor.workers import PRELOADED

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([PRELOADED])


class Apart:
    """`kantor WORDS …`, which draws no charts; what it prints lies in `log`.

    `elsewhere` is the name of another machine, on which it is as far as leases tell: their beats say whether it lives.
    `signalled` sends itself a signal at its save of that number, so that a test waits for no moment; at SIGKILL half of
    the checkpoint is there.
    """

    def __init__(
        self,
        log: Path,
        *words: str,
        signalled: tuple[int, int] | None = None,
        variables: dict[str, str] | None = None,
        elsewhere: str = "",
    ) -> None:
        self.log = log
        log.touch()
        given = {**environment(), **(variables or {})}
        self.process = CONTEXT.Process(target=_run, args=(log, given, words, signalled, elsewhere), daemon=True)
        self.process.start()

    @property
    def ended(self) -> bool:
        return self.process.exitcode is not None

    def wait(self, seconds: float = 240) -> int:
        """Its exit code, negative for the signal that killed it."""
        self.process.join(seconds)
        assert self.ended, f"still going after {seconds} s: {self.log.read_text()}"
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.wait()


def _run(
    log: Path, variables: dict[str, str], words: tuple[str, ...], signalled: tuple[int, int] | None, elsewhere: str
) -> None:
    os.environ.clear()
    os.environ.update(variables)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # of the server, if `launch` has started it
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from kantor.engine import publication
    from kantor.report import page
    from kantor.runs import owners

    if elsewhere:
        owners.place = lambda host: elsewhere
    page.charts_of = lambda summary: []
    publication.write_figures = lambda directory: None
    if signalled is not None:
        _signal_itself_in_a_save(*signalled)
    sys.exit(main(list(words)))


def _signal_itself_in_a_save(count: int, number: int) -> None:
    save, saved = torch.save, []

    def half_a_save(value: object, file: BinaryIO) -> None:
        saved.append(file)
        save(value, file)
        if len(saved) == count:
            if number == signal.SIGKILL:
                file.truncate(file.seek(0, os.SEEK_END) // 2)
            os.kill(os.getpid(), number)

    torch.save = half_a_save

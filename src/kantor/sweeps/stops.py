"""How a sweep stops whose jobs run in processes of their own on this machine, joblib's or submitit's: each saves, as a
run by itself does.

The parent alone hears the signal, leaves a mark beside the plan and waits, since joblib kills its workers when their
parent raises. Each job looks for the mark and takes it for its signal; those that have not begun do not begin.
"""

import contextlib
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from types import FrameType

from kantor import interrupts
from kantor.atomic import write_text
from kantor.errors import Interrupted

MARK = ".stopped"
"""How the name of a file begins that holds the number of the signal; each command has its own."""

LOOK_EVERY = 0.3
"""Seconds from one look for the mark to the next."""


@contextlib.contextmanager
def leading(directory: Path, *, local_jobs: bool = False) -> Iterator[Path]:
    """Pass signals on to the jobs in other processes for as long as the block lasts; where there are none, one ends it.

    Args:
        directory: of the plan.
        local_jobs: whether there are jobs in processes of which this one does not know.

    Yields:
        Where the mark will be, for the jobs to follow.

    Raises:
        Interrupted: a signal came.
    """
    received: list[int] = []
    mark = directory / f"{MARK}-{secrets.token_hex(8)}"

    def receive(number: int, frame: FrameType | None) -> None:
        others = multiprocessing.active_children()
        if received:
            for other in others:
                other.kill()
            interrupts.end_at_once(number)
        if not others and not local_jobs:
            interrupts.receive(number, frame)
        received.append(number)
        write_text(mark, str(number))

    with interrupts.received_by(receive), _deaf_children() if local_jobs else contextlib.nullcontext():
        try:
            yield mark
        except Exception as error:
            if not received or not _is_of_lost_worker(error):
                raise
        else:
            mark.unlink(missing_ok=True)
    if received:
        raise Interrupted(received[0])


def _is_of_lost_worker(error: Exception) -> bool:
    """Whether joblib or submitit says that a worker is gone: it did not listen yet when the signal came."""
    submitits = any(kind.__name__ == "UncompletedJobError" for kind in type(error).__mro__)
    return isinstance(error, BrokenExecutor) or submitits


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started meanwhile do not hear the terminal's Ctrl-C: submitit's own, which watch over the
    jobs, would end them within a second. Here another thread hears it."""
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        done.set()


@contextlib.contextmanager
def following(mark: Path) -> Iterator[None]:
    """Do a job of a sweep, which `check`s before it begins; one in a process of its own ends without an error at the
    mark. When whoever started the process is gone, so is it.

    Raises:
        Interrupted: a signal stopped the sweep, whose process this is, or asks a job of submitit's for room.
    """
    of_submitit = os.environ.get("SUBMITIT_EXECUTOR") == "local"
    if multiprocessing.parent_process() is None and not of_submitit:
        yield
        return
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # the terminal's Ctrl-C reaches the parent alone
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = os.getppid()
    sent = threading.Event()  # this process's signal: one that reaches all of a job would be its second
    alone = contextlib.nullcontext() if of_submitit else interrupts.passed_on(sent.is_set)
    try:
        with alone, interrupts.listening(), _looking(mark, parent, sent):
            yield
    except Interrupted:
        if of_submitit and not sent.is_set() and _marked(mark) is None:
            raise
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)


def check(mark: Path) -> None:
    """Do not begin a job of a sweep that was stopped.

    Raises:
        Interrupted: it was.
    """
    interrupts.check()
    number = _marked(mark)
    if number is not None:
        raise Interrupted(number, saved=False)


def _marked(mark: Path) -> int | None:
    try:
        return int(mark.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _looking(mark: Path, parent: int, sent: threading.Event) -> Iterator[None]:
    """Send this process the signal of the sweep, or SIGTERM when its parent is gone; not where another one came."""
    done, before = threading.Event(), interrupts.heard()

    def look() -> None:
        while not done.wait(LOOK_EVERY):
            number = _marked(mark) or (signal.SIGTERM if os.getppid() != parent else None)
            if number is not None:
                sent.set()
                if interrupts.heard() == before:
                    os.kill(os.getpid(), number)
                return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()

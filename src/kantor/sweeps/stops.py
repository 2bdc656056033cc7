"""How a sweep stops whose jobs run in processes of their own, as joblib's do: each saves, as a run by itself does.

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
def leading(directory: Path) -> Iterator[Path]:
    """Pass signals on to the jobs in other processes for as long as the block lasts; where there are none, one ends it.

    Args:
        directory: of the plan.

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
        if not others:
            interrupts.receive(number, frame)
        received.append(number)
        write_text(mark, str(number))

    with interrupts.received_by(receive):
        try:
            yield mark
        except Exception:  # of a worker that did not listen yet
            if not received:
                raise
        else:
            mark.unlink(missing_ok=True)
    if received:
        raise Interrupted(received[0])


@contextlib.contextmanager
def following(mark: Path) -> Iterator[None]:
    """Do a job of a sweep, which `check`s before it begins; one in a process of its own ends without an error at the
    mark. When the sweep is gone, so is this process.

    Raises:
        Interrupted: a signal stopped the sweep, whose process this is.
    """
    if multiprocessing.parent_process() is None:
        yield
        return
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # the terminal's Ctrl-C reaches the parent alone
    parent = os.getppid()
    sent = threading.Event()  # this process's signal: one that reaches all of a job would be its second
    with (
        contextlib.suppress(Interrupted),
        interrupts.passed_on(sent.is_set),
        interrupts.listening(),
        _looking(mark, parent, sent),
    ):
        yield
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
    """Send this process the signal of the sweep, or SIGTERM when that is gone."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_EVERY):
            number = _marked(mark) or (signal.SIGTERM if os.getppid() != parent else None)
            if number is not None:
                sent.set()
                os.kill(os.getpid(), number)
                return

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()

"""Signals while a command runs: each ends it by an exception that nobody takes for an error. A terminal sends SIGINT,
whoever ends a job SIGTERM, and a cluster that needs the room, or has said for how long, SIGUSR1 or SIGUSR2.

It is raised wherever the main thread happens to be. Where somebody else's code loses it, as destructors and the imports
of some packages do, `check()` raises it again before long work begins, and at the end.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from kantor.errors import Interrupted
from kantor.messages import complain
from kantor.processes import ranks_exist

Receiver = Callable[[int, FrameType | None], None]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""What ends a command in good order."""

ECHO = 3.0
"""Seconds in which a rank hears one signal: SLURM sends it to every process of a job, torchrun among them, which passes
it on."""

LATE = 30.0
"""Seconds in which a rank hears its own copy of a signal that another one has told it of."""

_received: list[int] = []
_passed_on: list[Callable[[], int]] = []
_heard: list[float] = []


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Listen for as long as the block lasts; not for a signal that this process was started to ignore.

    Raises:
        Interrupted: a signal came.
    """
    try:
        with received_by(receive):
            yield
            check()
    finally:
        _received.clear()


@contextlib.contextmanager
def received_by(receive: Receiver) -> Iterator[None]:
    """Signals are somebody's for as long as the block lasts; not one that this process was started to ignore, and none
    outside of the main thread, which nobody sends any."""
    before: dict[int, Any] = {}

    def hear(number: int, frame: FrameType | None) -> None:
        if _counts():
            receive(number, frame)

    with contextlib.suppress(ValueError):
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, hear)
    try:
        yield
    finally:
        for taken, handler in before.items():
            signal.signal(taken, handler)


@contextlib.contextmanager
def passed_on(count: Callable[[], int]) -> Iterator[None]:
    """For as long as the block lasts a signal counts only where a parent has passed it on: whoever sends one to all
    processes of a job reaches a worker twice, and the second would end it at once.

    Args:
        count: how many the parent has passed on so far.
    """
    _heard.clear()
    _passed_on.append(count)
    try:
        yield
    finally:
        _passed_on.pop()


def learn() -> None:
    """Take note of a signal that another process of the run has heard: this one's own copy of it, which may come well
    after on a loaded node, or never, is no second signal."""
    _heard.append(time.monotonic() + LATE)


def _counts() -> bool:
    """Whether a signal that came is one more, and no echo."""
    now = time.monotonic()
    if _passed_on:
        counts = len(_heard) < _passed_on[-1]()
    else:
        counts = not (ranks_exist() and _heard and now - _heard[-1] < ECHO)
    if counts:
        _heard.append(now)
    elif _heard:
        _heard[-1] = min(_heard[-1], now)
    return counts


def heard() -> int:
    """How many signals that count have come."""
    return len(_heard)


def check() -> None:
    """Do not begin what takes long when the command has been stopped.

    Raises:
        Interrupted: it has.
    """
    if _received:
        raise Interrupted(_received[0], saved=False)


def end_at_once(number: int) -> None:
    """The second signal: whatever is going on ends here."""
    complain("stopped at once")
    os._exit(128 + number)


def receive(number: int, frame: FrameType | None) -> None:
    """What `listening` does with a signal.

    Raises:
        Interrupted: always.
    """
    if _received:
        end_at_once(number)
    _received.append(number)
    check()

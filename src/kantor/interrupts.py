"""SIGINT and SIGTERM while a command runs: each ends it by an exception that nobody takes for an error.

It is raised wherever the main thread happens to be. Where somebody else's code loses it, as destructors and the imports
of some packages do, `check()` raises it again before long work begins, and at the end.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from kantor.errors import Interrupted
from kantor.messages import complain

Receiver = Callable[[int, FrameType | None], None]

_received: list[int] = []


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
    """SIGINT and SIGTERM are somebody's for as long as the block lasts; not one that this process was started to
    ignore, and none outside of the main thread, which nobody sends any."""
    before: dict[int, Any] = {}
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, receive)
    try:
        yield
    finally:
        for taken, handler in before.items():
            signal.signal(taken, handler)


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

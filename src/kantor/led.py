"""A command under ranks that somebody else has started: rank 0 does all of it, as a process alone would, and what it
launches the others do with it, until it says that the command has ended. So nothing is read, written or said twice.
"""

import contextlib
import itertools
import pickle
import time
from collections.abc import Callable
from typing import Any, TypeVar

from kantor.company import LOOK_EVERY, Company, company
from kantor.errors import Interrupted
from kantor.messages import complain
from kantor.processes import given_rank, joined, ranks_exist
from kantor.worker_ends import as_sent

T = TypeVar("T")

FAREWELL = 5.0
"""Seconds that rank 0 waits, with its store, for the others to hear that the command has ended."""

_messages = itertools.count()
"""Numbers of what rank 0 sends: all processes count alike."""
_leading: list[Callable[..., Any]] = []


def together(act: Callable[[], T]) -> T:
    """What `act` returns, on every rank; rank 0 alone calls it, and the others do their share of what it launches.

    Raises:
        RankLost: another rank is.
    """
    if not ranks_exist() or _leading:
        return act()
    here = company()
    with here.watched(lambda error: complain(str(error))):
        value: T = _follow(here) if given_rank() > 0 else _lead(here, act)
    return value


def _lead(here: Company, act: Callable[[], T]) -> T:
    _leading.append(act)
    try:
        value = act()
    except BaseException as error:
        _end(here, (_sendable(error, here), None))
        raise
    else:
        _end(here, (None, value))
        return value
    finally:
        _leading.clear()


def _end(here: Company, outcome: tuple[BaseException | None, object]) -> None:
    number, until = _send(here, None, outcome), time.monotonic() + FAREWELL
    left = [f"left/{number}/{other}" for other in here.others]
    with contextlib.suppress(RuntimeError):  # what ended the command may have ended torchrun and its store
        while time.monotonic() < until and not here.store.check(left):
            time.sleep(LOOK_EVERY)


def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What a function returns on rank 0, which this is; the others call it too.

    Raises:
        UserError: a rank raised one.
        WorkerError: another rank failed otherwise.
        RankLost: another rank is.
    """
    assert _leading, "the other ranks have not been told to follow"
    here, own, value = company(), None, None
    number = _send(here, function, arguments)
    try:
        with joined(str(number)):
            value = function(*arguments)
    except Exception as error:  # perhaps for want of another rank, which then has said why, or is lost
        own = error
    for other in here.others:
        theirs = pickle.loads(here.wait(f"said/{number}/{other}"))
        if theirs is not None and not isinstance(own, type(theirs)):
            raise theirs
    if own is not None:
        raise own
    return value


def _follow(here: Company) -> Any:
    while True:
        number = next(_messages)
        try:
            function, given = pickle.loads(here.wait(f"message/{number}"))
            if function is None:
                error, value = given
                if error is not None:
                    raise error
                return value
        finally:
            here.send(f"left/{number}/{here.rank}", b"")
        error = None
        try:
            with joined(str(number)):
                function(*given)
        except (Exception, KeyboardInterrupt) as raised:
            error = _sendable(raised, here)
        here.send(f"said/{number}/{here.rank}", pickle.dumps(error))


def _send(here: Company, function: Callable[..., Any] | None, given: tuple[Any, ...]) -> int:
    number = next(_messages)
    here.send(f"message/{number}", pickle.dumps((function, given)))
    return number


def _sendable(error: BaseException, here: Company) -> BaseException:
    return error if isinstance(error, Interrupted) else as_sent(error, f"process {here.rank} of {here.world}", 0)

"""The processes that share a run, and what each knows of the others: they meet in a store, which rank 0 or torchrun
keeps, and each shows there again and again that it lives.

Gloo waits for whoever does not come, for days where one may score for days, and nothing ends such a wait. So it is not
the waiting that is bounded: whoever shows no life for `PATIENCE` seconds by another's own clock is lost, and the others
end, with its name. A process that computes for long shows life all the same, from a thread of its own.
"""

import contextlib
import functools
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from kantor.errors import RankLost

if TYPE_CHECKING:
    from torch.distributed import Store

BEAT = 2.0
"""Seconds from one sign of life to the next."""

PATIENCE = 30.0
"""Seconds without one after which a process is lost; well above what a loaded machine makes of `BEAT`."""

GRACE = 5.0
"""Seconds that a process has to end by itself when another is lost."""

MEETING = timedelta(seconds=60)
"""In which all have to come, from the first on: they are started together, and some import torch faster than others.
Whoever was seen has `PATIENCE` instead."""

LOOK_EVERY = 0.1
"""Seconds from one look for a message to the next: so soon a signal is heard meanwhile."""


class Company:
    """This process among the others.

    Args:
        store: where they meet.
        rank: of this one.
        world: how many.
    """

    def __init__(self, store: "Store", *, rank: int, world: int) -> None:
        self.store, self.rank, self.world = store, rank, world
        self.others = [other for other in range(world) if other != rank]
        self._beats = store.clone()  # its own connection: two threads on one would wait for each other
        self._seen: dict[int, tuple[bytes, float]] = {}
        self._watching: list[Callable[[RankLost], None]] = []
        self._begun = threading.Event()
        self._lost: RankLost | None = None
        # two threads: a look at a store that hangs with rank 0 does not come back
        for act in (self._show_life, self._judge):
            threading.Thread(target=act, daemon=True).start()

    @contextlib.contextmanager
    def watched(self, if_lost: Callable[[RankLost], None] = lambda error: None) -> Iterator[None]:
        """For as long as the block lasts, this process ends when another is lost, also in the middle of a wait.

        Args:
            if_lost: what it does before, from another thread.
        """
        if not self._watching:
            self._seen = {other: self._expected(other, time.monotonic()) for other in self.others}
        self._watching.append(if_lost)
        self._begun.set()
        try:
            yield
        finally:
            self._watching.pop()
            if not self._watching:
                self._begun.clear()

    def _expected(self, other: int, now: float) -> tuple[bytes, float]:
        beat = self._seen.get(other, (b"",))[0]
        return beat, now if beat else now + MEETING.total_seconds() - PATIENCE

    def send(self, key: str, value: bytes) -> None:
        """Leave a message."""
        self.store.set(key, value)  # type: ignore[arg-type]

    def wait(self, key: str) -> bytes:
        """A message, however long it takes.

        Raises:
            RankLost: another process is.
        """
        while not self.store.check([key]):
            if self._lost is not None:
                raise self._lost
            time.sleep(LOOK_EVERY)
        message: bytes = self.store.get(key)
        return message

    def _show_life(self) -> None:
        for count in itertools.count():
            self._begun.wait()
            with contextlib.suppress(RuntimeError):  # the store is gone: nobody shows life then
                self._beats.set(f"beat/{self.rank}", str(count))
                for other in self.others:
                    self._look_at(other)
            time.sleep(BEAT)

    def _judge(self) -> None:
        last = time.monotonic()
        while True:
            self._begun.wait()
            now = time.monotonic()
            if now - last > PATIENCE / 2:  # this process stood still, or watched nobody: it has seen nothing of them
                self._seen = {other: (beat, max(when, now)) for other, (beat, when) in self._seen.items()}
            last = now
            silent = [other for other, (_, when) in self._seen.items() if now - when > PATIENCE]
            if silent and self._watching:
                self._end(RankLost(silent[0], self.world))
            time.sleep(BEAT)

    def _look_at(self, other: int) -> None:
        key, (before, _) = f"beat/{other}", self._seen[other]
        if self._beats.check([key]) and (beat := self._beats.get(key)) != before:
            self._seen[other] = (beat, time.monotonic())

    def _end(self, error: RankLost) -> None:
        self._lost = error
        time.sleep(GRACE)
        if self._watching:
            for act in reversed(self._watching):
                act(error)
            os._exit(1)


def company() -> Company:
    """The one of this process, which joins it when it is asked for first.

    Raises:
        RankLost: whoever keeps the store, rank 0 or the torchrun of its node, did not come.
    """
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return _company(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), rank, world)


@functools.cache
def _company(host: str, port: int, rank: int, world: int) -> Company:
    from torch.distributed import DistError, PrefixStore, TCPStore

    keeps = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store = TCPStore(host, port, is_master=keeps, wait_for_workers=False, timeout=MEETING)
    except DistError as error:
        if keeps:
            raise
        raise RankLost(0, world) from error
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # torchrun's store outlives its ranks
    return Company(PrefixStore(f"kantor/{attempt}", store), rank=rank, world=world)

"""Owners: processes that hold something, as a file on a shared disk names them so that others can tell whether they
live.

A process can be looked up by its number only where it runs: on this machine, since it was started, among the processes
that this one sees. Hosts of one name and containers on one machine are not the same place. A number is given to another
process in time; when it was started tells them apart.
"""

import contextlib
import enum
import functools
import os
import platform
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

PROCESSES = Path("/proc")
"""Where Linux tells of them; other systems tell less."""


class Life(enum.Enum):
    """What can be known of an owner from here."""

    GONE = "it has ended"
    GOING = "it runs"
    UNKNOWN = "it runs elsewhere, or stands still, or cannot be told from another one"


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
        host: its machine's name, for people.
        place: what only processes share that can look each other up.
        process: its number there.
        started: when, in the system's own count; empty where it does not say.
    """

    host: str
    place: str
    process: int
    started: str

    @classmethod
    def here(cls) -> "Owner":
        """This process."""
        return _this(os.getpid())

    @property
    def is_this_process(self) -> bool:
        """Whether it is the one that asks."""
        return self == Owner.here()

    def life(self) -> Life:
        """Whether it lives, as far as that can be known here."""
        if self.place != Owner.here().place:
            return Life.UNKNOWN
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return Life.GONE
        except OSError:  # somebody else's
            pass
        state, started = _seen(self.process)
        if not started or not self.started:
            return Life.UNKNOWN
        if started != self.started or state in "ZX":
            return Life.GONE
        return Life.UNKNOWN if state in "Tt" else Life.GOING


@functools.cache
def _this(process: int) -> Owner:
    """By its number, which a forked process has another of."""
    host = re.sub(r"[^A-Za-z0-9.-]", "", platform.node())[:48] or "here"
    return Owner(host, place(host), process, _seen(process)[1])


def place(host: str) -> str:
    """What this machine, since it was started, and this container call their processes by."""
    boot, container = "", ""
    with contextlib.suppress(OSError):
        boot = (PROCESSES / "sys/kernel/random/boot_id").read_text().strip()
        container = os.readlink(PROCESSES / "self/ns/pid")
    return f"{host} {boot or f'{uuid.getnode():x}'} {container}".strip()


def _seen(process: int) -> tuple[str, str]:
    """A process's state, one letter, and when it was started; empty where that is not told."""
    with contextlib.suppress(OSError):
        fields = (PROCESSES / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    return "", ""

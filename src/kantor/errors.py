"""The ways in which kantor stops on purpose, and the checks that lead to the first."""

import difflib
import shlex
from collections.abc import Iterable


class UserError(ValueError):
    """The user's input is wrong: one sentence that says what was given, what was expected and what to do.

    The command line prints the sentence and exits with 2; nothing already written is damaged.
    """


class Interrupted(KeyboardInterrupt):
    """A signal stops the command. It is no Exception: who goes on after an error does not go on after this.

    Args:
        signal_number: of `interrupts.SIGNALS`. The command line exits with 128 + this number.
        saved: whether the run has saved itself, and the same command goes on.
    """

    def __init__(self, signal_number: int, saved: bool = True) -> None:
        super().__init__(signal_number, saved)  # as they are: it goes from process to process
        self.signal_number = signal_number
        self.saved = saved

    def __str__(self) -> str:
        return f"stopped by signal {self.signal_number}"


class OtherCode(UserError):
    """A run is finished, but by other code than there is now: it stands as it is until somebody says what it counts."""


class Held(UserError):
    """Somebody else works on a run; that is no fault of its, and passes."""


class LeaseLost(Exception):
    """Somebody else has taken what this process held while it stood still, or has deleted it: nothing more may be
    written there, not even that. No RuntimeError, which others take for one of a network's."""


class RankLost(RuntimeError):
    """A process of a run shows no life any more: it was killed, or hangs, or its node is gone.

    Args:
        rank: which.
        world: of how many.
    """

    def __init__(self, rank: int, world: int) -> None:
        super().__init__(rank, world)

    def __str__(self) -> str:
        return "process {} of {} shows no life any more; the same command goes on from the last checkpoint".format(
            *self.args
        )


class NonFiniteError(RuntimeError):
    """Training or sampling made a NaN or an infinity; the message names the term and the step."""


def as_given(value: object) -> str:
    """A value as the command line takes it: `null`, `true`, `[0.9,0.99]`."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(as_given, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def command(*words: str) -> str:
    """A command as a shell takes it, in a sentence."""
    return f"`kantor {shlex.join(words)}`"


def nearest(given: str, known: Iterable[str]) -> str:
    """' (nearest: x)' for the known name most like `given`, or '' when none is alike."""
    names = list(known)
    found = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    return f" (nearest: {found[0]})" if found else ""


def require_positive(**values: float) -> None:
    """Check that sizes and rates are above zero.

    Raises:
        UserError: one is not; it is named.
    """
    for name, value in values.items():
        if not value > 0:
            raise UserError(f"{name}={value}: expected a number above 0")


def require_at_least(least: float, **values: float) -> None:
    """Check lower bounds, the bound included.

    Raises:
        UserError: one is below; it is named.
    """
    for name, value in values.items():
        if not value >= least:
            raise UserError(f"{name}={value}: expected at least {least}")

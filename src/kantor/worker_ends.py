"""How workers end, as their parent hears of it: with a result, with an error, or without a word."""

import multiprocessing
import os
import queue
import signal
import time
import traceback
from typing import Any

from kantor import fences, user_code
from kantor.causes import is_full
from kantor.errors import Interrupted, LeaseLost, UserError

UNGUARDED = 79
"""Exit code of a worker that was told to start workers while it imported the script that had started it."""


class WorkerError(RuntimeError):
    """A worker process ended with an error or died.

    Args:
        sentence: which one, and its error or exit code.
        trace: its traceback, shown as a note of this error.
        of_user: whether the error came from the user's own code.
    """

    def __init__(self, sentence: str, trace: str = "", of_user: bool = False) -> None:
        super().__init__(sentence, trace, of_user)
        self.add_note(trace)

    @property
    def of_user(self) -> bool:
        """Whether the error came from the user's own code."""
        return bool(self.args[2])

    def __str__(self) -> str:
        return str(self.args[0])


def check_guarded() -> None:
    """End a worker that would train while it imports the user's script, as each worker does: the script lacks the usual
    guard, and its parent says so."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


def as_sent(error: BaseException, who: str, signal_number: int) -> BaseException:
    """What the parent is to raise for an error of a worker: one that it can read.

    Args:
        error: of the worker.
        who: which one, in words.
        signal_number: what was passed on to it; 0 for nothing.
    """
    if isinstance(error, UserError):
        return UserError(str(error))
    if isinstance(error, LeaseLost):
        return LeaseLost(str(error))
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(signal_number or signal.SIGINT, saved=False)
    if isinstance(error, OSError) and is_full(error):
        return OSError(error.errno, error.strerror, error.filename)
    first, place = str(error).splitlines()[0] if str(error) else "", user_code.own_line(error)
    where = "" if place is None else f" ({place})"
    sentence = f"{who}: {type(error).__name__}: {first}{where}"
    return WorkerError(sentence, "".join(traceback.format_exception(error)), place is not None)


def collected(workers: list[Any], results: Any) -> Any:
    """What rank 0 returns, once every worker has given its word; the first failure ends the others.

    Args:
        workers: processes, by rank.
        results: a queue of (rank, error, value).
    """
    found: dict[int, Any] = {}
    silent = 0  # half seconds since the last word: what an ended worker said may still be on its way
    while len(found) < len(workers):
        try:
            rank, error, value = results.get(timeout=0.5)
        except queue.Empty:
            silent += 1
            _look_for_leases(workers)
            _look_for_dead(workers, said=set(found), patient=silent < 3)
            continue
        silent = 0
        if error is not None:
            time.sleep(0.5)  # the death of one process is an error in the others: look for it first
            _look_for_dead(workers, said={*found, rank}, patient=True)
            _stop(workers)
            raise error
        found[rank] = value
    return found[0]


def _look_for_dead(workers: list[Any], *, said: set[int], patient: bool) -> None:
    """Raise if a worker ended without a word; a negative exit code is the signal that killed it.

    `patient` leaves out those that ended in good order, whose word may still be on its way.
    """
    for rank, worker in enumerate(workers):
        if rank not in said and worker.exitcode is not None and not (patient and worker.exitcode == 0):
            _stop(workers)
            if worker.exitcode == UNGUARDED:
                raise UserError(
                    f"trainer.devices={len(workers)}: each process imports the script that started it, and this one "
                    'would train again when it is imported: put what it does below `if __name__ == "__main__":`'
                ) from None
            raise WorkerError(f"process {rank} of {len(workers)} died with exit code {worker.exitcode}")


def _look_for_leases(workers: list[Any]) -> None:
    """Raise if what the parent holds for its workers is lost: they would hear of it only at what they write next."""
    try:
        fences.check()
    except LeaseLost:
        _stop(workers)
        raise


def _stop(workers: list[Any]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()

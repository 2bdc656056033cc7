"""The processes of one run: who they are, what they gather, and how the parent starts them.

The parent starts its workers by multiprocessing's fork server under torchrun's environment variables, and Lightning
launches nothing; when torchrun or SLURM has started the ranks already, they are used as they are.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kantor import user_code
from kantor.causes import is_full
from kantor.errors import Interrupted, UserError

PATIENCE = 30.0
"""Seconds that workers get to end after one of them died."""

UNGUARDED = 79
"""Exit code of a worker that was told to start workers while it imported the script that had started it."""

PRELOADED = "pytorch_lightning"
"""What workers are forked with. Not kantor: the server knows nothing of paths that were added to sys.path."""


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


@dataclass(frozen=True)
class Processes:
    """This process among those that share a run.

    Attributes:
        rank: 0 … world-1.
        world: how many.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> "Processes":
        """From torch.distributed; alone when it is not initialised."""
        import torch.distributed as dist

        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def gather(self, value: object) -> list[Any]:
        """Everyone's value, by rank, on every rank."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def mine(self, count: int) -> range:
        """Which of `count` pieces of work belong to this process: piece c to rank c mod world."""
        return range(self.rank, count, self.world)


@contextlib.contextmanager
def joined(devices: int) -> Iterator[None]:
    """The process group of `devices` processes on the CPU, for as long as the block lasts."""
    import torch.distributed as dist

    if devices == 1 or dist.is_initialized():
        yield
        return
    # the parent watches its workers; gloo's own half hour is less than one of them may score while the others wait
    dist.init_process_group("gloo", timeout=timedelta(days=7))
    try:
        yield
    finally:
        dist.destroy_process_group()


def ranks_exist() -> bool:
    """Whether torchrun or SLURM started this process as one rank of several."""
    return int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1"))) > 1 and (
        "RANK" in os.environ or "SLURM_PROCID" in os.environ
    )


def given_rank() -> int:
    """The rank that torchrun or SLURM gave this process; 0 when nobody did."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) if ranks_exist() else 0


@contextlib.contextmanager
def announcing(devices: int) -> Iterator[Callable[[object], None]]:
    """For the parent of a run: a function that tells the other ranks the plan, if torchrun or SLURM started them.

    They are told None when the block ends without an announcement, so that nobody waits in vain.
    """
    if not ranks_exist():
        yield lambda plan: None
        return
    with joined(devices):
        told = []

        def announce(plan: object) -> None:
            told.append(plan)
            Processes.current().gather(plan)

        try:
            yield announce
        finally:
            if not told:
                announce(None)


def follow(act: Callable[[Any], object], *, devices: int) -> None:
    """For the other ranks: wait for the plan, and act on it unless it is None."""
    with joined(devices):
        plan = Processes.current().gather(None)[0]
        if plan is not None:
            act(plan)


def launch(function: Callable[..., Any], *arguments: object, devices: int) -> Any:
    """Call `function(*arguments)` in each of `devices` processes and return what rank 0 returns.

    One device: in this process. Several: in workers, to which SIGINT and SIGTERM are passed on. They are forked from a
    server that has imported Lightning and done nothing else: that takes seconds, and is done once for all.

    Raises:
        UserError: a worker raised one.
        WorkerError: a worker failed otherwise, or died; the others are stopped.
    """
    check_guarded()
    if devices == 1 or ranks_exist():
        return function(*arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    results: Any = context.Queue()
    port, stopped = _free_port(), context.RawValue("i", 0)
    workers = [
        context.Process(
            target=_work,
            args=(rank, devices, port, dict(os.environ), stopped, results, function, arguments),
            name=f"kantor rank {rank}",
        )
        for rank in range(devices)
    ]
    with _forwarding(workers, stopped) as received:
        try:
            for worker in workers:
                worker.start()
            return _collect(workers, results)
        except WorkerError as error:
            if received:  # it had not begun to listen, and could not save
                raise Interrupted(received[0], saved=False) from error
            raise
        finally:
            for worker in (one for one in workers if one.pid is not None):
                worker.join(PATIENCE)
                if worker.is_alive():
                    worker.kill()
                    worker.join()


def _collect(workers: list[Any], results: Any) -> Any:
    """Wait for every worker's word; the first failure ends the others."""
    found: dict[int, Any] = {}
    silent = 0  # half seconds since the last word: what an ended worker said may still be on its way
    while len(found) < len(workers):
        try:
            rank, error, value = results.get(timeout=0.5)
        except queue.Empty:
            silent += 1
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


def check_guarded() -> None:
    """End a worker that would train while it imports the user's script, as each worker does: the script lacks the usual
    guard, and its parent says so."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


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


def _stop(workers: list[Any]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()


@contextlib.contextmanager
def _forwarding(workers: list[Any], stopped: Any) -> Iterator[list[int]]:
    """Pass SIGINT and SIGTERM on to the workers, who agree on the step at which they stop, and by `stopped` to those
    that do not listen yet; yields those received."""
    received: list[int] = []

    def forward(number: int, frame: object) -> None:
        received.append(number)
        stopped.value = number
        for worker in workers:
            if worker.is_alive():
                os.kill(worker.pid, number)

    previous = {}
    with contextlib.suppress(ValueError):  # not in the main thread: nobody sends us signals
        previous = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _work(
    rank: int,
    world: int,
    port: int,
    environment: dict[str, str],
    stopped: Any,
    results: Any,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """One worker: the parent's environment as it is now, torchrun's variables, then the function; its result or error
    goes to the parent."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # the terminal's Ctrl-C reaches the parent alone, which passes it on once
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(
        environment,
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world),
        LOCAL_WORLD_SIZE=str(world),
        GROUP_RANK="0",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        TORCHELASTIC_RUN_ID="kantor",
    )
    try:
        if stopped.value:
            raise Interrupted(stopped.value, saved=False)
        value = function(*arguments)
        pickle.dumps(value)  # the queue would lose what cannot be sent
        results.put((rank, None, value))
    except UserError as error:
        results.put((rank, UserError(str(error)), None))
    except KeyboardInterrupt:
        results.put((rank, Interrupted(stopped.value or signal.SIGINT, saved=False), None))
    except Exception as error:  # whatever it is, the parent must hear of it
        if isinstance(error, OSError) and is_full(error):
            results.put((rank, OSError(error.errno, error.strerror, error.filename), None))
            return
        first, place = str(error).splitlines()[0] if str(error) else "", user_code.own_line(error)
        where = "" if place is None else f" ({place})"
        sentence = f"process {rank} of {world}: {type(error).__name__}: {first}{where}"
        results.put((rank, WorkerError(sentence, traceback.format_exc(), place is not None), None))


def _end_with_parent() -> None:
    """End this process when the parent is gone, even by SIGKILL: nobody would write down what it does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

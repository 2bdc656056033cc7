"""The workers of a run in several processes: how the parent starts them, and passes signals on.

They come from multiprocessing's fork server, under torchrun's environment variables, and Lightning launches nothing.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from types import FrameType
from typing import Any

from kantor import interrupts, led, worker_ends
from kantor.company import company
from kantor.errors import Interrupted, RankLost
from kantor.processes import joined, ranks_exist
from kantor.worker_ends import WorkerError, check_guarded

PATIENCE = 30.0
"""Seconds that workers get to end after one of them died."""

PRELOADED = "pytorch_lightning"
"""What workers are forked with. Not kantor: the server knows nothing of paths that were added to sys.path."""


def launch(function: Callable[..., Any], *arguments: object, world: int) -> Any:
    """Call `function(*arguments)` in each of `world` processes and return what rank 0 returns.

    One: in this process. Several: in the ranks that somebody else has started, or else in workers, to which signals are
    passed on. They are forked from a server that has imported Lightning and done nothing else: that takes seconds, and
    is done once for all.

    Raises:
        UserError: a worker raised one.
        WorkerError: a worker failed otherwise, or died; the others are stopped.
    """
    check_guarded()
    if world == 1:
        return function(*arguments)
    if ranks_exist():
        return led.call(function, arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    resource_tracker.ensure_running()  # here, for it unblocks signals
    with _blocked():
        forkserver.ensure_running()
    results: Any = context.Queue()
    port, stopped = _free_port(), context.RawArray("i", 2)
    workers = [
        context.Process(
            target=_work,
            args=(rank, world, port, dict(os.environ), stopped, results, function, arguments),
            name=f"kantor rank {rank}",
        )
        for rank in range(world)
    ]
    with _forwarding(workers, stopped) as received:
        try:
            for worker in workers:
                worker.start()
            return worker_ends.collected(workers, results)
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


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Signals wait until the block ends; what is started in it never hears them, such as the server from which workers
    are forked: sent to the whole group, they would end it, and with it what the parent knows of its workers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupts.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _forwarding(workers: list[Any], stopped: Any) -> Iterator[list[int]]:
    """Pass signals on to the workers, who agree on the step at which they stop, and by `stopped`, the last one's number
    and how many there were, to those that do not listen yet; yields those received."""
    received: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        received.append(number)
        stopped[:] = number, len(received)
        for worker in workers:
            if worker.is_alive():
                os.kill(worker.pid, number)

    with interrupts.received_by(forward):
        yield received


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
    for number in interrupts.SIGNALS[1:]:  # as they are by default: whoever started the server may ignore them
        signal.signal(number, signal.SIG_DFL)
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

    def if_lost(error: RankLost) -> None:
        results.put((rank, error, None))
        results.close()
        results.join_thread()  # this process ends at once

    try:
        with interrupts.passed_on(lambda: stopped[1]), interrupts.listening():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
            if stopped[1]:
                raise Interrupted(stopped[0], saved=False)
            with company().watched(if_lost), joined():
                value = function(*arguments)
        pickle.dumps(value)  # the queue would lose what cannot be sent
        results.put((rank, None, value))
    except (Exception, KeyboardInterrupt) as error:  # whatever it is, the parent must hear of it
        results.put((rank, worker_ends.as_sent(error, f"process {rank} of {world}", stopped[0]), None))


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

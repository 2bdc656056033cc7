import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from kantor.processes import Processes


@dataclass(frozen=True)
class ThreadProcesses(Processes):
    """Ranks that are threads of this process: `gather` meets at a barrier."""

    barrier: Any = None
    board: Any = field(default_factory=list)

    def gather(self, value):
        self.board[self.rank] = value
        self.barrier.wait(60)
        found = list(self.board)
        self.barrier.wait(60)
        return found


@pytest.fixture
def together():
    """Calls `function(processes)` on each of `world` ranks at once; their results by rank."""

    def run(function, world):
        barrier, board, results = threading.Barrier(world), [None] * world, [None] * world

        def rank(r):
            try:
                results[r] = function(ThreadProcesses(r, world, barrier, board))
            except BaseException as error:
                results[r] = error
                barrier.abort()

        threads = [threading.Thread(target=rank, args=(r,)) for r in range(world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    return run


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """Random weights of Inception-v3 that torch-fidelity, torchmetrics and kantor load alike."""
    from inception_file import write  # importing torch-fidelity takes seconds

    path = tmp_path_factory.mktemp("inception") / "random-weights.pth"
    write(path)
    return path

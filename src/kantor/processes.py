"""The processes of one run: who they are, and what they gather.

`kantor.workers` starts them; when torchrun or SLURM has started the ranks already, they are used as they are.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


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
    """For the parent of a run: a function that tells the other ranks the plan, if torchrun or SLURM started them, and
    joins them for the rest of the block.

    They are told None when the block fails before, so that nobody waits in vain; a signal reaches them all.
    """
    if not ranks_exist():
        yield lambda plan: None
        return
    told = []
    with contextlib.ExitStack() as group:

        def announce(plan: object) -> None:
            told.append(plan)
            group.enter_context(joined(devices))
            Processes.current().gather(plan)

        try:
            yield announce
        except Exception:
            if not told:
                announce(None)
            raise


def follow(act: Callable[[Any], object], *, devices: int) -> None:
    """For the other ranks: wait for the plan, and act on it unless it is None."""
    with joined(devices):
        plan = Processes.current().gather(None)[0]
        if plan is not None:
            act(plan)

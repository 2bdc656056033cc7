"""The processes of one run: who they are, and what they gather.

`kantor.workers` starts them; when somebody else has started the ranks already, they are used as they are. Torchrun's
variables say who is who in either case (`kantor.ranks`).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kantor.company import company
from kantor.errors import RankLost, UserError


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
def joined(name: str = "0") -> Iterator[None]:
    """The process group of the ranks that there are, for as long as the block lasts; of gloo, and of NCCL for what lies
    on a GPU. Alone there is none.

    Args:
        name: of which the store has no group yet: one that failed leaves words behind.
    """
    import torch
    import torch.distributed as dist

    if not ranks_exist() or dist.is_initialized():
        yield
        return
    here = company()
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=dist.PrefixStore(f"group/{name}", here.store),
        rank=here.rank,
        world_size=here.world,
        timeout=timedelta(days=7),  # one may score for long while the others wait; who is lost is found otherwise
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def ranks_exist() -> bool:
    """Whether this process was started as one rank of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def given_rank() -> int:
    """The rank that this process was given; 0 when nobody gave it one."""
    return int(os.environ["RANK"]) if ranks_exist() else 0


def started() -> tuple[int, int] | None:
    """On how many nodes somebody has started how many ranks each; None where nobody has.

    Raises:
        UserError: on one more than on another.
    """
    if not ranks_exist():
        return None
    world, local = int(os.environ["WORLD_SIZE"]), int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    if world % local:
        raise UserError(f"{world} processes have been started, {local} of them on this node: expected as many on each")
    return world // local, local


def check_world(*, nodes: int, devices: int) -> None:
    """Check that a run has as many processes as have been started, or can be.

    Raises:
        UserError: it has not.
    """
    given, there = f"trainer.nodes={nodes} trainer.devices={devices}", started()
    if there is None and nodes > 1:
        raise UserError(
            f"{given}: a process on one node cannot start those of others; start all of them, by `srun --nodes={nodes} "
            f"--ntasks-per-node={devices} kantor …` or by torchrun on each node, or take trainer.nodes=1"
        )
    if there is not None and there != (nodes, devices):
        raise UserError(
            f"{given}: {there[1]} processes have been started on each of {there[0]} nodes; give "
            f"trainer.nodes={there[0]} trainer.devices={there[1]}, or start kantor once"
        )


@contextlib.contextmanager
def if_lost(act: Callable[[RankLost], None]) -> Iterator[None]:
    """For as long as the block lasts, what this process does before it ends for want of another rank."""
    if not ranks_exist():
        yield
        return
    with company().watched(act):
        yield

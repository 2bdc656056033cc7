"""Which part of every batch a process gets."""

from dataclasses import dataclass

from kantor.errors import UserError


@dataclass(frozen=True)
class Share:
    """Which part of every batch a process gets.

    Attributes:
        rank: this process.
        world: the number of processes.
    """

    rank: int = 0
    world: int = 1

    def rows(self, batch_size: int) -> slice:
        """This process's rows of a batch of all processes."""
        return slice(self.rank * batch_size // self.world, (self.rank + 1) * batch_size // self.world)


def check_shares(batch_size: int, processes: int) -> None:
    """Check that processes can share a batch evenly.

    Raises:
        UserError: they cannot.
    """
    if batch_size % processes:
        nearby = max(1, round(batch_size / processes)) * processes
        raise UserError(
            f"data.batch_size={batch_size} cannot be shared evenly by {processes} processes, trainer.nodes x "
            f"trainer.devices: take a multiple, such as data.batch_size={nearby}"
        )

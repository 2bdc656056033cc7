"""LightningDataModules that serve blocks; each also works in a plain `Trainer` with any `GenerativeModel`."""

import pytorch_lightning as pl
from torch import Tensor
from torch.utils.data import DataLoader

from kantor.checks import check_shares
from kantor.data.points import PointDistribution, identity
from kantor.data.stream import PointBlocks
from kantor.errors import require_positive
from kantor.identity import sha256
from kantor.models.base import GenerativeModel


class PointData(pl.LightningDataModule):
    """Points drawn afresh at every step from a known distribution.

    Args:
        name: what the data set is called in protocols and tables.
        distribution: the truth.
        batch_size: points in a batch, over all processes.
        seed: the run's seed.

    Raises:
        UserError: the batch size is not positive, or (in `train_dataloader`) the processes cannot share a batch evenly.
    """

    sample_shape = (2,)

    def __init__(self, *, name: str, distribution: PointDistribution, batch_size: int, seed: int) -> None:
        super().__init__()
        require_positive(batch_size=batch_size)
        self.name = name
        self.distribution = distribution
        self.batch_size = batch_size
        self.seed = seed

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what the distribution is, 64 hex digits."""
        return sha256(identity(self.distribution))

    def train_dataloader(self) -> DataLoader[Tensor]:
        """An endless stream of blocks from the step at which the model stands."""
        assert self.trainer is not None
        model = self.trainer.lightning_module
        assert isinstance(model, GenerativeModel), "blocks are sized by a GenerativeModel"
        rank, world = self.trainer.global_rank, self.trainer.world_size
        check_shares(self.batch_size, world)
        blocks = PointBlocks(
            self.distribution,
            batch_size=self.batch_size,
            batches_per_step=model.batches_per_step,
            first_step=model.generator_steps,
            seed=self.seed,
            rank=rank,
            world=world,
        )
        return DataLoader(blocks, batch_size=None)

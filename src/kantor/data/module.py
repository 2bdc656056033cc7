"""LightningDataModules that serve blocks; each also works in a plain `Trainer` with any `Consumer`."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from kantor.data.points import HasClasses, PointDistribution, identity
from kantor.data.share import Share, check_shares
from kantor.data.stream import Blocks, PointBlocks
from kantor.digests import sha256
from kantor.errors import UserError, require_positive


@runtime_checkable
class Consumer(Protocol):
    """What data know of the model that they are served to."""

    @property
    def steps(self) -> int:
        """How many training steps are finished, which is the number of the next one."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        ...

    def batches_per_step(self, step: int) -> int:
        """How many batches training step `step` consumes."""
        ...

    def batches_before(self, step: int) -> int:
        """How many batches the training steps before `step` consume together."""
        ...


class BlockData(pl.LightningDataModule, ABC):
    """What every data set is to models, callbacks and evaluation.

    Attributes:
        name: what the data set is called in protocols and tables.
        batch_size: samples in a batch, over all processes.
        seed: the run's seed.
    """

    name: str
    batch_size: int
    seed: int

    content: ClassVar[str]
    """What the samples are called in sentences: points, pictures."""

    @property
    @abstractmethod
    def sample_shape(self) -> tuple[int, ...]:
        """Of one sample, without the batch; known before anything is read."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of what the data are, 64 hex digits."""

    @property
    def classes(self) -> int | None:
        """How many classes the labels 0 … classes - 1 have, known before anything is read; None without labels."""
        return None

    def label_shares(self) -> np.ndarray | None:
        """The share of each class in what is trained on, float64 (classes,), of prepared data; None without labels.

        Raises:
            UserError: there are labels of other classes.
        """
        return None

    @classmethod
    def require(cls, data: "BlockData", *, purpose: str, remedy: str) -> Self:
        """`data`, which has to be of this kind.

        Args:
            data: of any kind.
            purpose: what it is asked for: the sentence up to the `content` that is expected.
            remedy: what to take for other data.

        Raises:
            UserError: it is of another kind.
        """
        if not isinstance(data, cls):
            raise UserError(f"{purpose} {cls.content}, data={data.name} are {data.content}; take {remedy}")
        return data

    @abstractmethod
    def blocks(self, model: Consumer, share: Share) -> Blocks:
        """The endless stream of blocks from the step at which a model stands.

        Args:
            model: says how many batches each step takes, and which step is next.
            share: which part of every batch this process gets.
        """

    def train_dataloader(self) -> DataLoader[Any]:
        """The stream, sized by the model of the trainer.

        Raises:
            UserError: the processes cannot share a batch evenly.
        """
        assert self.trainer is not None
        model = self.trainer.lightning_module
        assert isinstance(model, Consumer), "blocks are sized by what their model consumes"
        share = Share(self.trainer.global_rank, self.trainer.world_size)
        check_shares(self.batch_size, share.world)
        return DataLoader(self.blocks(model, share), batch_size=None)


class PointData(BlockData):
    """Points drawn afresh at every step from a known distribution.

    Args:
        name: what the data set is called in protocols and tables.
        distribution: the truth.
        batch_size: points in a batch, over all processes.
        seed: the run's seed.

    Raises:
        UserError: the batch size is not positive.
    """

    content = "points"
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

    @property
    def classes(self) -> int | None:
        """Those of the distribution, where it has several."""
        shares = self.label_shares()
        return None if shares is None or len(shares) < 2 else len(shares)

    def label_shares(self) -> np.ndarray | None:
        """How probable each class is."""
        return self.distribution.class_shares() if isinstance(self.distribution, HasClasses) else None

    def blocks(self, model: Consumer, share: Share) -> PointBlocks:
        """Fresh points for ever."""
        return PointBlocks(
            self.distribution,
            batch_size=self.batch_size,
            batches_per_step=model.batches_per_step,
            first_step=model.steps,
            seed=self.seed,
            share=share,
        )

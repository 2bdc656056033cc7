"""The first block of a data set over and over, cut to a few samples: for a model that is tried before it is trained."""

import numpy as np
import torch

from kantor.data.module import BlockData, Consumer
from kantor.data.share import Share
from kantor.data.stream import Block, Blocks
from kantor.errors import UserError
from kantor.models.base import GenerativeModel


class FirstBlock(BlockData):
    """A data set that serves it.

    Args:
        data: prepared.
        model: says how many batches its first step takes.
        n: samples of each.
    """

    def __init__(self, data: BlockData, model: GenerativeModel, *, n: int) -> None:
        super().__init__()
        self.data, self.name, self.seed = data, data.name, data.seed
        self.batch_size = min(n, data.batch_size)
        block = data.on_after_batch_transfer(data.blocks(_OnCPU(model), Share(0, 1)).block(0), 0)
        assert isinstance(block, Block)
        labels = None if block.labels is None else block.labels[:, :n]
        self.block = Block(block.samples[:, :n], labels)
        if not self.block.samples.is_floating_point() or self.block.samples.shape[2:] != data.sample_shape:
            raise UserError(
                f"data={data.name}: a batch has samples {tuple(self.block.samples.shape[2:])} of "
                f"{self.block.samples.dtype}, expected floats {data.sample_shape}, as its sample_shape says"
            )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The data's."""
        return self.data.sample_shape

    @property
    def fingerprint(self) -> str:
        """The data's."""
        return self.data.fingerprint

    @property
    def classes(self) -> int | None:
        """The data's."""
        return self.data.classes

    def label_shares(self) -> np.ndarray | None:
        """The data's."""
        return self.data.label_shares()

    def blocks(self, model: Consumer, share: Share) -> Blocks:
        """The one that there is."""
        return _Again(self.block)


class _OnCPU:
    """A model at its first step, which takes its batches on the CPU."""

    steps = 0
    device = torch.device("cpu")

    def __init__(self, model: GenerativeModel) -> None:
        self.batches_per_step, self.batches_before = model.batches_per_step, model.batches_before


class _Again(Blocks):
    """One block for every step."""

    def __init__(self, block: Block) -> None:
        super().__init__(first_step=0)
        self._block = block

    def block(self, step: int) -> Block:
        """It."""
        return self._block

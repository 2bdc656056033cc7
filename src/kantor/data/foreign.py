"""Anybody's LightningDataModule of images as a data set: its batches, of whatever sizes, become blocks."""

import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data.distributed import DistributedSampler

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.loaders import Batch, checked, one_epoch, seeded
from kantor.data.module import Consumer
from kantor.data.share import Share
from kantor.data.stream import Block, Blocks
from kantor.digests import sha256
from kantor.errors import UserError, require_positive
from kantor.messages import say

SHARED_SEED = 0  # what setup() splits off, and the real images of scores, are the same for every seed of a run
KEPT_BYTES = 2 * 2**30
"""Pixels of a split that are kept in memory for scores and for pictures of real images, at most."""
UNCALLED = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
"""Hooks of a LightningDataModule that change batches, and that nobody would call."""


class Regrouped(Blocks):
    """Batches of any sizes as blocks: one image after the other, nothing left out.

    A stream can be read onwards only. A block that lies ahead is come to by counting, one that lies behind by beginning
    again.

    Args:
        batches: begins the endless stream of batches, images (any, …) and their labels (any,) or None.
        batch_size: images in a batch of a block, over all processes.
        batches_per_step: how many batches training step k consumes.
        batches_before: how many batches the steps before k consume together.
        first_step: where the stream of blocks begins.
        share: which part of every batch is wanted.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        *,
        batch_size: int,
        batches_per_step: Callable[[int], int],
        batches_before: Callable[[int], int],
        first_step: int,
        share: Share,
    ) -> None:
        super().__init__(first_step=first_step)
        self.batches = batches
        self.batch_size = batch_size
        self.batches_per_step = batches_per_step
        self.batches_before = batches_before
        self.rows = share.rows(batch_size)
        self._begin()

    def _begin(self) -> None:
        self._stream, self._position = self.batches(), 0
        self._rest: Batch = torch.empty(0), None

    def block(self, step: int) -> Block:
        """The block of one training step, (batches, B of this process, …); with labels where all its images have."""
        start, batches = self.batches_before(step) * self.batch_size, self.batches_per_step(step)
        if start < self._position:
            self._begin()
        for _ in self._read(start - self._position):
            pass
        pieces = list(self._read(batches * self.batch_size))
        images = torch.cat([piece for piece, _ in pieces])
        labels = [piece for _, piece in pieces if piece is not None]
        return Block(
            images.reshape(batches, self.batch_size, *images.shape[1:])[:, self.rows],
            torch.cat(labels).reshape(batches, self.batch_size)[:, self.rows] if len(labels) == len(pieces) else None,
        )

    def _read(self, n: int) -> Iterator[Batch]:
        """The next n images with their labels, in pieces."""
        while n:
            if len(self._rest[0]) == 0:
                self._rest = next(self._stream)
            images, labels = self._rest
            piece = images[:n], None if labels is None else labels[:n]
            self._rest = images[n:], None if labels is None else labels[n:]
            n -= len(piece[0])
            self._position += len(piece[0])
            yield piece


class Foreign(ImageData):
    """The images of a LightningDataModule that knows nothing of kantor.

    Of the module `prepare_data`, `setup` and the loaders are called, and it is made anew for every reading: what one
    reader does to it changes nothing for another. A batch is a tensor of images, or a list or tuple of it and labels;
    images are (B, C, H, W) with any B, uint8 or floats in [-1, 1].

    What `train_dataloader` gives is trained on, one image after the other, epoch after epoch, in the order in which it
    comes. With several processes each reads all of it and keeps its rows of every batch. Whatever the module draws from
    the global generators of torch, numpy and Python is keyed: by ("foreign setup") of seed 0 until its loader is made,
    then as `one_epoch` says. A module that is random in other ways trains too, but then processes do not share a batch,
    and a resumed run differs from an uninterrupted one.

    Scores and pictures take their training images from the first epoch of `train_dataloader`, read with seed 0, and
    those held out from `val_dataloader`, else `test_dataloader`.

    What the module reads is not known: the fingerprint is that of its class's name, arguments and source.

    Args:
        name: what it is called in protocols and tables.
        batch_size: images in a batch of a block, over all processes; the loader's batches may have any size.
        sample_shape: C, H, W of each image.
        module: makes the LightningDataModule; in a configuration a `_target_` with `_partial_: true`.
        seed: the run's seed.
        classes: how many classes the labels 0 … classes - 1 have, for models and scores that ask; None when they are
            not to be asked for.

    Raises:
        UserError: a number is not positive, or `module` is made already or lacks an argument.
    """

    licence: ClassVar[str] = "yours to know: the module is your own choice"

    def __init__(
        self,
        *,
        name: str,
        batch_size: int,
        sample_shape: list[int],
        module: Callable[[], pl.LightningDataModule],
        seed: int,
        classes: int | None = None,
    ) -> None:
        super().__init__(
            name=name, batch_size=batch_size, size=None, flip=False, resident=False, identity="auto", seed=seed
        )
        if not (
            isinstance(sample_shape, list | tuple)
            and len(sample_shape) == 3
            and all(isinstance(n, int) and n > 0 for n in sample_shape)
        ):
            raise UserError(f"sample_shape={sample_shape}: expected [channels, height, width], such as [3, 64, 64]")
        if not callable(module):
            raise UserError(
                f"module: {type(module).__name__} is made already, and is to be made anew for every reading: say "
                "_partial_: true beside its _target_"
            )
        if classes is not None:
            require_positive(classes=classes)
        self._shape, self._classes = tuple(sample_shape), classes
        self._make = functools.partial(module)  # also flattens a partial
        try:
            inspect.signature(self._make.func).bind(*self._make.args, **self._make.keywords)
        except TypeError as error:
            raise UserError(f"module: {self._make.func.__qualname__}: {error}; give what it takes") from error

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return self._shape

    @property
    def classes(self) -> int | None:
        """As the argument says."""
        return self._classes

    def label_shares(self) -> np.ndarray | None:
        """The share of each class in the first epoch, float64 (classes,), of which nothing else is kept."""
        if self.classes is None:
            return None
        counts = np.zeros(self.classes)
        for _, labels in next(self._epochs("train_dataloader", SHARED_SEED)):
            assert labels is not None
            counts += np.bincount(labels.numpy(), minlength=self.classes)
        return counts / counts.sum()

    @property
    def split_rule(self) -> str:
        """The module's."""
        return f"train_dataloader and {self._held_out or 'nothing held out'}"

    def describe(self) -> dict[str, Any]:
        """The class's name, its arguments as they print themselves, and the SHA-256 of its source."""
        made_by = self._make.func
        arguments = repr([*self._make.args, *sorted(self._make.keywords.items())])
        return {
            "module": f"{made_by.__module__}.{made_by.__qualname__}",
            "arguments": re.sub(r" at 0x[0-9a-fA-F]+", "", arguments),  # an object's address is no part of it
            "source": source_hash(made_by),
        }

    def prepare_data(self) -> None:
        """Let the module prepare its data, and look at its first batch before a trainer does."""
        with _setting_up():
            self._made().prepare_data()
        if self.trainer is None:
            next(self._training_images())

    def load(self, split: Split) -> ImageSet:
        """The images of one epoch, in memory; of none where the module holds none out.

        Raises:
            UserError: they are too many for that, or a batch is none of images.
        """
        name = "train_dataloader" if split == "train" else self._held_out
        images, labels, size = [np.empty((0, *self._shape), np.uint8)], [torch.empty(0, dtype=torch.int64)], 0
        epochs = iter(()) if name is None else self._epochs(name, SHARED_SEED)
        for batch, known in next(epochs, ()):
            images.append(pixels.to_uint8(batch).numpy())
            labels += [known] if known is not None else []
            size += images[-1].nbytes
            if size > KEPT_BYTES:
                raise UserError(
                    f"data={self.name}: an epoch of {name} has more than {KEPT_BYTES / 2**30:.3g} GiB of pixels, too "
                    "many to keep for scores and pictures of real images: take evaluation=none, and pictures=none or "
                    "those without ~pictures.callbacks.side_by_side ~pictures.callbacks.neighbours"
                )
        whole, numbers = np.concatenate(images), torch.cat(labels).numpy()
        return ImageSet(whole, numbers if len(numbers) == len(whole) > 0 else None)

    def blocks(self, model: Consumer, share: Share) -> Regrouped:
        """What the loader gives, regrouped, from the step at which a model stands; of a resumed run, it says so."""
        if model.steps:
            passed = model.batches_before(model.steps) * self.batch_size
            say(
                f"data={self.name}: reading up to image {passed:,}, where the run stood; it goes on bit for bit only "
                f"if {self._make.func.__qualname__} gives the same images in the same order again"
            )
        return Regrouped(
            self._training_images,
            batch_size=self.batch_size,
            batches_per_step=model.batches_per_step,
            batches_before=model.batches_before,
            first_step=model.steps,
            share=share,
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Block:
        """A block is already as the model takes it, float32 in [-1, 1], (batches, B, C, H, W)."""
        assert isinstance(batch, Block)
        return batch

    def _training_images(self) -> Iterator[Batch]:
        """The batches of all epochs."""
        for epoch, batches in enumerate(self._epochs("train_dataloader", self.seed)):
            seen = 0
            for batch in batches:
                seen += len(batch[0])
                yield batch
            if seen == 0:
                raise UserError(
                    f"data={self.name}: train_dataloader has no image in epoch {epoch + 1}; expected a loader that can "
                    "be gone through again and again, such as a DataLoader"
                )

    def _epochs(self, name: str, seed: int) -> Iterator[Iterator[Batch]]:
        """Epoch after epoch of a loader of a module made for it."""
        source = f"data={self.name}: {name}"
        with _setting_up():
            module = self._made()
            module.setup("test" if name == "test_dataloader" else "fit")
            loader = getattr(module, name)()
        if not isinstance(loader, Iterable):
            raise UserError(f"{source} returned a {type(loader).__name__}; expected a DataLoader")
        sampler = getattr(loader, "sampler", None)
        if isinstance(sampler, DistributedSampler) and sampler.num_replicas > 1:
            raise UserError(f"{source} has a DistributedSampler, but kantor shares batches itself: take shuffle=True")
        for epoch in itertools.count():
            yield (checked(batch, self._shape, source, self.classes) for batch in one_epoch(loader, seed, epoch))

    def _made(self) -> pl.LightningDataModule:
        module = self._make()
        who = f"data={self.name}: {self._make.func.__qualname__}"
        if not isinstance(module, pl.LightningDataModule):
            raise UserError(
                f"{who} made a {type(module).__name__}; expected a LightningDataModule of pytorch_lightning: wrap it "
                "in one"
            )
        for hook in UNCALLED:
            if getattr(type(module), hook) is not getattr(pl.LightningDataModule, hook):
                raise UserError(f"{who} overrides {hook}, which kantor does not call: do in the loader what it does")
        module.trainer = self.trainer
        return module

    @property
    def _held_out(self) -> str | None:
        """Which loader has images that are not trained on; None when there is none."""
        with _setting_up():
            own = type(self._made())
        names = ("val_dataloader", "test_dataloader")
        return next((name for name in names if getattr(own, name) is not getattr(pl.LightningDataModule, name)), None)


def _setting_up() -> AbstractContextManager[None]:
    return seeded(keyed.seed(SHARED_SEED, "foreign setup"))


def source_hash(target: Callable[..., Any]) -> str:
    """SHA-256 of the modules of a class and of its bases in the same package, or of a function, 64 hex digits."""
    package = target.__module__.split(".")[0]
    parts = inspect.getmro(target) if inspect.isclass(target) else (target,)
    own = dict.fromkeys(part.__module__ for part in parts if part.__module__.split(".")[0] == package)
    return sha256([inspect.getsource(sys.modules[name]) for name in own])

"""Image data sets: uint8 pictures from one mapped file each, served as blocks, scaled and mirrored on the device."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from kantor import global_generators, keyed
from kantor.data import pixels
from kantor.data.module import BlockData, Consumer
from kantor.data.share import Share
from kantor.data.stream import Block, Blocks, ImageBlock, ImageBlocks
from kantor.digests import sha256
from kantor.errors import UserError, require_positive

Split = Literal["train", "test"]
SUBSET_SEED = 0  # everybody's subset of n images is the same
DEVICE_SHARE = 0.5  # of a GPU's free memory that images may take


@dataclass(frozen=True)
class ImageSet:
    """One split of a data set.

    Attributes:
        pixels: uint8 (M, C, H, W), in memory or mapped from a file.
        labels: int64 (M,), or None.
        rows: which of the M belong to the set, int64 (N,); None for all.
    """

    pixels: np.ndarray
    labels: np.ndarray | None = None
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert self.pixels.dtype == np.uint8 and self.pixels.ndim == 4, (self.pixels.dtype, self.pixels.shape)

    def __len__(self) -> int:
        return len(self.pixels) if self.rows is None else len(self.rows)

    def take(self, indices: np.ndarray) -> Tensor:
        """Copies of the images at int64 indices (n,), uint8 (n, C, H, W)."""
        return torch.from_numpy(self.pixels[indices if self.rows is None else self.rows[indices]])

    def labels_of(self, indices: np.ndarray) -> np.ndarray | None:
        """The labels at indices (n,), int64 (n,); None when there are none."""
        if self.labels is None:
            return None
        return self.labels[indices if self.rows is None else self.rows[indices]]

    def subset(self, n: int) -> "ImageSet":
        """`n` of them, the same for everybody, in their order.

        Raises:
            UserError: there are not that many.
        """
        if n > len(self):
            raise UserError(f"size={n}: the set has {len(self)} images; expected at most that many, or null for all")
        rng = keyed.generator(SUBSET_SEED, "subset", n)
        chosen = np.sort(rng.permutation(len(self))[:n])
        return ImageSet(self.pixels, self.labels, chosen if self.rows is None else self.rows[chosen])


@dataclass(frozen=True)
class DeviceImages:
    """A set whose pixels lie on a GPU.

    Attributes:
        pixels: uint8 (N, C, H, W).
        labels: int64 (N,), in memory, or None.
    """

    pixels: Tensor
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, indices: np.ndarray) -> Tensor:
        """Copies of the images at int64 indices (n,), on the device."""
        return self.pixels[torch.from_numpy(indices).to(self.pixels.device)]

    def labels_of(self, indices: np.ndarray) -> np.ndarray | None:
        """The labels at indices (n,), int64 (n,); None when there are none."""
        return None if self.labels is None else self.labels[indices]


@dataclass(eq=False, kw_only=True)
class ImageData(BlockData):
    """A data set of pictures of one size.

    Attributes:
        name: what it is called in protocols and tables.
        batch_size: images in a batch, over all processes.
        size: how many images to train on: a subset that is the same for everybody; None for all.
        flip: whether half of the real images are mirrored left to right.
        resident: whether the images lie on the training device; `auto` puts them there when they take at most half of
            its free memory. On a CPU they are mapped from their file in any case.
        identity: the fingerprint that the data had when the run was configured; `auto` while it is not known.
        seed: the run's seed.

    Raises:
        UserError: a size is not positive.
    """

    name: str
    batch_size: int
    size: int | None
    flip: bool
    resident: Literal["auto"] | bool
    identity: str
    seed: int

    content: ClassVar[str] = "pictures"

    licence: ClassVar[str]
    """Under what terms the pictures may be used, for the card."""

    def __post_init__(self) -> None:
        super().__init__()
        require_positive(batch_size=self.batch_size)
        if self.size is not None:
            require_positive(size=self.size)

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What the pictures are, as plain containers: of files their names, sizes and digests, of a rendering its
        parameters; and all settings that change a pixel. Cheap, without torch.

        Raises:
            UserError: files are missing; the message says where they are expected and how to get them.
        """

    @abstractmethod
    def load(self, split: Split) -> ImageSet:
        """A split, built and cached before its first use. Mapped, not read, wherever it can be.

        Raises:
            UserError: files are missing or damaged.
        """

    @property
    def own_extractor(self) -> dict[str, Any] | None:
        """The `_target_` node of the feature extractor that knows these pictures; None when there is none."""
        return None

    @property
    def split_rule(self) -> str:
        """By which rule pictures are held out, for card and protocol."""
        return "the data set's own"

    @property
    def remarks(self) -> list[str]:
        """What a card says of the files beside what it says of every data set's, of prepared data."""
        return []

    @property
    def entropy(self) -> float | None:
        """Of the law of the pictures, where that is known and they are of bits, nats of a picture; else None."""
        return None

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The directories of which every picture is data, so that nothing is to be written there."""
        return ()

    @property
    def left_out(self) -> int:
        """How many files are no whole pictures and belong to no split, of prepared data."""
        return 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 of `describe()` and `size`, 64 hex digits."""
        return sha256({"images": self.describe(), "size": self.size})

    def check_identity(self) -> None:
        """Check that the data are those that the run was configured with.

        Raises:
            UserError: they are others.
        """
        if self.identity not in ("auto", self.fingerprint):
            raise UserError(
                f"identity={self.identity[:10]}…: the files of data={self.name} have changed, their fingerprint is "
                f"{self.fingerprint[:10]}… now; put the old ones back, or start a new run"
            )

    def prepare_data(self) -> None:
        """Build what is not cached yet (Lightning calls it on one process only)."""
        self.check_identity()
        self._loaded("train")
        self._loaded("test")

    def _loaded(self, split: Split) -> ImageSet:
        """A split; what code of the user's draws meanwhile from global generators is the same in every process."""
        with global_generators.keyed(keyed.seed(0, "load"), torch.device("cpu")):
            return self.load(split)

    @cached_property
    def train(self) -> ImageSet:
        """What is trained on."""
        whole = self._loaded("train")
        return whole if self.size is None or self.size == len(whole) else whole.subset(self.size)

    @cached_property
    def test(self) -> ImageSet:
        """What is held out, for floors and for memorisation."""
        return self._loaded("test")

    def label_shares(self) -> np.ndarray | None:
        """The share of each class in what is trained on, float64 (classes,); None without labels.

        Raises:
            UserError: there are labels of other classes.
        """
        if self.classes is None:
            return None
        labels = self.train.labels_of(np.arange(len(self.train)))
        assert labels is not None, f"data={self.name} have {self.classes} classes and no labels"
        check_labels(labels, self.classes, f"data={self.name}")
        return np.bincount(labels, minlength=self.classes) / len(labels)

    def blocks(self, model: Consumer, share: Share) -> Blocks:
        """The training images over and over."""
        return ImageBlocks(
            self._on(model.device) if self._resides_on(model.device) else self.train,
            batch_size=self.batch_size,
            batches_per_step=model.batches_per_step,
            batches_before=model.batches_before,
            first_step=model.steps,
            seed=self.seed,
            share=share,
            flip=self.flip,
        )

    def _resides_on(self, device: torch.device) -> bool:
        if device.type == "cpu" or self.resident is False:
            return False
        if self.resident is True or device.type != "cuda":
            return bool(self.resident)
        free, _ = torch.cuda.mem_get_info(device)
        return len(self.train) * int(np.prod(self.sample_shape)) <= DEVICE_SHARE * free

    def _on(self, device: torch.device) -> DeviceImages:
        whole = torch.empty((len(self.train), *self.sample_shape), dtype=torch.uint8, device=device)
        for start in range(0, len(whole), 4096):
            indices = np.arange(start, min(start + 4096, len(whole)))
            whole[start : start + len(indices)] = self.train.take(indices).to(device)
        return DeviceImages(whole, self.train.labels_of(np.arange(len(whole))))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Block:
        """A block as the model takes it: float32 in [-1, 1], (batches, B, C, H, W), mirrored where it is to be."""
        assert isinstance(batch, ImageBlock)
        images = batch.images
        if batch.mirrored is not None:
            images = torch.where(batch.mirrored[..., None, None, None], images.flip(-1), images)
        return Block(pixels.to_model(images), batch.labels)


def check_labels(labels: np.ndarray, classes: int, source: str) -> None:
    """Check that integer labels (n,) are of the classes 0 … classes - 1.

    Raises:
        UserError: some are not; `source` says whose they are.
    """
    others = labels[(labels < 0) | (labels >= classes)]
    if len(others):
        raise UserError(f"{source} has the label {others[0]}; expected 0 … {classes - 1}, one of {classes} classes")

"""CIFAR-10: 32 × 32 colour photographs of ten kinds of things (Krizhevsky 2009), 50,000 to train on, 10,000 to test.

From the published Python version, as the archive or unpacked in torchvision's layout. Its batches are pickles: each has
to have the published MD5 before it is opened, and even then may make nothing but arrays.
"""

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy._core.multiarray import _reconstruct

from kantor.data import cache
from kantor.data.archives import Bounds, members
from kantor.data.downloads import fetch
from kantor.data.images import ImageData, ImageSet, Split
from kantor.digests import sha256
from kantor.errors import UserError

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
MD5: dict[Split, dict[str, str]] = {
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}
"""As published with torchvision."""

SHAPE = (3, 32, 32)
BOUNDS = Bounds(member=1 << 26, total=1 << 29, members=100)
ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""What a batch may call: numpy's way of making arrays again, under its old and its new name."""


@dataclass(eq=False, kw_only=True)
class CIFAR10(ImageData):
    """The photographs, with their labels.

    Attributes:
        root: the directory with cifar-10-batches-py/ or cifar-10-python.tar.gz; the latter is downloaded when there is
            neither.
    """

    root: str

    classes = 10
    licence: ClassVar[str] = "no explicit licence; cite Krizhevsky 2009, Learning Multiple Layers of Features"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(3, 32, 32)."""
        return SHAPE

    def describe(self) -> dict[str, Any]:
        """The published MD5 of each batch: files with others are refused."""
        return self._description

    def load(self, split: Split) -> ImageSet:
        """A split with labels 0 … 9.

        Raises:
            UserError: files are missing or not the published ones.
        """
        directory = cache.cache_root() / "data" / f"cifar10-{sha256(self.describe())[:16]}"
        pixels, labels = directory / f"{split}-pixels.npy", directory / f"{split}-labels.npy"
        with cache.locked(directory):
            if not (pixels.is_file() and labels.is_file()):
                images, numbers = self._decoded(split)
                for path, array in ((pixels, images), (labels, numbers)):
                    _keep(path, array)
        return ImageSet(np.load(pixels, mmap_mode="r"), np.load(labels))

    @cached_property
    def _place(self) -> Path:
        root = Path(self.root).expanduser()
        archive, folder = root / ARCHIVE, root / FOLDER
        if all((folder / name).is_file() for batches in MD5.values() for name in batches):
            return folder
        if not archive.is_file():
            fetch(
                "CIFAR-10",
                root,
                lambda: _download(root),
                otherwise=f"get {ARCHIVE} from https://www.cs.toronto.edu/~kriz/cifar.html on a machine with a network "
                f"and put it into {root}",
            )
        return archive

    @cached_property
    def _description(self) -> dict[str, Any]:
        if self._place.is_dir():
            for split in MD5:
                for name, content in self._batches(split):
                    _check(self._place / name, content, MD5[split][name])
        else:
            with self._place.open("rb") as handle:
                found = hashlib.file_digest(handle, "md5").hexdigest()
            if found != ARCHIVE_MD5:
                raise _other(self._place, found, ARCHIVE_MD5)
        return {"files": [{"name": name, "md5": md5} for batches in MD5.values() for name, md5 in batches.items()]}

    def _batches(self, split: Split) -> Iterator[tuple[str, bytes]]:
        if self._place.is_dir():
            for name in MD5[split]:
                yield name, (self._place / name).read_bytes()
            return
        for member, content in members(self._place, bounds=BOUNDS):
            path = PurePosixPath(member)
            if path.parent.name == FOLDER and path.name in MD5[split]:
                yield path.name, content

    def _decoded(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """All pictures uint8 (N, 3, 32, 32) and labels int64 (N,) of a split."""
        batches = {}
        for name, content in self._batches(split):
            _check(self._place / name, content, MD5[split][name])
            batches[name] = unpickled(content, self._place / name)
        missing = [name for name in MD5[split] if name not in batches]
        if missing:
            raise UserError(f"{self._place} has no {missing[0]}: delete it, to have it downloaded again")
        images = np.concatenate([batches[name][0] for name in MD5[split]])
        return images, np.concatenate([batches[name][1] for name in MD5[split]])


class _ArraysOnly(pickle.Unpickler):
    """Makes containers, texts, numbers and arrays; calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]


def unpickled(content: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pictures uint8 (n, 3, 32, 32) and labels int64 (n,) of a batch.

    Raises:
        UserError: it is none.
    """
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()  # written by Python 2
        images, labels = batch["data"], np.asarray(batch["labels"], dtype=np.int64)
        if images.dtype != np.uint8 or images.shape != (len(labels), int(np.prod(SHAPE))):
            raise ValueError(f"{images.dtype} {images.shape}")
    except Exception as error:  # a pickle fails in any way
        raise UserError(
            f"{path} is no batch of CIFAR-10 ({error}): delete it and get it from its source again"
        ) from error
    return images.reshape(-1, *SHAPE), labels


def _check(path: Path, content: bytes, expected: str) -> None:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise _other(path, found, expected)


def _other(path: Path, found: str, expected: str) -> UserError:
    return UserError(
        f"{path} is not the published file (MD5 {found[:10]}…, expected {expected[:10]}…): delete it, to have "
        f"{ARCHIVE} downloaded again, or get it from its source"
    )


def _keep(path: Path, array: np.ndarray) -> None:
    def fill(rows: np.ndarray, start: int, stop: int) -> None:
        rows[...] = array[start:stop]

    cache.array(path, shape=array.shape, dtype=str(array.dtype), fill=fill)


def _download(root: Path) -> None:
    from torchvision.datasets import CIFAR10 as Torchvision
    from torchvision.datasets.utils import download_url

    download_url(Torchvision.url, str(root), Torchvision.filename, Torchvision.tgz_md5)

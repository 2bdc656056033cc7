"""CIFAR-10: 32 × 32 colour photographs of ten kinds of things (Krizhevsky 2009), 50,000 to train on, 10,000 to test.

From the published Python version, as the archive or unpacked in torchvision's layout. Its batches are pickles, which
may do anything when they are opened: only files with the published MD5 are.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kantor.data import cache
from kantor.data.downloads import fetch, settle
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.lookalikes import lookalikes, pointed_at
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.paths import path_of

NAMES_LIKE = r"cifar-?10-(python|batches-py).*|data-batch-[1-5]|test-batch"


@dataclass(eq=False, kw_only=True)
class CIFAR10(ImageData):
    """The photographs, with their labels.

    Attributes:
        root: the directory with cifar-10-batches-py/ or cifar-10-python.tar.gz; the latter is downloaded when there is
            nothing of either.
    """

    root: str

    classes = 10
    sample_shape = (3, 32, 32)
    licence: ClassVar[str] = "no explicit licence; cite Krizhevsky 2009, Learning Multiple Layers of Features"

    @property
    def split_rule(self) -> str:
        """The makers'."""
        return "the published batches"

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
            if not (cache.is_whole(pixels) and cache.is_whole(labels)):
                for path, array in zip((pixels, labels), self._read(split, directory), strict=True):
                    _keep(path, array)
            return ImageSet(cache.mapped(pixels), np.array(cache.mapped(labels)))

    @cached_property
    def _place(self) -> Path:
        """The directory of the batches, or the archive."""
        from torchvision.datasets import CIFAR10 as Torchvision

        root = path_of(self.root)
        archive, folder = root / Torchvision.filename, root / Torchvision.base_folder
        if all((folder / name).is_file() for name in published()):
            return folder
        if not archive.is_file():
            check_absent(root, archive, folder)
            fetch(
                "CIFAR-10",
                root,
                lambda: _download(root, archive),
                otherwise=f"get {archive.name} from https://www.cs.toronto.edu/~kriz/cifar.html on a machine with a "
                f"network and put it into {root}",
            )
        return archive

    @cached_property
    def _description(self) -> dict[str, Any]:
        from torchvision.datasets import CIFAR10 as Torchvision
        from torchvision.datasets.utils import check_integrity

        place, digests = self._place, published()
        files = {place / name: md5 for name, md5 in digests.items()}
        for path, md5 in files.items() if place.is_dir() else [(place, Torchvision.tgz_md5)]:
            if not check_integrity(path, md5):
                others = f"take {place} away" if place.is_dir() else "delete it"
                raise UserError(
                    f"{path} is not the published file, whose MD5 is {md5[:10]}…: get it from its source, or {others}, "
                    f"to have {Torchvision.filename} downloaded"
                )
        batches = digests.keys() - {Torchvision.meta["filename"]}
        return {"files": [{"name": name, "md5": md5} for name, md5 in digests.items() if name in batches]}

    def _read(self, split: Split, directory: Path) -> tuple[np.ndarray, np.ndarray]:
        """All pictures uint8 (N, 3, 32, 32) and labels int64 (N,) of a split, whose files torchvision checks again."""
        from torchvision.datasets import CIFAR10 as Torchvision

        with self._unpacked(directory) as root:
            theirs = Torchvision(root, train=split == "train")
        return theirs.data.transpose(0, 3, 1, 2), np.array(theirs.targets, dtype=np.int64)

    @contextlib.contextmanager
    def _unpacked(self, directory: Path) -> Iterator[Path]:
        """Where the directory of the batches is, beneath `directory` for a while when they are in the archive."""
        from torchvision.datasets.utils import extract_archive

        if self._place.is_dir():
            yield self._place.parent
            return
        with tempfile.TemporaryDirectory(dir=directory) as place:
            extract_archive(self._place, place)
            yield Path(place)


def published() -> dict[str, str]:
    """The MD5 of each file by name: the batches, then the names of the classes."""
    from torchvision.datasets import CIFAR10 as Torchvision

    batches = dict([*Torchvision.train_list, *Torchvision.test_list])
    return {**batches, Torchvision.meta["filename"]: Torchvision.meta["md5"]}


def check_absent(root: Path, archive: Path, folder: Path) -> None:
    """Check that a download would lie beside no file that seems to be the user's.

    Raises:
        UserError: some batches are there, or files like them.
    """
    there = [name for name in published() if os.path.lexists(folder / name)]
    missing = [name for name in published() if not (folder / name).is_file()]
    like = [path for path in lookalikes(root, NAMES_LIKE) if folder not in (path, *path.parents)]
    if there or like:
        has = f"{folder} has {', '.join(there)}, but not {', '.join(missing)}" if there else f"{archive} is no file"
        raise UserError(
            f"{has}{pointed_at(like)}; nothing is downloaded beside files of yours: put what is missing there, or take "
            f"them away, to have {archive.name} downloaded"
        )


def _keep(path: Path, array: np.ndarray) -> None:
    def fill(rows: np.ndarray, start: int, stop: int) -> None:
        rows[...] = array[start:stop]

    cache.array(path, shape=array.shape, dtype=str(array.dtype), fill=fill)


def _download(root: Path, archive: Path) -> None:
    from torchvision.datasets import CIFAR10 as Torchvision
    from torchvision.datasets.utils import download_url

    if archive.is_file():  # another process was first
        return
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".cifar-") as place:
        download_url(Torchvision.url, place, Torchvision.filename, Torchvision.tgz_md5)
        settle(Path(place), root)

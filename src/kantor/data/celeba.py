"""CelebA: 202,599 aligned faces, 178 × 218 (Liu, Luo, Wang & Tang, ICCV 2015), cut to their central square.

The usual preparation for generative models: a crop of 148 pixels, resized to 64. Splits follow the official partition
file where it lies beside the pictures (0 train, 1 validation, which is left alone, 2 test); without it the 5% of the
pictures with the lowest digests of their pixels are the test split, and card and protocol say so.
"""

import contextlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

import numpy as np

from kantor.data import cache, partition
from kantor.data.archives import Bounds, ZipMembers
from kantor.data.decode import Decoder
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.manifest import Manifest, is_picture
from kantor.data.pictures import Pictures, Source, both_sides, prepared, printable
from kantor.digests import sha256
from kantor.errors import UserError, require_positive
from kantor.paths import path_of

PICTURES = "img_align_celeba"
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
    def remarks(self) -> list[str]:
        """What the files are like."""
        pictures = self._pictures
        both = pictures.copies(self._chosen("train", pictures), self._chosen("test", pictures))
        return [f"coded by: {pictures.notes.codec}", *self._unread, *pictures.notes.sentences(), *both_sides(both)]

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The pictures' directory, where they lie in one."""
        return tuple(place for place in self._places if place.is_dir())

    @property
    def _unread(self) -> list[str]:
        """What is not read in a directory; a zip has the makers' other files too."""
        return self._manifest.remarks() if self._place.is_dir() else []

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
        return pictures.split(split, self._chosen(split, pictures))

    @property
    def _places(self) -> list[Path]:
        """Where the pictures may be."""
        if self.archive is not None:
            return [path_of(self.archive)]
        root = path_of(self.root)
        above = [root / "celeba", root, root / "celeba" / "Img", root / "Img"]
        return [place / name for place in above for name in (f"{PICTURES}.zip", PICTURES, f"{PICTURES}_png")]

    @cached_property
    def _place(self) -> Path:
        places = self._places
        for place in places:
            if place.exists():
                return place
        expected = " or ".join(str(place) for place in places[:2])
        raise UserError(
            f"the files of data={self.name} are missing: expected {expected}; get {PICTURES}.zip and "
            f"{partition.NAMES[0]} from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put them there, or name "
            "the zip, data.archive=PATH"
        )

    @cached_property
    def _partition(self) -> tuple[str, dict[str, int]] | None:
        """What the partition is called in sentences, and its numbers; None where there is none.

        Raises:
            UserError: it is damaged.
        """
        file = partition.find(self._place, path_of(self.root))
        if file is not None:
            return str(file), partition.parse(partition.content(file), str(file))
        member = None if self._place.is_dir() else partition.within(self._place, BOUNDS)
        if member is None:
            return None
        source = f"{self._place}: {member[0]}"
        return source, partition.parse(member[1], source)

    @property
    def split_rule(self) -> str:
        """The official partition, or what stands in for it."""
        if self._partition is not None:
            return "the official partition"
        return (
            f"the {HOLDOUT:.0%} of the pictures with the lowest digests of their pixels, for want of the official one"
        )

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest(self._place)

    @cached_property
    def _description(self) -> dict[str, Any]:
        is_folder = self._place.is_dir()
        return {
            "pictures": self._manifest.describe() if is_folder else cache.describe_file(self._place),
            "partition": {"holdout": HOLDOUT} if self._partition is None else {"sha256": sha256(self._partition[1])},
            **self._decoder.describe(),
        }

    @cached_property
    def _pictures(self) -> Pictures:
        described = {key: value for key, value in self.describe().items() if key != "partition"}
        directory = cache.cache_root() / "data" / f"celeba-{sha256(described)[:16]}"
        found = prepared(directory, source=self._source, decoder=self._decoder, broken=self.broken, title=self.name)
        unofficial = [] if self._partition is not None else [f"held out are {self.split_rule}"]
        found.say([*unofficial, *self._unread, *found.notes.sentences()])
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
            chosen = np.array([number == NUMBERS[split] for number in numbers], dtype=bool)
            self._check_some(chosen, split)
            return chosen
        test = pictures.held_out(HOLDOUT)
        return test if split == "test" else ~test

    def _check_some(self, chosen: np.ndarray, split: Split) -> None:
        if not chosen.any():
            assert self._partition is not None
            raise UserError(
                f"{self._partition[0]} gives the number {NUMBERS[split]} ({split}) to none of the {len(chosen):,} "
                f"pictures that are there: take some of these too, or move it away, to have {HOLDOUT:.0%} held out"
            )

    def _numbers(self, names: list[str]) -> list[int] | None:
        """The partition's number of each picture; None without a partition.

        Raises:
            UserError: it is damaged, or has no line for one.
        """
        if self._partition is None:
            return None
        source, numbers = self._partition
        stems = [PurePosixPath(name).stem for name in names]
        missing = next((name for name, stem in zip(names, stems, strict=True) if stem not in numbers), None)
        if missing is not None:
            name = printable(PurePosixPath(missing).name)
            raise UserError(f"{source} has no line for {name}: get it from its source again")
        return [numbers[stem] for stem in stems]


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

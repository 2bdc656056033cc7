"""Any directory of images: every format that Pillow reads, all sizes and modes, cut to the central square."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from kantor.data import cache, levels
from kantor.data.decode import Decoder
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.layout import Layout
from kantor.data.manifest import Manifest
from kantor.data.pictures import Pictures, both_sides, prepared
from kantor.digests import sha256
from kantor.errors import UserError, require_positive
from kantor.paths import path_of


@dataclass(eq=False, kw_only=True)
class ImageFolder(ImageData):
    """The images below a directory, of any depth; what counts as one is said at `Manifest`.

    What the directories below `root` say of splits and classes (numbered in the order of their names), `Layout` tells.

    Attributes:
        root: the directory.
        image_size: the shorter side is resized to it (bilinear with antialiasing, by Pillow), the longer one cut.
        mode: RGB, or L for grey.
        alpha: the background that shows through transparent pixels.
        broken: whether a file that is no whole picture stops or is skipped and counted.
        bits: how many the levels of files of 16 bits have: 8, 10, 12, 14 or 16; `auto` for 16, and refused where the
            pictures would be almost black.
        holdout: share of the images that is the test split, where directories do not say: those with the lowest digests
            of their pixels, so that copies of one image, however coded, are never on both sides, and further images
            move almost none.
    """

    root: str
    image_size: int
    mode: Literal["RGB", "L"]
    alpha: Literal["black", "white"]
    broken: Literal["stop", "skip"]
    bits: Literal["auto"] | int
    holdout: float

    licence: ClassVar[str] = "yours to know: the images are your own choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(image_size=self.image_size)
        if self.bits != "auto" and self.bits not in levels.CHOICES:
            raise UserError(f"bits={self.bits}: expected auto or one of {', '.join(map(str, levels.CHOICES))}")
        if not 0 < self.holdout < 1:
            raise UserError(f"holdout={self.holdout}: expected a share between 0 and 1, such as 0.1")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return self._decoder.shape

    @property
    def _decoder(self) -> Decoder:
        return Decoder(self.image_size, None, self.mode, self.alpha, None if self.bits == "auto" else int(self.bits))

    @property
    def classes(self) -> int | None:
        """How many directories there are below the root, or below the splits; None when an image lies in none."""
        return None if self._layout.classes is None else len(self._layout.classes)

    def describe(self) -> dict[str, Any]:
        """The digests of names and contents, and what becomes of a picture."""
        splits = self._layout.splits
        return {**self._pixels_from, "splits": {"holdout": self.holdout} if splits is None else splits}

    @property
    def split_rule(self) -> str:
        """The directories, or a share by pixels."""
        splits = self._layout.splits
        if splits is not None:
            return f"directories, {', '.join(splits['train'])} and {', '.join(splits['test'])}"
        return f"the {100 * self.holdout:.3g}% of the pictures with the lowest digests of their pixels"

    @property
    def remarks(self) -> list[str]:
        """What the files and their directories are like, and which pictures are on both sides."""
        pictures = self._pictures
        both = pictures.copies(self._chosen["train"], self._chosen["test"])
        return [
            f"coded by: {pictures.notes.codec}",
            *self._manifest.remarks(),
            *self._layout.remarks(),
            *pictures.notes.sentences(bits=self._decoder.bits),
            *both_sides(both),
        ]

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The root."""
        return (path_of(self.root),)

    @property
    def left_out(self) -> int:
        """How many files are broken, where `broken` is skip."""
        return len(self._pictures.broken)

    def load(self, split: Split) -> ImageSet:
        """A split, built with a progress bar before its first use.

        Raises:
            UserError: there is no image, or one is broken where `broken` is stop.
        """
        return self._pictures.split(split, self._chosen[split], self._layout.labels())

    @cached_property
    def _manifest(self) -> Manifest:
        root = path_of(self.root)
        if not root.is_dir():
            raise UserError(f"data.root={self.root}: expected a directory of images")
        manifest = Manifest(root)
        if not manifest.names:
            raise UserError(
                f"data.root={self.root}: there is no image in it; expected .png, .jpg or such, of any depth"
            )
        return manifest

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self._manifest.names)

    @cached_property
    def _chosen(self) -> dict[Split, np.ndarray]:
        """Which pictures belong to each split, bool (N,)."""
        if self._layout.splits is not None:
            return {split: self._layout.of_split(split) for split in self._layout.splits}
        test = self._pictures.held_out(self.holdout)
        return {"train": ~test, "test": test}

    @cached_property
    def _pixels_from(self) -> dict[str, Any]:
        return {"pictures": self._manifest.describe(), **self._decoder.describe()}

    @cached_property
    def _pictures(self) -> Pictures:
        directory = cache.cache_root() / "data" / f"folder-{sha256(self._pixels_from)[:16]}"
        found = prepared(
            directory,
            source=lambda: nullcontext(self._manifest),
            decoder=self._decoder,
            broken=self.broken,
            title=self.name,
        )
        found.say([*self._manifest.remarks(), *self._layout.remarks(), *found.notes.sentences(bits=self._decoder.bits)])
        return found

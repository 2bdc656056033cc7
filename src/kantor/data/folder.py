"""Any directory of images: every format that Pillow reads, all sizes and modes, cut to the central square."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from kantor.data import cache
from kantor.data.decode import Decoder
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.manifest import Manifest
from kantor.data.pictures import Pictures, prepared
from kantor.digests import sha256
from kantor.errors import UserError, require_positive


@dataclass(eq=False, kw_only=True)
class ImageFolder(ImageData):
    """The images below a directory, of any depth; what counts as one is said at `Manifest`.

    Where every image lies in a directory below `root`, those are the classes, numbered in the order of their names.

    Attributes:
        root: the directory.
        image_size: the shorter side is resized to it (bilinear with antialiasing, by Pillow), the longer one cut.
        mode: RGB, or L for grey.
        alpha: the background that shows through transparent pixels.
        broken: whether a file that is no whole picture stops or is skipped and counted.
        holdout: share of the images that is the test split: those with the lowest digests of their pixels, so that
            copies of one image, however coded, are never on both sides, and further images move almost none.
    """

    root: str
    image_size: int
    mode: Literal["RGB", "L"]
    alpha: Literal["black", "white"]
    broken: Literal["stop", "skip"]
    holdout: float

    licence: ClassVar[str] = "yours to know: the images are your own choice"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(image_size=self.image_size)
        if not 0 < self.holdout < 1:
            raise UserError(f"holdout={self.holdout}: expected a share between 0 and 1, such as 0.1")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return self._decoder.shape

    @property
    def _decoder(self) -> Decoder:
        return Decoder(self.image_size, None, self.mode, self.alpha)

    @property
    def classes(self) -> int | None:
        """How many topmost directories there are; None when an image lies in none."""
        names = class_names(self._manifest.names)
        return None if names is None else len(names)

    def describe(self) -> dict[str, Any]:
        """The digests of names and contents, and what becomes of a picture."""
        return {**self._pixels_from, "holdout": self.holdout}

    @property
    def split_rule(self) -> str:
        """A share by pixels."""
        return f"the {self.holdout:.3g} of the pictures with the lowest digests of their pixels"

    @property
    def left_out(self) -> int:
        """How many files are broken, where `broken` is skip."""
        return len(self._pictures.broken)

    def load(self, split: Split) -> ImageSet:
        """A split, built with a progress bar before its first use.

        Raises:
            UserError: there is no image, or one is broken where `broken` is stop.
        """
        pictures = self._pictures
        test = pictures.held_out(self.holdout)
        chosen = test if split == "test" else ~test
        return pictures.split(f"the {split} split of {self.name}", chosen, labels(pictures.names))

    @cached_property
    def _manifest(self) -> Manifest:
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise UserError(f"data.root={self.root}: expected a directory of images")
        manifest = Manifest(root)
        if not manifest.names:
            raise UserError(
                f"data.root={self.root}: there is no image in it; expected .png, .jpg or such, of any depth"
            )
        return manifest

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
        found.say_broken(self.name)
        return found


def class_names(names: list[str]) -> list[str] | None:
    """The topmost directories of files, sorted; None when a file lies in none."""
    return sorted({name.partition("/")[0] for name in names}) if all("/" in name for name in names) else None


def labels(names: list[str]) -> np.ndarray | None:
    """The place of each file's topmost directory in `class_names()`, int64 (N,); None when a file lies in none."""
    tops = class_names(names)
    if tops is None:
        return None
    number = {top: label for label, top in enumerate(tops)}
    return np.array([number[name.partition("/")[0]] for name in names], dtype=np.int64)

"""purdue_shapes5: rendered pictures of shapes with their ground truth, or the lecture's own archive of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kantor import keyed
from kantor.data import cache, shapes, shapes_archive
from kantor.data.images import ImageData, ImageSet, Split
from kantor.data.manifest import threads
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.messages import say
from kantor.paths import path_of

RENDERED = 20_000
"""Training images when `size` is null: as many as the lecture's archive has."""

TEST_SIZE = 10_000
"""Rendered images that are held out, whatever the size."""

KEYS: dict[Split, str] = {"train": "shape", "test": "shape test"}
"""Image i of a split is drawn from the key (render_seed, this name, i)."""

SLICE = 64  # images that one thread paints at a time
LONG_BUILD = 50_000  # images: seconds of silence


@dataclass(eq=False, kw_only=True)
class PurdueShapes5(ImageData):
    """64×64 RGB pictures of one to five shapes (see `kantor.data.shapes`).

    Attributes:
        render_seed: which pictures; image i is a function of it and of i, whatever the size and the run's seed.
        archive: the path of the original PurdueShapes5GAN-20000.tar.gz, or of another archive of 64×64 images, to be
            used instead of rendering; a tenth of it is held out, the same for everybody.
    """

    render_seed: int
    archive: str | None

    sample_shape = (3, shapes.SIDE, shapes.SIDE)
    licence = "rendered by kantor, none needed; of an archive: see its authors"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.archive is None and self.size is None:
            self.size = RENDERED

    @property
    def own_extractor(self) -> dict[str, Any] | None:
        """`shapes_cnn`, which has seen nothing but rendered pictures; none for an archive, which may hold others."""
        if self.archive is not None:
            return None
        return {"_target_": "kantor.evaluation.extractors.classifiers.shapes_cnn"}

    def describe(self) -> dict[str, Any]:
        """The renderer's version and seed, or the archive's size and digest."""
        if self.archive is not None:
            return {"kind": "archived shapes", **shapes_archive.describe(self._archive(self.archive))}
        return {
            "kind": "rendered shapes",
            "renderer": shapes.RENDERER,
            "seed": self.render_seed,
            "test_size": TEST_SIZE,
        }

    @property
    def split_rule(self) -> str:
        """Rendered from other seeds, or a tenth of an archive."""
        return "other seeds of the renderer" if self.archive is None else "a tenth of the archive, chosen once for all"

    @property
    def remarks(self) -> list[str]:
        """What the files of an archive are like."""
        if self.archive is None:
            return []
        self.load("train")
        return self._said

    @cached_property
    def _said(self) -> list[str]:
        """The remarks on a prepared archive, but the codec said when they are first asked for."""
        found = shapes_archive.remarks(self._directory())
        for remark in found[1:]:
            say(f"{self.name}: {remark}")
        return found

    def load(self, split: Split) -> ImageSet:
        """A split; rendered at its first use, by all cores, or read from the archive.

        Raises:
            UserError: the archive is missing or damaged, or has other pictures; see `shapes_archive.load`.
        """
        if self.archive is not None:
            found = shapes_archive.load(self._archive(self.archive), self._directory(), split, title=self.name)
            _ = self._said
            return found
        directory = self._directory()
        with cache.locked(directory):
            if self._size(split) >= LONG_BUILD and not (directory / f"{split}.npy").is_file():
                say(f"data={self.name}: rendering {self._size(split):,} images into {directory}")
            scenes = self._scenes(directory, split)
            with ThreadPoolExecutor(threads()) as pool:

                def fill(rows: np.ndarray, start: int, stop: int) -> None:
                    starts = range(start, stop, SLICE)
                    parts = pool.map(lambda at: shapes.paint(scenes[at : min(at + SLICE, stop)]), starts)
                    for at, part in zip(starts, parts, strict=True):
                        rows[at - start : at - start + len(part)] = part

                shape = (len(scenes), *self.sample_shape)
                return ImageSet(cache.array(directory / f"{split}.npy", shape=shape, dtype="uint8", fill=fill))

    def truth(self, split: Split) -> np.ndarray:
        """What the images of a split show, in their order.

        Returns:
            `shapes.SCENE` (N,): `truth["count"][i]` shapes in image i, `truth["shapes"][i, :count]` in the order of
            painting, each with `kind` (index in `shapes.KINDS`), centre `y`, `x` (pixels from the top left), `angle`
            (degrees clockwise), half extents `height`, `width` (pixels, before the rotation) and `colour` (RGB).

        Raises:
            UserError: the images come from an archive, which says nothing of the kind.
        """
        if self.archive is not None:
            raise UserError(f"archive={self.archive}: an archive has no ground truth; render instead: archive=null")
        directory = self._directory()
        with cache.locked(directory):
            return self._scenes(directory, split)

    def _directory(self) -> Path:
        """Beneath the cache, the place of what is described; an archive's images are there for every size."""
        key = self.fingerprint if self.archive is None else sha256(self.describe())
        return cache.cache_root() / "data" / f"purdue_shapes5-{key[:16]}"

    def _size(self, split: Split) -> int:
        """Images of a rendered split."""
        size = TEST_SIZE if split == "test" else self.size
        assert size is not None
        return size

    def _scenes(self, directory: Path, split: Split) -> np.ndarray:
        def fill(rows: np.ndarray, start: int, stop: int) -> None:
            rows[:] = shapes.scenes([keyed.seed(self.render_seed, KEYS[split], i) for i in range(start, stop)])

        path, size = directory / f"{split}-truth.npy", self._size(split)
        return cache.array(path, shape=(size,), dtype=shapes.SCENE, fill=fill)

    @staticmethod
    def _archive(name: str) -> Path:
        path = path_of(name)
        if not path.is_file():
            raise UserError(
                f"archive={name}: no such file; expected the lecture's PurdueShapes5GAN-20000.tar.gz, or null to render"
            )
        return path

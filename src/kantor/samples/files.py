"""Samples as files, written and read: .npz, a picture of them, or a directory of pictures."""

import contextlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kantor import keyed
from kantor.atomic import replacing
from kantor.causes import placing
from kantor.data import levels
from kantor.data.decode import BrokenImage, Decoded, ExactDecoder, lossy_codec
from kantor.data.manifest import Manifest, threads
from kantor.data.module import BlockData
from kantor.data.notes import BLACK, Notes
from kantor.errors import UserError
from kantor.figure_style import own_style
from kantor.marks import MARK
from kantor.messages import say
from kantor.report.palette import GENERATED
from kantor.samples.filling import filling
from kantor.samples.npz import read_array


def check_target(out: Path) -> None:
    """Check where samples go, before any is drawn.

    Raises:
        UserError: the ending is none that samples can be written as, or a directory is not empty.
    """
    if out.suffix not in (".png", ".npz", ""):
        raise UserError(
            f"out={out}: samples are written as .npz (`samples`: float32 (N, 2) or uint8 (N, H, W, C)), drawn as .png, "
            "or, pictures, one by one into a directory (no ending); expected one of these"
        )
    if out.suffix == "" and out.is_dir() and any(entry.name != MARK for entry in out.iterdir()):
        raise UserError(
            f"out={out} is a directory with files in it, which would be mixed up: name another, or empty it"
        )


def write_samples(samples: np.ndarray, out: Path) -> None:
    """Write points (N, 2) or pictures, uint8 (N, H, W, C), as `out` says.

    Raises:
        UserError: it cannot be written there, or points are to become a directory of pictures.
    """
    if out.suffix == "" and samples.ndim == 2:
        raise UserError(f"out={out}: points are no pictures; expected a file that ends in .npz or .png")
    with placing(f"out={out}", "name a file in a directory you may write to"):
        if out.suffix == "":
            _write_pictures(samples, out)
            return
        with replacing(out) as file:
            if out.suffix == ".npz":
                np.savez(file, samples=samples)
            elif samples.ndim == 2:
                _scatter(samples, file)
            else:
                _grid(samples, file)


def _write_pictures(samples: np.ndarray, directory: Path) -> None:
    """One PNG each: 00000.png, 00001.png, …"""
    from PIL import Image

    digits = max(5, len(str(len(samples) - 1)))
    with filling(directory) as aside:
        for index, picture in enumerate(samples):
            with replacing(aside / f"{index:0{digits}d}.png") as file:
                Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(file, format="PNG")


def _grid(samples: np.ndarray, file: BinaryIO) -> None:
    import torch

    from kantor.samples.sheets import tile

    tile(torch.from_numpy(samples.transpose(0, 3, 1, 2)), columns=math.ceil(math.sqrt(len(samples)))).save(
        file, format="PNG"
    )


@own_style()
def _scatter(points: np.ndarray, file: BinaryIO) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.scatter(points[:, 0], points[:, 1], marker="x", s=26, linewidths=1.3, color=GENERATED)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(f"{len(points):,} samples", fontsize=16)
    figure.savefig(file, format="png")


Selection = Callable[[int], np.ndarray]
"""Of how many there are, which are taken and in which order: indices, int64 (n,)."""


def random_selection(most: int, *, seed: int) -> Selection:
    """At most so many in random order: files are often sorted, and the first ones then show one class only, or one
    writer's digits."""
    return lambda count: keyed.generator(seed, "selection").permutation(count)[:most]


def read_samples(path: Path, data: BlockData, select: Selection) -> np.ndarray:
    """Somebody's samples of a data set.

    Args:
        path: an .npz file with the array `samples` (or `arr_0`), or, of pictures, a directory of them too.
        data: what they are samples of.
        select: which are taken, of those in the file or, by name, in the directory.

    Returns:
        Points float64 (n, 2), or pictures uint8 (n, C, H, W).

    Raises:
        UserError: there are none, or they are not of the kind and size of the data.
    """
    if len(data.sample_shape) == 1:
        points = read_points(path)
        return points[select(len(points))]
    channels, height, width = data.sample_shape
    if path.is_dir():
        return read_pictures(path, channels=channels, side=height, select=select)
    expected = (
        f"expected a directory of pictures of {height} × {width} pixels, or an .npz file with an array `samples` of "
        f"shape (N, {height}, {width}, {channels}), uint8"
    )
    samples = read_array(path, expected)
    if samples.dtype != np.uint8 or samples.shape[1:] != (height, width, channels):
        raise UserError(f"images={path}: `samples` is {samples.dtype} of shape {samples.shape}; {expected}")
    chosen = np.ascontiguousarray(samples[select(len(samples))].transpose(0, 3, 1, 2))
    if 0 < chosen.max(initial=0) <= BLACK:
        say(f"images={path}: no level is above {chosen.max()} of 255: the pictures are almost black")
    return chosen


def read_pictures(directory: Path, *, channels: int, side: int, select: Selection) -> np.ndarray:
    """Pictures below a directory, counted by their names, uint8 (n, channels, side, side).

    Raises:
        UserError: there are none, or one is broken or of another size.
    """
    manifest = Manifest(directory)
    names = [manifest.names[number] for number in select(len(manifest.names))]
    if not names:
        raise UserError(f"images={directory}: there is no picture in it; expected files such as 00000.png")
    decoder = ExactDecoder(image_size=side, crop=None, mode="L" if channels == 1 else "RGB", alpha="black")

    def decoded(name: str) -> Decoded:
        try:
            return decoder.read(manifest.read(name))
        except BrokenImage as error:
            raise UserError(
                f"images={directory / name}: {error}; expected a whole {'grey ' if channels == 1 else ''}picture of "
                f"{side} × {side} pixels, as the data are (of mnist, celeba and folder: data.image_size)"
            ) from error

    with ThreadPoolExecutor(threads()) as pool:
        pictures = list(pool.map(decoded, names))
    notes = Notes.of(pictures)
    levels.check(f"images={directory}", notes.deep, notes.largest, bits=None, coloured=notes.coloured)
    for remark in [*manifest.remarks(), *notes.sentences()]:
        say(f"images={directory}: {remark}")
    return np.stack([picture.pixels for picture in pictures])


def codec(path: Path) -> str:
    """How the levels of somebody's pictures were coded: "none" where nothing was lost, else what their contents are,
    such as "jpeg"; it changes what extractors see, and is part of the protocol."""
    if not path.is_dir():
        return "none"
    manifest = Manifest(path)

    def of(name: str) -> str | None:
        with contextlib.suppress(BrokenImage):  # whoever reads it says so
            return lossy_codec(manifest.read(name))
        return None

    with ThreadPoolExecutor(threads()) as pool:
        found = {one for one in pool.map(of, manifest.names) if one is not None}
    return ", ".join(sorted(found)) or "none"


def read_points(path: Path) -> np.ndarray:
    """The array `samples` of an .npz file as float64 points (N, 2).

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    expected = "expected an .npz file with an array `samples` of shape (N, 2), finite"
    samples = read_array(path, expected)
    numbers = np.issubdtype(samples.dtype, np.number) and not np.iscomplexobj(samples)
    if not numbers or samples.ndim != 2 or samples.shape[1] != 2 or not np.isfinite(samples).all():
        raise UserError(f"images={path}: `samples` is {samples.dtype} of shape {samples.shape}; {expected}")
    return samples.astype(np.float64)

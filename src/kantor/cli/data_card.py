"""`kantor data`: what a data set is, as a card on the terminal and a picture."""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL.PngImagePlugin import PngInfo

from kantor import keyed
from kantor.atomic import replacing
from kantor.causes import placing
from kantor.config.checks import at, keys
from kantor.config.compose import load_option, replaced
from kantor.config.schema import Configuration
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import PointData
from kantor.data.points import GaussianMixture, HasClasses, HasDensity, PointDistribution
from kantor.errors import UserError
from kantor.figure_style import own_style
from kantor.marks import MARK, check_apart, claim, is_ours
from kantor.messages import show as show_line
from kantor.paths import path_of
from kantor.report.palette import REAL, of_classes
from kantor.runs.pictures import NoPicture, opened
from kantor.samples.batches import drawn, first_batch, statistics
from kantor.samples.sheets import tile
from kantor.visible import visible

LICENCE = "made by formula; no licence needed"
DRAWN = 10_000
MEASURED = 2_000
"""Training pictures, evenly spaced, whose range, mean and deviation stand on the card."""
SHOWN, COLUMNS = 64, 8
SIGNATURE = ("Software", "kantor")
"""In the pictures that are written, so that nobody else's is overwritten."""


def show(name: str, settings: list[tuple[str, Any]], out: str | None, config_dirs: list[str]) -> None:
    """Print the card of a data set and draw its picture.

    Args:
        name: the option of the group `data`.
        settings: `data.key` and its value, each.
        out: where the picture goes; None: outputs/data/NAME.
        config_dirs: directories with further groups.

    Raises:
        UserError: there is no such data set or key, or a key has no value.
    """
    plain = replaced({"data": load_option("data", name, config_dirs)}, settings)
    missing = [key for key in keys(plain) if at(plain, key) == "???"]
    if missing:
        raise UserError(f"{missing[0]} has no value: give {missing[0]}=…")
    data = Configuration(plain).build("data", seed=0)
    place = Path("outputs") / "data" / name if out is None else path_of(out)
    picture, seen = place / f"{name}.png", place / f"{name}_first_batch.png"
    if isinstance(data, ImageData) and not (out is None and is_ours(place, [picture.name, seen.name])):
        check_apart("out", str(place), data.inputs)
    if out is not None:
        check_free([picture, seen])
    began = time.perf_counter()
    rows = image_rows(data) if isinstance(data, ImageData) else point_rows(data)
    for title, value in rows:
        show_line(f"{title:<12} {visible(value)}")
    if isinstance(data, ImageData):
        print(f"{'prepared in':<12} {time.perf_counter() - began:.1f} s")
    with placing(f"out={place}", "name another directory, out=DIR"):
        claim(place, [picture.name, seen.name])
        with replacing(picture) as file:
            if isinstance(data, ImageData):
                sheet = tile(data.train.take(_spaced(data, SHOWN)), COLUMNS)
                sheet.save(file, format="PNG", pnginfo=_signed())
            else:
                _draw(data.name, data.distribution, file)
        with replacing(seen) as file:
            drawn(first_batch(data)).save(file, format="PNG", pnginfo=_signed())
    show_line(f"{'picture':<12} {visible(str(picture))}")
    show_line(f"{'first batch':<12} {visible(str(seen))}")


def _spaced(data: ImageData, most: int) -> np.ndarray:
    """Places of training pictures from the first to the last: files are often sorted by class."""
    return np.linspace(0, len(data.train) - 1, min(most, len(data.train))).round().astype(np.int64)


def image_rows(data: ImageData) -> list[tuple[str, str]]:
    """The card of pictures, which are prepared on the way."""
    data.prepare_data()
    channels, height, width = data.sample_shape
    broken = [("broken", f"{data.left_out:,}, left out")] if data.left_out else []
    return [
        ("name", data.name),
        ("count", f"{len(data.train):,} to train on, {len(data.test):,} held out"),
        *broken,
        ("split by", data.split_rule),
        ("shape", f"{data.sample_shape} uint8: {'RGB' if channels == 3 else 'grey'}, {height} × {width} pixels"),
        ("labels", _labels(data)),
        ("enters as", f"float32 in [-1, 1], {data.batch_size} at a time{', half of them mirrored' * data.flip}"),
        *statistics(pixels.to_model(data.train.take(_spaced(data, MEASURED)))),
        ("fingerprint", data.fingerprint),
        ("licence", data.licence),
        *(("note", remark) for remark in data.remarks),
    ]


def _labels(data: ImageData) -> str:
    if data.classes is not None:
        return f"{data.classes} classes"
    given = data.train.labels_of(np.arange(len(data.train)))
    return "none" if given is None else f"{len(np.unique(given))} different, not served: data.classes is null"


def check_free(paths: Sequence[Path]) -> None:
    """Check that pictures to be written take the place of nothing but such pictures of before.

    Raises:
        UserError: a file of somebody else's lies there.
    """
    for path in paths:
        if os.path.lexists(path) and not (path.parent / MARK).is_file() and not _is_signed(path):
            raise UserError(
                f"out={path.parent}: {path} is there already, and does not say that kantor made it: name another "
                "directory, out=DIR, or take it away"
            )


def _signed() -> PngInfo:
    """Says who made a picture."""
    info = PngInfo()
    info.add_text(*SIGNATURE)
    return info


def _is_signed(path: Path) -> bool:
    with contextlib.suppress(NoPicture), opened(path) as (picture, _):
        return picture.info.get(SIGNATURE[0]) == SIGNATURE[1]
    return False


def point_rows(data: PointData) -> list[tuple[str, str]]:
    """The card of points."""
    truth = data.distribution
    points = truth.sample(DRAWN, _rng())
    low, high = points.min(0), points.max(0)
    known = []
    if isinstance(truth, GaussianMixture):
        known.append(("modes", f"{len(truth.modes)}, standard deviation {truth.sigma:.5f}"))
    known.append(("labels", "none" if data.classes is None else f"{data.classes} classes{_shares(data)}"))
    if isinstance(truth, HasDensity):
        known.append(("entropy", f"{-truth.log_density(points).mean():.3f} nats (mean of {DRAWN:,} points)"))
    else:
        known.append(("density", "none in the plane"))
    return [
        ("name", data.name),
        ("count", "endless: drawn afresh at every step"),
        ("shape", "(2,) float32"),
        *known,
        ("range", f"x {low[0]:.3f} … {high[0]:.3f}, y {low[1]:.3f} … {high[1]:.3f} (of {DRAWN:,} points)"),
        *statistics(torch.from_numpy(points))[1:],
        ("fingerprint", data.fingerprint),
        ("licence", LICENCE),
    ]


def _shares(data: PointData) -> str:
    """Of the classes, where they are not equal."""
    shares = data.label_shares()
    assert shares is not None
    return "" if np.ptp(shares) == 0 else f", shares {'  '.join(f'{share:.3g}' for share in shares)}"


def _rng() -> np.random.Generator:
    return keyed.generator(0, "data card")


@own_style()
def _draw(name: str, distribution: PointDistribution, file: BinaryIO) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    points = distribution.sample(2000, _rng())
    colours: str | list[str] = REAL
    if isinstance(distribution, HasClasses):
        points, labels = distribution.labelled(2000, _rng())
        colours = of_classes(labels, len(distribution.class_shares()))
    axes.scatter(points[:, 0], points[:, 1], s=5, color=colours, alpha=0.6, linewidths=0)
    if isinstance(distribution, GaussianMixture):
        axes.scatter(
            distribution.modes[:, 0], distribution.modes[:, 1], marker="+", s=120, color="black", linewidths=1.2
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(f"{name}: 2,000 points", fontsize=16)
    axes.tick_params(labelsize=11)
    figure.savefig(file, format="png", metadata=dict([SIGNATURE]))

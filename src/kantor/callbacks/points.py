"""The lecture's picture of a point model: real '+' in orange, generated 'x' in green (of a conditional model both in
the colours of their classes), on what the model holds of the plane.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks import surfaces
from kantor.callbacks.pictures import Series, write_picture
from kantor.data.module import PointData
from kantor.data.points import HasClasses
from kantor.errors import UserError, require_positive
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasSurface
from kantor.report.palette import GENERATED, REAL, of_classes
from kantor.samples.npz import read_arrays
from kantor.visible import visible

SIZE, LEFT, BELOW, ABOVE, BAR = 5.1, 0.5, 0.4, 0.5, 1.4
"""Inches: of the square, around it, and of a colour bar with its words."""

LETTERS = 200
"""Of a caption, at most."""


@dataclass(frozen=True)
class Moment:
    """What one picture shows, kept beside it, so that it can be drawn again when the heights of all are known.

    Attributes:
        caption: at which step, with which weights.
        generated: (n, 2).
        labels: that they were drawn with, int64 (n,); empty of an unconditional model.
        surface: what its heights are, in words; empty without one.
        heights: of it, (GRID, GRID); empty without one.
    """

    caption: str
    generated: np.ndarray
    labels: np.ndarray
    surface: str
    heights: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Moment":
        """From an .npz file.

        Raises:
            UserError: it is damaged, or holds something else.
        """
        kept = read_arrays(path, ("caption", "generated", "labels", "surface", "heights"))
        generated, labels, heights = kept["generated"], kept["labels"], kept["heights"]
        caption, surface = _words(kept["caption"]), _words(kept["surface"])
        grid = (surfaces.GRID, surfaces.GRID) if surface else (0,)
        numbers = generated.dtype.kind == heights.dtype.kind == "f" and heights.shape == grid
        told = labels.dtype == np.int64 and labels.shape in ((0,), generated.shape[:1])
        if caption is None or surface is None or not numbers or not told or generated.shape[1:] != (2,):
            raise UserError(f"{path} is damaged: it holds no points with heights; take it away")
        return cls(caption, generated, labels, surface, heights)

    def write(self, path: Path) -> None:
        """To an .npz file."""
        with replacing(path) as file:
            np.savez_compressed(file, **asdict(self))


def _words(kept: np.ndarray) -> str | None:
    """A text in one line; None of what is none."""
    if kept.dtype.kind != "U" or kept.shape or kept.dtype.itemsize > 4 * LETTERS:
        return None
    try:
        return visible(kept.item())
    except (SystemError, ValueError):  # numbers that stand for no letter
        return None


@dataclass(eq=False, kw_only=True)
class Points(Series):
    """Real and generated points, the same real ones and the same noise each time, with the contours of the model's
    surface below them when it has one; of a conditional model in the colours of their classes. When training ends all
    are drawn again: then a colour is the same height in each.

    Attributes:
        n: how many of either kind.
        extent: the picture shows [-extent, extent]².

    Raises:
        UserError: a size is not positive.
    """

    n: int
    extent: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(n=self.n, extent=self.extent)

    def refusal(self, model: GenerativeModel) -> str | None:
        """Images are no points."""
        data = self.scene.data
        if isinstance(data, PointData):
            return None
        return f"{PointData.content} are expected, data={data.name} are {data.content}; take pictures=images"

    def draw(self, model: GenerativeModel) -> Figure:
        """One picture of the model as it is now."""
        moment = self._moment(model)
        moment.write(self.path(model).with_suffix(".npz"))
        return self._figure(moment, surfaces.levels([moment.heights]))

    def finish(self, model: GenerativeModel) -> None:
        """All pictures with one range of heights, and the animation."""
        moments = readable_moments(sorted(self.scene.directory.samples.glob("step_*.npz")))
        shown = [moment.heights for moment in moments.values() if surfaces.can_be_drawn(moment.heights)]
        spanned = surfaces.levels(shown) if len(shown) > 1 else None
        if spanned is not None:
            for path, moment in moments.items():
                write_picture(self._figure(moment, spanned), path.with_suffix(".png"))
        super().finish(model)

    def _moment(self, model: GenerativeModel) -> Moment:
        told = self.scene.labels(model, self.n)
        generated = self.scene.samples(model, self.n, condition=told).cpu().numpy()
        labels = np.empty(0, dtype=np.int64) if told is None else told.cpu().numpy()
        caption, name = self.scene.caption(model), model.surface_name if isinstance(model, HasSurface) else None
        if not isinstance(model, HasSurface) or name is None:
            return Moment(caption, generated, labels, "", np.empty(0))
        heights = surfaces.heights(model.surface, self.extent, model.device)
        if model.surface_has_zero:
            return Moment(caption, generated, labels, name, heights)
        real, _ = self._real()
        mean = model.surface(torch.tensor(real, dtype=torch.float32, device=model.device)).mean().item()
        return Moment(caption, generated, labels, f"{name}, 0 on average over real points", heights - mean)

    def _real(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Real points, and their classes where they have some."""
        assert isinstance(self.scene.data, PointData)
        truth, rng = self.scene.data.distribution, keyed.generator(self.scene.seed, "picture real")
        return truth.labelled(self.n, rng) if isinstance(truth, HasClasses) else (truth.sample(self.n, rng), None)

    def _figure(self, moment: Moment, spanned: np.ndarray | None) -> Figure:
        """A moment, with contours at some levels; without any where there are none."""
        figure, axes, bar = canvas(with_bar=bool(moment.surface))
        if bar is not None and spanned is not None and surfaces.can_be_drawn(moment.heights):
            surfaces.draw(axes, bar, moment.heights, self.extent, spanned, moment.surface)
        elif bar is not None:
            bar.set_axis_off()
        (real, classes), generated = self._real(), moment.generated
        colours: tuple[str | list[str], str | list[str]] = (REAL, GENERATED)
        if classes is not None and len(moment.labels):
            count = int(max(classes.max(), moment.labels.max())) + 1
            colours = of_classes(classes, count), of_classes(moment.labels, count)
        axes.scatter(real[:, 0], real[:, 1], marker="+", s=42, linewidths=1.3, color=colours[0], label="real")
        axes.scatter(
            generated[:, 0], generated[:, 1], marker="x", s=26, linewidths=1.3, color=colours[1], label="generated"
        )
        axes.set(xlim=(-self.extent, self.extent), ylim=(-self.extent, self.extent), aspect="equal")
        axes.set_title(moment.caption, fontsize=16)
        axes.tick_params(labelsize=11)
        axes.legend(loc="upper right", fontsize=12, framealpha=0.9, markerscale=1.4)
        return figure


def readable_moments(paths: Sequence[Path]) -> dict[Path, Moment]:
    """What is kept of some pictures; a damaged file is named and left out."""
    moments = {}
    for path in paths:
        try:
            moments[path] = Moment.read(path)
        except UserError as error:
            say(f"left out: {error}")
    return moments


def canvas(*, with_bar: bool) -> tuple[Figure, Axes, Axes | None]:
    """An empty figure with a square, and a place for a colour bar: the same places in all pictures of an animation."""
    width, height = LEFT + SIZE + (BAR if with_bar else 0.2), BELOW + SIZE + ABOVE
    figure = Figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((LEFT / width, BELOW / height, SIZE / width, SIZE / height))
    if not with_bar:
        return figure, axes, None
    return (
        figure,
        axes,
        figure.add_axes(
            ((LEFT + SIZE + 0.15) / width, (BELOW + 0.1 * SIZE) / height, 0.15 / width, 0.8 * SIZE / height)
        ),
    )

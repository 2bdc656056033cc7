"""Curves over real images seen: raw values faint, their moving average on top, each with its name at its end."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kantor.report import units
from kantor.report.cards import Floor
from kantor.report.drawing import FLOOR, MUTED, SIZE, label_ends, new_axes, series_colour, series_dash

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 1200  # drawn per curve; more only makes the page heavier
MARKED = 40  # up to so many points each is marked
Column = Sequence[float | None]
Scale = Callable[["Axes", np.ndarray, np.ndarray], None]
"""Sets the limits of a y axis for what is drawn on it: the values, and their moving averages."""


@dataclass(frozen=True)
class Curve:
    """A line to draw; cells without a value are left out.

    Attributes:
        label: at its end; empty for none.
        xs: real images seen.
        ys: as many values.
    """

    label: str
    xs: Column
    ys: Column


@dataclass(frozen=True)
class Mark:
    """A value to hold curves against, perhaps with its interval."""

    value: float
    label: str
    low: float | None = None
    high: float | None = None


def floor_marks(floor: Floor | None) -> list[Mark]:
    """The floor of a score as a mark."""
    return [] if floor is None or floor.value is None else [Mark(floor.value, "floor", floor.low, floor.high)]


def log_when_wide(axes: "Axes", values: np.ndarray, averages: np.ndarray) -> None:
    """A logarithmic y axis when positive values span more than a factor of 20; whole numbers have whole ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = values.min(), values.max()
    if low <= 0 or high / low < 20:
        if (values == values.round()).all():
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def without_spikes(axes: "Axes", values: np.ndarray, averages: np.ndarray) -> None:
    """Limits that leave out the outermost 0.5% of the values, so that one spike does not flatten the rest.

    They widen for the averages, by half their length at most.
    """
    low, high = np.quantile(values, [0.005, 0.995])
    reach = 0.5 * (high - low)
    low, high = min(low, max(averages.min(), low - reach)), max(high, min(averages.max(), high + reach))
    margin = 0.08 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)


def between(low: float, high: float) -> Scale:
    """Limits that are known, with a little room beyond."""

    def scale(axes: "Axes", values: np.ndarray, averages: np.ndarray) -> None:
        margin = 0.03 * (high - low)
        axes.set_ylim(low - margin, high + margin)

    return scale


def draw(
    title: str,
    curves: Sequence[Curve],
    *,
    scale: Scale = log_when_wide,
    smoothed: float = 0.0,
    marks: Sequence[Mark] = (),
) -> "Figure | None":
    """A chart of curves; None when none of them has a point.

    Args:
        title: on top.
        curves: each keeps the colour of its place, also where others have no points.
        scale: of the y axis.
        smoothed: share of a curve that one point of its moving average takes.
        marks: lines across.
    """
    figure, axes = new_axes(title)
    labels, raw, averages = [], [], []
    for index, curve in enumerate(curves):
        xs, ys = known(curve.xs, curve.ys)
        if len(ys):
            average = draw_curve(axes, xs, ys, index=index, window=max(1, int(smoothed * len(ys))))
            labels += [(float(average[-1]), curve.label, series_colour(index))] if curve.label else []
            raw.append(ys)
            averages.append(average)
    if not raw:
        return None
    scale(axes, np.concatenate([*raw, [mark.value for mark in marks]]), np.concatenate(averages))
    for mark in marks:
        if mark.low is not None and mark.high is not None:
            axes.axhspan(mark.low, mark.high, color=FLOOR, alpha=0.25, linewidth=0)
        axes.axhline(mark.value, color=FLOOR, linewidth=1.6, linestyle=(0, (4, 2)), zorder=1)
        labels.append((mark.value, mark.label, MUTED))
    over_images(axes)
    label_ends(axes, labels)
    return figure


def draw_curve(axes: "Axes", xs: np.ndarray, ys: np.ndarray, *, index: int, window: int) -> np.ndarray:
    """The `index`-th curve, from 0, whose moving average over `window` points it returns; xs and ys are (n,)."""
    average, colour = (ys if window == 1 else smooth(ys, window)), series_colour(index)
    if window > 1:
        axes.plot(*thin(xs, ys), color=colour, linewidth=0.8, alpha=0.25)
    marker = "o" if len(ys) <= MARKED else None
    dash = series_dash(index)
    axes.plot(*thin(xs, average), color=colour, linewidth=2.2, linestyle=dash, marker=marker, markersize=4)
    return average


def over_images(axes: "Axes") -> None:
    """The x axis of every training curve: real images consumed."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlabel("real images seen", color=MUTED, fontsize=SIZE)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: units.short_count(value)))


def known(xs: Column, ys: Column) -> tuple[np.ndarray, np.ndarray]:
    """The points of two columns where both are finite, as float64 arrays."""
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
    points = np.array([pair for pair in pairs if all(map(math.isfinite, pair))], dtype=np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def smooth(ys: np.ndarray, window: int) -> np.ndarray:
    """Centred moving average over at most `window` points; towards the ends it narrows, staying symmetric.

    Straight lines stay as they are.
    """
    n = len(ys)
    half = np.minimum(window // 2, np.minimum(np.arange(n), np.arange(n)[::-1]))
    sums = np.concatenate([[0.0], np.cumsum(ys)])
    index = np.arange(n)
    return (sums[index + half + 1] - sums[index - half]) / (2 * half + 1)


def thin(xs: np.ndarray, ys: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most about `points` points: the lowest and the highest of each stretch, so that spikes stay visible."""
    if len(ys) <= points:
        return xs, ys
    edges = np.linspace(0, len(ys), points // 2 + 1).astype(int)
    stretches = itertools.pairwise(edges.tolist())
    keep = sorted({a + int(pick(ys[a:b])) for a, b in stretches for pick in (np.argmin, np.argmax)})
    return xs[keep], ys[keep]

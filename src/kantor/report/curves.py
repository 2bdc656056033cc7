"""Curves over training: raw values faint, their moving average on top, each with its name at its end or below."""

import itertools
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kantor.report import units
from kantor.report.cards import Floor
from kantor.report.drawing import SIZE, label_ends, new_axes, whole_numbers
from kantor.report.palette import FLOOR, INK, MUTED, series_colour, series_dash
from kantor.visible import visible

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
        xs: steps, or real samples seen.
        ys: as many values.
        series: whose colour it has; None for that of its place.
        faint: whether it only stands behind others.
        band: two edges of what is shaded around it, of a curve that has all its values.
    """

    label: str
    xs: Column
    ys: Column
    series: int | None = None
    faint: bool = False
    band: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Mark:
    """A value to hold curves against, perhaps with its interval."""

    value: float
    label: str
    low: float | None = None
    high: float | None = None


def floor_marks(floor: Floor | None) -> list[Mark]:
    """What real data score, as a mark."""
    return [] if floor is None or floor.value is None else [Mark(floor.value, "real data", floor.low, floor.high)]


def log_when_wide(axes: "Axes", values: np.ndarray, averages: np.ndarray) -> None:
    """A logarithmic y axis when positive values span more than a factor of 20; whole numbers have whole ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = values.min(), values.max()
    if low <= 0 or high / low < 20:
        whole_numbers(axes, "y", values.tolist())
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
    over: str,
    reach: float | None = None,
    scale: Scale = log_when_wide,
    smoothed: float = 0.0,
    marks: Sequence[Mark] = (),
    legend: Sequence[tuple[str, int]] = (),
) -> "Figure | None":
    """A chart of curves; None when none of them has a point.

    Args:
        title: on top.
        curves: each keeps the colour of its place, also where others have no points.
        over: what the x axis counts.
        reach: how far it goes, so that charts side by side have the same; None takes it from the curves.
        scale: of the y axis.
        smoothed: share of a curve that one point of its moving average takes.
        marks: lines across.
        legend: names below and whose colour each has, where they are too long or too many for the curves' ends.
    """
    figure, axes = new_axes(title, height=3.7 + 0.26 * len(legend))
    labels, raw, averages = [], [], []
    for index, curve in enumerate(curves):
        xs, ys = known(curve.xs, curve.ys)
        if len(ys):
            series = index if curve.series is None else curve.series
            window = max(1, int(smoothed * len(ys)))
            average = draw_curve(axes, xs, ys, series=series, window=window, faint=curve.faint)
            if curve.band is not None:
                axes.fill_between(xs, *curve.band, color=series_colour(series), alpha=0.15, linewidth=0)
            labels += [(float(average[-1]), curve.label, series_colour(series))] if curve.label else []
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
    counting(axes, over, reach)
    below(figure, legend)
    label_ends(axes, labels)
    return figure


def draw_curve(
    axes: "Axes", xs: np.ndarray, ys: np.ndarray, *, series: int, window: int, faint: bool = False
) -> np.ndarray:
    """A curve in the colour of a series, whose moving average over `window` points it returns; xs and ys are (n,)."""
    average, colour = (ys if window == 1 else smooth(ys, window)), series_colour(series)
    if window > 1:
        axes.plot(*thin(xs, ys), color=colour, linewidth=0.8, alpha=0.25)
    if faint:
        axes.plot(*thin(xs, average), color=colour, linewidth=1.0, alpha=0.35)
        return average
    marker = "o" if len(ys) <= MARKED else None
    axes.plot(
        *thin(xs, average), color=colour, linewidth=2.2, linestyle=series_dash(series), marker=marker, markersize=4
    )
    return average


def counting(axes: "Axes", what: str, reach: float | None) -> None:
    """The x axis of training curves: from nothing to `reach`, in whole numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlabel(what, color=MUTED, fontsize=SIZE)
    if reach:
        axes.set_xlim(-0.02 * reach, 1.02 * reach)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: units.short_count(value)))


def below(figure: "Figure", names: Sequence[tuple[str, int]]) -> None:
    """A legend below the axes."""
    from matplotlib.lines import Line2D

    if names:
        lines = [Line2D([], [], color=series_colour(at), linestyle=series_dash(at), linewidth=2.2) for _, at in names]
        legend = figure.legend(
            lines, [fitted(name) for name, _ in names], loc="outside lower left", frameon=False, fontsize=SIZE - 1
        )
        for text in legend.get_texts():
            text.set_color(INK)
            text.set_parse_math(False)


def fitted(label: str, letters: int = 58) -> str:
    """A label in as many lines as it takes."""
    return "\n".join(textwrap.wrap(visible(label), letters)) or visible(label)


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

"""A score of several methods: for each every training seed as a dot, their mean and its interval, over real data's."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from kantor.report.cards import Score
from kantor.report.curves import fitted
from kantor.report.drawing import SIZE, new_axes, whole_numbers
from kantor.report.methods import MethodScore
from kantor.report.palette import FLOOR, INK, MUTED, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


ROW = 0.52
"""Inches from the dots of one method to those of the next, its name between them."""
FURTHER_LINE = 0.38
"""Of that, for each further line of a name."""
TICKS = 6
"""At most: more would touch where numbers are as long as 0.002625."""
BESIDE = 0.2
"""Of that, above and below dots: as far as no name reaches."""


def dot_intervals(methods: Sequence[tuple[str, MethodScore]], example: Score, title: str) -> "Figure | None":
    """One score of methods in the order given, each with its name above its dots; None when no method has it.

    Args:
        methods: names and scores.
        example: what the scores have in common: direction, target, what real data score.
        title: on top.
    """
    there = [(place, one) for place, (_, one) in enumerate(methods) if one.values]
    if not there:
        return None
    names = [fitted(label) for label, _ in methods]
    rows = [end - 1 for end in accumulate(1 + FURTHER_LINE * name.count("\n") for name in names)]
    figure, axes = new_axes(title, height=1.3 + ROW * (rows[-1] + 1))
    caption = [example.goal]
    if example.floor is not None and example.floor.value is not None:
        low, high = example.floor.ends() or (example.floor.value, example.floor.value)
        for row in rows:
            axes.fill_betweenx([row - BESIDE, row + BESIDE], low, high, color=FLOOR, alpha=0.3, linewidth=0)
        draw_mark(axes, rows, example.floor.value, color=FLOOR, linewidth=1.6)
        caption.append("grey: real data")
    if example.better == "target" and example.target is not None:
        draw_mark(axes, rows, example.target, color=INK, linewidth=1.2, linestyle=":")
        caption.append("dotted: target")
    for place, one in there:
        draw_method(axes, place, rows[place], one)
    if not all(one.whole for _, one in there):
        caption.append("rings alone: a seed has no value")
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        axes.annotate(
            name, (0, row), xycoords=("axes fraction", "data"), xytext=(0, 9), textcoords="offset points",
            color=series_colour(place), fontsize=SIZE - 1, va="bottom", parse_math=False,
        )  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(rows[-1] + 0.4, -0.9)
    marks = [example.target, *((example.floor.ends() or ()) if example.floor is not None else ())]
    fit_values(axes, [value for _, one in there for value in one.values], [mark for mark in marks if mark is not None])
    axes.set_xlabel("; ".join(caption), color=MUTED, fontsize=SIZE - 1)
    return figure


def draw_mark(axes: "Axes", rows: Sequence[float], value: float, **look: Any) -> None:
    """A value to hold methods against, beside the dots of each: between them stand their names."""
    axes.vlines([value] * len(rows), [row - BESIDE for row in rows], [row + BESIDE for row in rows], **look)


def draw_method(axes: "Axes", place: int, row: float, one: MethodScore) -> None:
    """A bar for the interval, a large dot for the mean, a small ring for each seed when there are several; of survivors
    the rings alone."""
    colour, estimate = series_colour(place), one.estimate
    if estimate.low is not None and estimate.high is not None:
        axes.plot(
            [estimate.low, estimate.high], [row, row], color=colour, linewidth=3, solid_capstyle="butt", alpha=0.55
        )
    if len(one.values) > 1 or not one.whole:
        axes.plot(one.values, [row] * len(one.values), "o", color=colour, markersize=4.5, fillstyle="none")
    if one.whole:
        assert estimate.value is not None
        axes.plot([estimate.value], [row], "o", color=colour, markersize=6.5)


def fit_values(axes: "Axes", values: Sequence[float], marks: Sequence[float]) -> None:
    """Limits near values and marks, so that bars may go on beyond the edge; whole ticks and some room for counts."""
    low, high = axes.get_xlim()
    if all(value == int(value) for value in values):
        low, high = min(low, min(values) - 1), max(high, max(values) + 1)
    reach = 3 * (max(values) - min(values)) or high - low  # an interval from two seeds would flatten all dots
    room = 0.03 * (high - low)
    lowest = min([min(values) - reach, *(mark - room for mark in marks)])
    highest = max([max(values) + reach, *(mark + room for mark in marks)])
    axes.set_xlim(max(low, lowest), min(high, highest))
    axes.locator_params(axis="x", nbins=TICKS)
    whole_numbers(axes, "x", values)

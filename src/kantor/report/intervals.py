"""A score of several runs: for each a dot and its interval, over the band of its floor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kantor.report.cards import Score
from kantor.report.drawing import FLOOR, INK, MUTED, SIZE, new_axes, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def dot_intervals(scores: Sequence[tuple[str, Score | None]], title: str) -> "Figure | None":
    """One score of several runs: per run a dot and its 95% interval over the floor's band, in the order given."""
    there = [
        (row, score.value, score)
        for row, (_, score) in enumerate(scores)
        if score is not None and score.value is not None
    ]
    if not there:
        return None
    figure, axes = new_axes(title, height=1.3 + 0.42 * len(scores))
    for row, value, score in there:
        colour, ends = series_colour(row), score.ends()
        if score.floor is not None and score.floor.value is not None:
            low, high = score.floor.ends() or (score.floor.value, score.floor.value)
            axes.fill_betweenx([row - 0.5, row + 0.5], low, high, color=FLOOR, alpha=0.3, linewidth=0)
            axes.plot([score.floor.value] * 2, [row - 0.5, row + 0.5], color=FLOOR, linewidth=1.6)
        if ends is not None:
            axes.plot(ends, [row, row], color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot([value], [row], "o", color=colour, markersize=6)
    first = there[0][2]
    if first.better == "target" and first.target is not None:
        axes.axvline(first.target, color=INK, linewidth=1.2, linestyle=":")
    axes.set_yticks(range(len(scores)), [label for label, _ in scores], parse_math=False)
    for index, text in enumerate(axes.get_yticklabels()):
        text.set_color(series_colour(index))
    axes.set_ylim(len(scores) - 0.4, -0.6)
    whole_numbers(axes, [value for _, value, _ in there])
    axes.grid(visible=False, axis="y")
    caption = [first.goal, *(["grey: floor"] if any(score.floor is not None for _, _, score in there) else [])]
    axes.set_xlabel("; ".join(caption), color=MUTED, fontsize=SIZE - 1)
    return figure


def whole_numbers(axes: "Axes", values: Sequence[float]) -> None:
    """A dot chart of counts: ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    if all(value == int(value) for value in values):
        axes.set_xlim(min(axes.get_xlim()[0], min(values) - 1), max(axes.get_xlim()[1], max(values) + 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

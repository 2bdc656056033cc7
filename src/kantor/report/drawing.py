"""How charts look here: axes, direct labels, and a figure as SVG for a page, or as a file.

In the SVG of a page each colour is a CSS variable with the colour as its fallback (`var(--series-1, #0072b2)`), so that
a page in dark mode can brighten it. Files have plain colours: few programs know variables.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kantor.report.palette import FLOOR, GRID, INK, MUTED, SERIES
from kantor.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIABLES = {
    **{colour: f"--series-{index}" for index, colour in enumerate(SERIES, 1)},
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    FLOOR: "--floor",
}
SIZE = 12.0  # points: with a figure about 500 points wide, readable in half a slide and on a phone


def new_axes(title: str, *, width: float = 6.2, height: float = 3.7) -> "tuple[Figure, Axes]":
    """An empty chart with a title in the place of a y label.

    Args:
        title: on top, left.
        width: in inches.
        height: in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(visible(title), loc="left", color=INK, fontsize=SIZE + 1, fontweight="bold", parse_math=False)
    axes.tick_params(colors=MUTED, labelsize=SIZE, length=0, which="both")
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    return figure, axes


def label_ends(axes: "Axes", labels: Sequence[tuple[float, str, str]]) -> None:
    """Name curves at the right edge, moved apart where they would overlap.

    Args:
        axes: with its limits final.
        labels: (y in data units, text, colour) each.
    """
    if not labels:
        return
    axes.set_ylim(axes.get_ylim())
    to_fraction = axes.transData + axes.transAxes.inverted()
    wanted = [min(1.0, max(0.0, float(to_fraction.transform((axes.get_xlim()[0], y))[1]))) for y, _, _ in labels]
    inches = axes.bbox.transformed(axes.figure.dpi_scale_trans.inverted()).height
    places = spread(wanted, gap=1.4 * SIZE / 72 / inches)
    for place, (_, text, colour) in zip(places, labels, strict=True):
        axes.annotate(
            visible(text), (1.0, place), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points",
            color=colour, fontsize=SIZE, va="center", annotation_clip=False, parse_math=False,
        )  # fmt: skip


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places at least `gap` apart, in the order of `wanted` and near it."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    clusters: list[tuple[list[int], float]] = []  # members from below and their middle
    for index in order:
        members, middle = [index], wanted[index]
        while clusters and middle - gap * (len(members) - 1) / 2 < top(clusters[-1], gap) + gap:
            below, _ = clusters.pop()
            members = below + members
            middle = sum(wanted[i] for i in members) / len(members)
        clusters.append((members, middle))
    return [
        middle + gap * (members.index(index) - (len(members) - 1) / 2)
        for index in range(len(wanted))
        for members, middle in clusters
        if index in members
    ]


def top(cluster: tuple[list[int], float], gap: float) -> float:
    """The highest place of a cluster."""
    members, middle = cluster
    return middle + gap * (len(members) - 1) / 2


def svg(figure: "Figure", name: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: drawn with this module's colours.
        name: unique on its page; keeps the ids of several figures apart and the bytes the same from run to run.
    """
    return inline(as_file(figure, name, "svg").decode(), name)


def inline(text: str, name: str) -> str:
    """An SVG file as an element for a page.

    Args:
        text: as `as_file` makes it.
        name: unique on its page.
    """
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)  # of groups, which nothing refers to
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{re.sub(r'[^a-z0-9]+', '-', name.lower())}-", text)
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: css(match.group()), text)


def css(colour: str) -> str:
    """A palette colour as its variable, any other as it is."""
    return f"var({VARIABLES[colour]}, {colour})" if colour in VARIABLES else colour


def whole_numbers(axes: "Axes", which: str, values: Sequence[float]) -> None:
    """Ticks at whole numbers only, on the axis "x" or "y", where all values are whole."""
    from matplotlib.ticker import MaxNLocator

    if all(value == int(value) for value in values):
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def settle(figure: "Figure") -> None:
    """Lay a finished figure out for good, so that drawing it several times does so once."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def as_file(figure: "Figure", name: str, suffix: str) -> bytes:
    """The figure as a file, the same bytes each time.

    Args:
        figure: on transparent ground.
        name: for its ids.
        suffix: "svg" or "pdf"; text stays text in the latter only, in fonts of its own.
    """
    import matplotlib

    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=suffix, transparent=True, metadata=dated[suffix])
    return buffer.getvalue()


def png(figure: "Figure", dots_per_inch: int = 150) -> bytes:
    """The figure as PNG on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()

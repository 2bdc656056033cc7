"""Error budgets as tables and figures: quality against network evaluations, and against seconds.

A budget has a row for each number of evaluations, and in each the distance from real data as a whole, and its causes
where they can be told apart (`kantor.evaluation.error_budget`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kantor.atomic import write_bytes
from kantor.figure_style import own_style
from kantor.report import glossary, units
from kantor.report.cards import Estimate, Evaluation, finite
from kantor.report.curves import log_when_wide
from kantor.report.drawing import SIZE, label_ends, new_axes, png
from kantor.report.figures import Drawing
from kantor.report.palette import FLOOR, MUTED, series_colour
from kantor.report.summary import summarise
from kantor.report.tables import Sheet
from kantor.runs.directory import RunDirectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"whole": "network's samples", "discretisation": "exact denoiser's samples", "learning": "between these two"}
"""What a part is the distance of, in words."""

REAL_DATA = "real data"
MILLISECONDS = 1000


@dataclass(frozen=True)
class Row:
    """At one number of evaluations.

    Attributes:
        nfe: of the network for a sample.
        seconds: for a sample.
        parts: by part and distance.
    """

    nfe: int
    seconds: float
    parts: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class ErrorBudget:
    """Of one evaluation.

    Attributes:
        sampler: its name.
        rows: with more and more evaluations.
        floor: what real data score, by distance.
    """

    sampler: str
    rows: Sequence[Row]
    floor: Mapping[str, Estimate]

    @classmethod
    def of(cls, evaluation: Evaluation) -> "ErrorBudget | None":
        """An evaluation's; None where none was asked for."""
        given = evaluation.error_budget
        if not given:
            return None
        rows = [
            Row(
                int(row["nfe"]),
                float(row["seconds"]),
                {part: _estimates(row[part]) for part in PARTS if part in row},
            )
            for row in given["rows"]
        ]
        return cls(str(evaluation.sampling.get("sampler") or ""), rows, _estimates(given["floor"]))

    @property
    def distances(self) -> list[str]:
        """The scores that it is in, the first one first."""
        return list(self.rows[0].parts["whole"])

    def curve(self, part: str, distance: str) -> list[Estimate]:
        """One for each row; empty where there is no such part."""
        return [row.parts[part][distance] for row in self.rows if part in row.parts]


def _estimates(entry: Mapping[str, Any]) -> dict[str, Estimate]:
    return {
        name: Estimate(finite(one.get("value")), finite(one.get("low")), finite(one.get("high")))
        for name, one in entry.items()
    }


def budgets(evaluations: Sequence[Evaluation]) -> list[ErrorBudget]:
    """Of those that have one."""
    return [budget for one in evaluations if (budget := ErrorBudget.of(one)) is not None]


def budget_sheets(evaluations: Sequence[Evaluation]) -> list[Sheet]:
    """A table for each budget and distance."""
    return [_sheet(budget, distance) for budget in budgets(evaluations) for distance in budget.distances]


def _sheet(budget: ErrorBudget, distance: str) -> Sheet:
    parts = [part for part in PARTS if part in budget.rows[0].parts]
    columns = ("nfe", "ms a sample", *(part if part != "whole" else distance for part in parts))
    rows = [
        (
            units.count(row.nfe),
            units.number(MILLISECONDS * row.seconds),
            *(row.parts[part][distance].text for part in parts),
        )
        for row in budget.rows
    ]
    floor = budget.floor.get(distance)
    said = "" if floor is None or floor.value is None else f"; real data score {floor.text}"
    return Sheet(
        f"Error budget of {budget.sampler} in {distance}",
        columns,
        rows,
        frozenset(columns),
        f"{distance} by {budget.sampler} at so many network evaluations{said}",
    )


def budget_figures(evaluations: Sequence[Evaluation]) -> list[Drawing]:
    """In the first distance: the parts of each budget over evaluations; all budgets over evaluations and seconds."""
    there = budgets(evaluations)
    if not there:
        return []
    drawings = []
    for place, budget in enumerate(there):
        distance, xs = budget.distances[0], [float(row.nfe) for row in budget.rows]
        lines = [
            _Line(label, xs, budget.curve(part, distance), index)
            for index, (part, label) in enumerate(PARTS.items())
            if budget.curve(part, distance)
        ]
        if len(lines) > 1:
            chart = glossary.ERROR_BUDGET
            figure = _draw(f"{chart.title}: {distance} of {budget.sampler}", lines, "network evaluations", budget)
            name = chart.file if place == 0 else f"{chart.file}_{place + 1}"
            drawings.append(Drawing(name, f"{chart.title} in {distance}", figure, glossary.sentence(chart)))
    for chart, over in (
        (glossary.BY_EVALUATIONS, "network evaluations"),
        (glossary.BY_SECONDS, "milliseconds a sample"),
    ):
        distance = there[0].distances[0]
        lines = [
            _Line(
                one.sampler,
                [row.nfe if chart is glossary.BY_EVALUATIONS else MILLISECONDS * row.seconds for row in one.rows],
                one.curve("whole", distance),
                index,
            )
            for index, one in enumerate(there)
            if distance in one.distances
        ]
        figure = _draw(f"{chart.title}: {distance}", lines, over, there[0])
        drawings.append(Drawing(chart.file, f"{distance} over {over}", figure, glossary.sentence(chart)))
    return drawings


@own_style()
def write_budget_figures(run: RunDirectory) -> None:
    """Write figures/error_budget.png, of the first budget, and those of all."""
    files = {chart.file for chart in glossary.CHARTS}
    for drawing in budget_figures(summarise(run).evaluations):
        if drawing.name in files:
            write_bytes(run.figures / f"{drawing.name}.png", png(drawing.figure))


@dataclass(frozen=True)
class _Line:
    """A curve with its intervals.

    Attributes:
        label: at its end.
        xs: above 0.
        ys: as many.
        series: whose colour it has.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[Estimate]
    series: int


def _draw(title: str, lines: Sequence[_Line], over: str, budget: ErrorBudget) -> "Figure":
    """Over a logarithmic axis, with what real data score."""
    figure, axes = new_axes(title)
    labels, values = [], []
    for line in lines:
        colour = series_colour(line.series)
        known = [(x, y, *(y.ends() or ())) for x, y in zip(line.xs, line.ys, strict=True) if y.value is not None]
        if not known:
            continue
        xs, ys = [one[0] for one in known], [float(one[1].value or 0.0) for one in known]
        axes.plot(xs, ys, color=colour, linewidth=2.2, marker="o", markersize=4)
        axes.fill_between(
            xs, [one[2] for one in known], [one[3] for one in known], color=colour, alpha=0.2, linewidth=0
        )
        labels.append((ys[-1], line.label, colour))
        values += ys
    floor = budget.floor.get(budget.distances[0])
    if floor is not None and floor.value is not None:
        if floor.low is not None and floor.high is not None:
            axes.axhspan(floor.low, floor.high, color=FLOOR, alpha=0.25, linewidth=0)
        axes.axhline(floor.value, color=FLOOR, linewidth=1.6, linestyle=(0, (4, 2)), zorder=1)
        labels.append((floor.value, REAL_DATA, MUTED))
        values.append(floor.value)
    if values:
        log_when_wide(axes, np.asarray(values), np.asarray(values))
    _counted(axes, sorted({x for line in lines for x in line.xs}), over)
    label_ends(axes, labels)
    return figure


def _counted(axes: "Axes", xs: Sequence[float], over: str) -> None:
    """A logarithmic x axis with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    wide = xs[-1] > 50 * xs[0]
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(over, color=MUTED, fontsize=SIZE)

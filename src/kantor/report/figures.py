"""The figures of a run's training: losses, their terms, the charts that its model declares, scores.

A model says which of the columns that it logs belong together (environment.json's `charts`); what remains is drawn by
its name: `train/…loss` are losses, the rest of `train/` their terms, `val/` scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kantor.atomic import replacing
from kantor.models.charts import Chart
from kantor.report.cards import Floor
from kantor.report.curves import Column, Curve, Mark, between, draw, floor_marks, known, log_when_wide, without_spikes
from kantor.report.drawing import png
from kantor.report.summary import Summary, summarise
from kantor.runs.directory import RunDirectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metrics = Mapping[str, Column]
Floors = Mapping[str, Floor]
X = "images_seen"
SMOOTHED = 0.03  # share of a curve that one point of its moving average takes
LOSSES, TERMS = "losses", "terms"


@dataclass(frozen=True)
class Drawing:
    """A figure of a run: its name below figures/, what it shows in words, and the figure."""

    name: str
    alt: str
    figure: "Figure"


def columns_with_values(metrics: Metrics, prefix: str) -> list[str]:
    """Names below `prefix` that have at least one point."""
    if X not in metrics:
        return []
    return [name for name in metrics if name.startswith(prefix) and len(known(metrics[X], metrics[name])[1])]


def words(name: str) -> str:
    """`reconstruction loss` for `train/reconstruction_loss`."""
    return name.split("/", 1)[-1].replace("_", " ")


def noisy(metrics: Metrics, names: Sequence[str], title: str) -> "Figure | None":
    """What training logs at many steps, in one chart."""
    curves = [Curve(words(name), metrics[X], metrics[name]) for name in names]
    return draw(title, curves, scale=without_spikes, smoothed=SMOOTHED)


def charted(metrics: Metrics, chart: Chart, floors: Floors) -> "Figure | None":
    """A chart that the model declares; None where none of its columns has a value."""
    curves = [Curve(label, metrics[X], metrics[name]) for name, label in chart.lines.items() if name in metrics]
    marks = [] if chart.mark is None else [Mark(*chart.mark)]
    marks += [] if chart.floor_of is None else floor_marks(floors.get(chart.floor_of))
    scale = log_when_wide if chart.limits is None else between(*chart.limits)
    return draw(chart.title, curves, scale=scale, smoothed=SMOOTHED, marks=marks)


def training_figures(metrics: Metrics, charts: Sequence[Chart], floors: Floors) -> list[Drawing]:
    """Losses, terms and declared charts, as far as there is something to draw."""
    declared = {name for chart in charts for name in chart.lines}
    logged = [name for name in columns_with_values(metrics, "train/") if name not in declared]
    losses = [name for name in logged if name.endswith("loss")]
    terms = [name for name in logged if name not in losses]
    figures = [
        *((chart.file, chart.title, charted(metrics, chart, floors)) for chart in charts if chart.floor_of is not None),
        (LOSSES, "Losses", noisy(metrics, losses, "Losses")),
        (TERMS, "Terms of the losses", noisy(metrics, terms, "Terms of the losses")),
        *((chart.file, chart.title, charted(metrics, chart, floors)) for chart in charts if chart.floor_of is None),
    ]
    return [Drawing(name, f"{title} over real images seen", figure) for name, title, figure in figures if figure]


def score_figures(metrics: Metrics, charts: Sequence[Chart], floors: Floors) -> list[Drawing]:
    """The scores while training that no chart shows, each with its floor."""
    declared = {name for chart in charts for name in chart.lines}
    figures = []
    for column in columns_with_values(metrics, "val/"):
        if column not in declared:
            score = column.removeprefix("val/")
            floor = floors.get(score)
            figure = draw(words(column), [Curve("", metrics[X], metrics[column])], marks=floor_marks(floor))
            assert figure is not None
            against = "" if floor is None else f", with its floor at {floor.value_text}"
            figures.append(Drawing(f"score-{score}", f"Score {score} over real images seen{against}", figure))
    return figures


def file_names(summary: Summary) -> set[str]:
    """The files below figures/ that `write_figures` may write."""
    return {f"{name}.png" for name in (LOSSES, TERMS, *(chart.file for chart in summary.charts))}


def write_figures(run: RunDirectory) -> None:
    """Write figures/*.png, each only where metrics.csv has its columns."""
    summary = summarise(run)
    for drawing in training_figures(run.metrics(), summary.charts, summary.floors):
        with replacing(run.figures / f"{drawing.name}.png") as temporary:
            temporary.write_bytes(png(drawing.figure))

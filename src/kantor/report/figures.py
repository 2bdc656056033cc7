"""The figures of a run's training: losses, their terms, the charts that its model declares, scores.

A model says which of the columns that it logs belong together (environment.json's `charts`); what remains is drawn by
its name: `train/…loss` are losses, the rest of `train/` their terms, `val/` scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from kantor.atomic import write_bytes
from kantor.figure_style import own_style
from kantor.models.charts import Chart
from kantor.report import glossary, units
from kantor.report.cards import Score
from kantor.report.curves import Column, Curve, Mark, between, draw, floor_marks, known, log_when_wide, without_spikes
from kantor.report.drawing import as_file, png
from kantor.report.summary import Summary, summarise
from kantor.runs.directory import RunDirectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metrics = Mapping[str, Column]
X = "steps"
OVER = "training steps"
SMOOTHED = 0.03  # share of a curve that one point of its moving average takes


@dataclass(frozen=True)
class Drawing:
    """A figure: its name as a file, what it shows in words, the figure, and what is good and suspicious in it."""

    name: str
    alt: str
    figure: "Figure"
    caption: str = ""

    @cached_property
    def svg(self) -> str:
        """As an SVG file, which takes a tenth of a second to draw: once."""
        return as_file(self.figure, self.name, "svg").decode()


def columns_with_values(metrics: Metrics, prefix: str, x: str = X) -> list[str]:
    """Names below `prefix` that have at least one point over a column."""
    if x not in metrics:
        return []
    return [name for name in metrics if name.startswith(prefix) and len(known(metrics[x], metrics[name])[1])]


@dataclass(frozen=True)
class Log:
    """What a run logged, and what it takes to draw it.

    Attributes:
        metrics: by column.
        charts: those that the model declares.
        scores: of the card, by name.
        words: the model's own, in place of others.
    """

    metrics: Metrics
    charts: Sequence[Chart] = ()
    scores: Mapping[str, Score] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, summary: Summary) -> "Log":
        """A run's."""
        return cls(summary.metrics, summary.charts, summary.scores, summary.words)

    def marks(self, score: str) -> list[Mark]:
        """What real data score."""
        return floor_marks(self.scores[score].floor) if score in self.scores else []

    @property
    def reach(self) -> float | None:
        """The last step, so that all charts of a page have one x axis."""
        return max((x for x in self.metrics.get(X, []) if x is not None), default=None)

    def noisy(self, names: Sequence[str], title: str) -> "Figure | None":
        """What training logs at many steps, in one chart."""
        curves = [Curve(units.words(name, self.words), self.metrics[X], self.metrics[name]) for name in names]
        return draw(title, curves, over=OVER, reach=self.reach, scale=without_spikes, smoothed=SMOOTHED)

    def charted(self, chart: Chart) -> "Figure | None":
        """A chart that the model declares; None where none of its columns has a value."""
        there = [(name, label) for name, label in chart.lines.items() if name in self.metrics]
        curves = [Curve(label, self.metrics[X], self.metrics[name]) for name, label in there if X in self.metrics]
        marks = [] if chart.mark is None else [Mark(*chart.mark)]
        marks += [] if chart.floor_of is None else self.marks(chart.floor_of)
        scale = log_when_wide if chart.limits is None else between(*chart.limits)
        return draw(chart.title, curves, over=OVER, reach=self.reach, scale=scale, smoothed=SMOOTHED, marks=marks)


def training_figures(log: Log) -> list[Drawing]:
    """Losses, terms and declared charts, as far as there is something to draw."""
    declared = {name for chart in log.charts for name in chart.lines}
    logged = [name for name in columns_with_values(log.metrics, "train/") if name not in declared]
    losses = [name for name in logged if name.endswith("loss")]
    terms = [name for name in logged if name not in losses]
    figures = [
        *((chart, log.charted(chart)) for chart in log.charts if chart.floor_of is not None),
        (glossary.LOSSES, log.noisy(losses, glossary.LOSSES.title)),
        (glossary.TERMS_OF_LOSSES, log.noisy(terms, glossary.TERMS_OF_LOSSES.title)),
        *((chart, log.charted(chart)) for chart in log.charts if chart.floor_of is None),
    ]
    return [
        Drawing(chart.file, f"{chart.title} over {OVER}", figure, glossary.sentence(chart))
        for chart, figure in figures
        if figure is not None
    ]


def score_figures(log: Log) -> list[Drawing]:
    """The scores while training that no chart shows, each with what real data score."""
    declared = {name for chart in log.charts for name in chart.lines}
    figures = []
    for column in columns_with_values(log.metrics, "val/"):
        if column not in declared:
            score = column.removeprefix("val/")
            marks, of_card = log.marks(score), log.scores.get(score)
            curve = Curve("", log.metrics[X], log.metrics[column])
            figure = draw(units.words(column), [curve], over=OVER, reach=log.reach, marks=marks)
            assert figure is not None
            against = "" if not marks or of_card is None else f"; real data score {of_card.floor_text}"
            caption = "" if of_card is None else glossary.sentence(of_card)
            figures.append(Drawing(f"score-{score}", f"Score {score} over {OVER}{against}", figure, caption))
    return figures


def file_names(summary: Summary) -> set[str]:
    """The files below figures/ that `write_figures` may write."""
    return {f"{chart.file}.png" for chart in (*glossary.CHARTS, *summary.charts)}


@own_style()
def write_figures(run: RunDirectory) -> None:
    """Write figures/*.png, each only where metrics.csv has its columns."""
    for drawing in training_figures(Log.of(summarise(run))):
        write_bytes(run.figures / f"{drawing.name}.png", png(drawing.figure))

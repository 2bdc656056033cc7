"""compare.html: verdict, tables, intervals over floors, curves, last pictures, protocol, configuration differences."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kantor.report import figures, pictures, units
from kantor.report.cards import FLOOR_NOTE, sampling_keys
from kantor.report.comparison import Comparison, Round
from kantor.report.comparison_tables import floors, heading, method_sheets
from kantor.report.contestants import Contestant, config_differences
from kantor.report.curves import Curve, draw, floor_marks
from kantor.report.drawing import SERIES, svg
from kantor.report.intervals import dot_intervals
from kantor.report.pictures import Picture, chart
from kantor.report.tables import cell
from kantor.report.templating import render

DIRECT_LABELS = 6  # runs up to which curves carry full names; above, their ranks


def to_html(comparison: Comparison, out: Path) -> str:
    """The page; `out` is the directory it will stand in, for relative links."""
    return render(
        "compare.html",
        title=" vs ".join(one.label for one in comparison.contestants[:3])
        + (f" and {len(comparison.contestants) - 3} more" if len(comparison.contestants) > 3 else ""),
        verdict=comparison.verdict,
        notes=comparison.notes,
        floor_note=FLOOR_NOTE,
        counters=[name.replace("_", " ") for name in comparison.counters()],
        sampling=sampling_keys(comparison.main.evaluations),
        runs=runs_of(comparison, out),
        rounds=[round_view(comparison, one, index) for index, one in enumerate(comparison.rounds)],
        methods=method_sheets(comparison),
        curves=curves_of(comparison),
        labels=[one.label for one in comparison.contestants],
        differences=config_differences(comparison.contestants),
        primary=comparison.primary,
    )


def runs_of(comparison: Comparison, out: Path) -> list[dict[str, Any]]:
    """What the page shows of each run beside its scores."""
    evaluations, counters = comparison.main.evaluations, comparison.counters()
    rows = zip(comparison.contestants, evaluations, comparison.ranks(), strict=True)
    return [
        {
            "rank": cell(rank),
            "label": one.label,
            "state": one.state,
            "link": report_link(one, out),
            "series": index % len(SERIES) + 1,
            "counters": [units.count(one.summary.counters.get(name)) for name in counters],
            "seconds": units.duration(one.summary.cost.get("train_seconds")),
            "sampling": [cell(evaluation.sampling.get(key)) for key in sampling_keys(evaluations)],
            "score": evaluation.scores[comparison.primary],
            "pictures": pictures.hero(one.summary.run, one.label),
        }
        for index, (one, evaluation, rank) in enumerate(rows)
    ]


def report_link(one: Contestant, out: Path) -> str | None:
    """The relative path from `out` to the run's page, when it has one."""
    page = one.summary.run.report_html
    return quote(Path(os.path.relpath(page.resolve(), out.resolve())).as_posix()) if page.is_file() else None


def round_view(comparison: Comparison, one: Round, index: int) -> dict[str, Any]:
    """A round's scores by name (heading, floor, one score per run), dot charts and protocol."""
    charts = []
    for name in one.score_names:
        scores = [(short_label(comparison, i), score) for i, score in enumerate(one.scores(name))]
        figure = dot_intervals(scores, figures.words(name))
        if figure is not None:
            charts.append(chart(svg(figure, f"dots-{index}-{name}"), dots_alt(comparison, one, name)))
    return {
        "name": one.name,
        "evaluation": one.evaluations[0],
        "scores": [(heading(one, name), floors(one, name), one.scores(name)) for name in one.score_names],
        "charts": charts,
    }


def dots_alt(comparison: Comparison, one: Round, name: str) -> str:
    """A dot chart in words."""
    values = [
        f"{contestant.label} {'absent' if score is None else score.text}"
        for contestant, score in zip(comparison.contestants, one.scores(name), strict=True)
    ]
    return f"{name} with 95% intervals: {'; '.join(values)}"


def short_label(comparison: Comparison, index: int) -> str:
    """A run's name in a chart: its label, or its place in the table where there are many runs."""
    many = len(comparison.contestants) > DIRECT_LABELS
    return str(index + 1) if many else comparison.contestants[index].label


def curves_of(comparison: Comparison) -> list[Picture]:
    """Each score that at least two runs logged while training, all runs in one chart."""
    logged = [one.summary.run.metrics() for one in comparison.contestants]
    present = [figures.columns_with_values(metrics, "val/") for metrics in logged]
    charts = []
    for name in dict.fromkeys(name for names in present for name in names):
        if sum(name in names for names in present) < 2:
            continue
        curves = [
            Curve(short_label(comparison, index), metrics[figures.X], metrics[name])
            if name in names
            else Curve("", [], [])
            for index, (metrics, names) in enumerate(zip(logged, present, strict=True))
        ]
        score = name.removeprefix("val/")
        first = comparison.main.evaluations[0].scores.get(score)
        marks = [] if first is None else floor_marks(first.floor)
        figure = draw(f"{figures.words(name)} while training", curves, marks=marks)
        assert figure is not None
        charts.append(chart(svg(figure, f"curve-{score}"), f"{score} of each run over real images seen"))
    return charts

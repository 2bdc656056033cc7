"""compare.html: verdict, tables, intervals over floors, curves, last pictures, protocol, configuration differences."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from kantor.report import figures, pictures, units
from kantor.report.cards import FLOOR_NOTE
from kantor.report.comparison import Comparison, Round
from kantor.report.comparison_tables import floors, heading, method_sheets, rank_text, sampling_text
from kantor.report.contestants import Contestant, config_differences, last_picture
from kantor.report.drawing import SERIES, Column, svg
from kantor.report.pictures import Picture, chart
from kantor.report.templating import render as render_template

DIRECT_LABELS = 6  # runs up to which curves carry full names; above, their ranks


def render(comparison: Comparison, out: Path) -> str:
    """The page; `out` is the directory it will stand in, for relative links."""
    return render_template(
        "compare.html",
        title=" vs ".join(one.label for one in comparison.contestants[:3])
        + (f" and {len(comparison.contestants) - 3} more" if len(comparison.contestants) > 3 else ""),
        verdict=comparison.verdict,
        notes=comparison.notes,
        floor_note=FLOOR_NOTE,
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
    evaluations = comparison.rounds[comparison.primary_round].evaluations
    rows = zip(comparison.contestants, evaluations, comparison.ranks(), strict=True)
    return [
        {
            "rank": rank_text(rank),
            "label": one.label,
            "seed": units.MISSING if one.seed is None else str(one.seed),
            "state": one.state,
            "link": report_link(one, out),
            "path": one.path,
            "series": index % len(SERIES) + 1,
            "images_seen": units.count(one.budget("images_seen")),
            "steps": units.count(one.budget("steps")),
            "seconds": units.duration(one.train_seconds),
            "sampling": sampling_text(evaluation),
            "score": evaluation.scores[comparison.primary],
            "pictures": pictures_of(one),
        }
        for index, (one, evaluation, rank) in enumerate(rows)
    ]


def report_link(one: Contestant, out: Path) -> str | None:
    """The relative path from `out` to the run's page, when it has one."""
    if not one.run.report_html.is_file():
        return None
    return quote(Path(os.path.relpath(one.run.report_html.resolve(), out.resolve())).as_posix())


def pictures_of(one: Contestant) -> list[Picture]:
    """The run's last picture and its animation."""
    found = (pictures.newest(last_picture(one.run), one.label), pictures.animation(one.run.samples, one.label))
    return [picture for picture in found if picture is not None]


def round_view(comparison: Comparison, one: Round, index: int) -> dict[str, Any]:
    """A round's scores by name (heading, floor, one score per run), dot charts and protocol."""
    names = one.score_names
    charts = []
    for name in names:
        scores = [(short_label(comparison, i), score) for i, score in enumerate(one.scores(name))]
        figure = figures.dot_intervals(scores, figures.words(name))
        if figure is not None:
            charts.append(chart(svg(figure, f"dots-{index}-{name}"), dots_alt(comparison, one, name)))
    return {
        "name": one.name,
        "protocol_hash": one.protocol_hash,
        "protocol_yaml": yaml.safe_dump(one.evaluations[0].protocol, sort_keys=False, allow_unicode=True),
        "scores": [(heading(one, name), floors(one, name), one.scores(name)) for name in names],
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
    logged = [one.run.metrics() for one in comparison.contestants]
    present = [figures.columns_with_values(metrics, "val/") for metrics in logged]
    names = [
        name
        for name in dict.fromkeys(name for ours in present for name in ours)
        if sum(name in ours for ours in present) > 1
    ]
    charts = []
    for name in names:
        curves: list[tuple[str, Column, Column]] = [
            (short_label(comparison, index), metrics[figures.X], metrics[name]) if name in ours else ("", [], [])
            for index, (metrics, ours) in enumerate(zip(logged, present, strict=True))
        ]
        score = name.removeprefix("val/")
        first = comparison.rounds[comparison.primary_round].evaluations[0].scores.get(score)
        figure = figures.run_curves(
            curves, f"{figures.words(name)} while training", first.floor if first is not None else None
        )
        charts.append(chart(svg(figure, f"curve-{score}"), f"{score} of each run over real images seen"))
    return charts

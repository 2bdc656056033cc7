"""compare.html: verdict, tables, scores with their spread, curves, last pictures, what differs, words used."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from kantor.report import glossary, pictures, units
from kantor.report.comparison import Comparison, Round
from kantor.report.comparison_figures import DRAWN, X
from kantor.report.comparison_tables import heading, method_sheet, pair_sheets, reading, real_text, run_sheet
from kantor.report.contestants import Contestant
from kantor.report.curves import known
from kantor.report.drawing import inline
from kantor.report.figures import Drawing, Metrics
from kantor.report.groups import group_text
from kantor.report.labels import differences
from kantor.report.methods import Lost, Method
from kantor.report.palette import SERIES
from kantor.report.pictures import Picture, chart
from kantor.report.summary import Summary
from kantor.report.tables import cell
from kantor.report.templating import render

PICTURED = 3
"""Seeds of a method whose pictures are shown."""


def to_html(
    comparison: Comparison,
    out: Path,
    scores: Sequence[Sequence[Drawing]],
    curves: Sequence[Drawing],
    tuning: Sequence[Drawing] = (),
) -> str:
    """The page.

    Args:
        comparison: what it shows.
        out: the directory it will stand in, for relative links.
        scores: figures of each round.
        curves: figures of training.
        tuning: figures of searches.
    """
    rounds = zip(comparison.rounds, scores, strict=True)
    return render(
        "compare.html",
        title=title_of(comparison),
        subtitle=", ".join(dict.fromkeys(one.summary.experiment for one in comparison.contestants)),
        verdict=comparison.verdict,
        notes=comparison.notes,
        methods=[method_view(comparison, out, place) for place in range(len(comparison.methods))],
        table=method_sheet(comparison),
        runs=run_sheet(comparison),
        links=links(comparison, out),
        rounds=[round_view(comparison, one, drawings) for one, drawings in rounds],
        matrix=matrix(comparison),
        tuning=[shown(drawing) for drawing in tuning],
        pairs=pair_sheets(comparison),
        curves=[shown(drawing) for drawing in curves],
        differences=differences([method.config for method in comparison.methods]),
        primary=comparison.primary,
        drawn=DRAWN,
        while_training=glossary.WHILE_TRAINING,
        glossary=glossary.entries(glossary.OF_COMPARISON),
        glossary_place=glossary.PLACE,
    )


def title_of(comparison: Comparison) -> str:
    """`3 methods compared by the exact Wasserstein-1 distance`."""
    count = len(comparison.methods)
    what = comparison.main.example(comparison.primary).meaning or comparison.primary
    return f"One method by its {what}" if count == 1 else f"{count} methods compared by their {what}"


def links(comparison: Comparison, out: Path) -> dict[str, str | None]:
    """The page of each run by its name in the table of runs."""
    scored = {one.label: report_link(one.summary, out) for one in comparison.contestants}
    lost = [(method.of_seed(one.summary.seed), one) for method in comparison.methods for one in method.lost]
    return scored | {label: report_link(one.summary, out) for label, one in lost}


def shown(drawing: Drawing) -> Picture:
    """A figure as an inline chart."""
    return chart(inline(drawing.svg, drawing.name), drawing.alt, drawing.caption)


def method_view(comparison: Comparison, out: Path, place: int) -> dict[str, Any]:
    """What the page shows of a method beside its scores."""
    method, score = comparison.methods[place], comparison.scores()[place]
    runs = [comparison.contestants[run] for run in method.runs]
    return {
        "rank": cell(comparison.ranks()[place]),
        "group": group_text(comparison.groups()[place]),
        "label": method.label,
        "series": place % len(SERIES) + 1,
        "score": score,
        "reading": reading(comparison.main, method, comparison.primary),
        "real": real_text(comparison.main, method, comparison.primary),
        "seeds": score.seeds_text(method),
        "runs": [seed_view(comparison, one, out) for one in comparison.seeds(method)],
        "pictures": [picture for one in runs[: PICTURED if place < DRAWN else 0] for picture in last_samples(one)],
    }


def seed_view(comparison: Comparison, one: int | Lost, out: Path) -> dict[str, Any]:
    """A seed of a method, or the path of somebody's samples: its page, and its state where it has not finished."""
    summary = one.summary if isinstance(one, Lost) else comparison.contestants[one].summary
    state = one.how if isinstance(one, Lost) else comparison.contestants[one].state
    return {
        "seed": summary.seed,
        "name": f"samples in {summary.run.path}" if summary.seed is None else str(summary.seed),
        "link": report_link(summary, out),
        "state": "" if state == "finished" else state,
        "look": "stopped" if state == "left out" else "failed" if isinstance(one, Lost) else state,
    }


def last_samples(one: Contestant) -> list[Picture]:
    """The newest samples of a run, placed on the axis of the curves."""
    run = one.summary.run
    path = pictures.newest(run)
    if path is None:
        return []
    seen = samples_seen(one.summary.metrics, pictures.step_of(path))
    where = (
        pictures.step_text(path)
        if seen is None
        else f"{units.count(seen)} {units.words(X)} ({pictures.step_text(path)})"
    )
    shown = pictures.embed(path, f"Samples of {one.label} at {where}", f"{one.label}, at {where}")
    return pictures.plots(pictures.there([shown]), one.summary.content)


def samples_seen(metrics: Metrics, step: int | None) -> float | None:
    """How many real samples a run had seen at a step, between those that it logged; None where nothing says so."""
    if step is None or X not in metrics or "steps" not in metrics:
        return None
    steps, seen = known(metrics["steps"], metrics[X])
    return float(np.interp(step, steps, seen)) if len(steps) else None


def report_link(one: Summary, out: Path) -> str | None:
    """The relative path from `out` to the run's page, when it has one."""
    page = one.run.report_html
    return quote(Path(os.path.relpath(page.resolve(), out.resolve())).as_posix()) if page.is_file() else None


def round_view(comparison: Comparison, one: Round, drawings: Sequence[Drawing]) -> dict[str, Any]:
    """A round's scores by name (heading, what it is, what real data score, each method's), charts and protocol."""
    rows = []
    for name in one.score_names:
        cells = [score_cell(one, method, name) for method in comparison.methods]
        rows.append((heading(one, name), one.example(name), one.example(name).floor_text, cells))
    return {"name": one.name, "evaluation": one.evaluations[0], "scores": rows, "charts": [shown(d) for d in drawings]}


def score_cell(one: Round, method: Method, name: str) -> dict[str, Any]:
    """A method's score as a cell of the page."""
    score = one.of(method, name)
    estimate = score.estimate
    return {
        "value": score.value_text if score.values else "absent",
        "interval": estimate.interval_text if estimate.has_interval else "",
        "runs": score.range_text if len(score.values) > 1 else "",
        "reading": reading(one, method, name).removeprefix(units.MISSING),
    }


def matrix(comparison: Comparison) -> list[list[dict[str, str]]]:
    """For each method that is ranked a row of cells against each other: above the diagonal how much worse the one of
    the column is, below it the adjusted p, each with whether the two are told apart."""
    ranked = max((pair.worse + 1 for pair in comparison.pairs), default=0)
    count = min(ranked, DRAWN)
    cells = [[{"text": "", "kind": ""} for _ in range(count)] for _ in range(count)]
    for pair in comparison.pairs:
        if pair.worse < count:
            kind = "apart" if pair.told_apart else "tied" if pair.compared else "untested"
            p = pair.p_text.removeprefix("p = ").removeprefix("p ")
            cells[pair.better][pair.worse] = {"text": pair.gap_text, "kind": kind}
            cells[pair.worse][pair.better] = {"text": p, "kind": kind}
    return cells if count > 2 else []

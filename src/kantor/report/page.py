"""The page of one run: report.html, one file that needs nothing else, before, while and after the run."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from kantor.atomic import write_text
from kantor.digests import sha256
from kantor.figure_style import own_style
from kantor.plain_files import is_plain
from kantor.report import figures, glossary, pictures, units
from kantor.report.cards import flatten
from kantor.report.drawing import svg
from kantor.report.error_budget import budget_figures, budget_sheets
from kantor.report.figures import Log
from kantor.report.health import Finding, health_json, read_findings
from kantor.report.pictures import Picture, chart
from kantor.report.progress import Progress, progress_of
from kantor.report.readings import AS_REAL, readings
from kantor.report.summary import Summary, summarise
from kantor.report.tables import evaluation_sheet
from kantor.report.templating import render
from kantor.runs import door
from kantor.runs.directory import RunDirectory, now
from kantor.runs.metric_rows import CSV_BYTES

REFRESH_SECONDS = 5
FIGURES = 64
"""Other pictures that a page carries."""
SOURCES = "kantor-sources"
"""Of a page's metadata: what it was made of."""
HEAD = 1 << 16
"""Bytes in which a page's metadata stand."""
ATTEMPT = ("started", "ended", "from_step", "to_step", "outcome", "device", "processes", "threads")


def write_report(run: RunDirectory, status: dict[str, Any] | None = None) -> Path:
    """Write report.html, whole or not at all, and return its path. Only status.json has to be there.

    Args:
        run: whose page.
        status: what status.json will say; None for what it says.

    Raises:
        UserError: one of the run's files is damaged.
    """
    write_text(run.report_html, report_html(run, status))
    return run.report_html


@own_style()
def report_html(run: RunDirectory, status: dict[str, Any] | None = None) -> str:
    """The page as text."""
    made_of, summary = sources(run, status), summarise(run, status)
    return render(
        "report.html",
        sources=made_of,
        run=summary,
        subtitle=subtitle_of(summary),
        standing=standing_of(summary),
        as_real=AS_REAL,
        readings=readings,
        while_training=glossary.WHILE_TRAINING,
        refresh=REFRESH_SECONDS if summary.state == "running" else None,
        written=now(),
        progress=progress_view(progress_of(summary)),
        hero=pictures.plots(pictures.hero(run, summary.experiment), summary.content),
        overview=evaluation_sheet(summary.evaluations, summary.primary_name),
        budgets=budget_sheets(summary.evaluations),
        budget_charts=budget_charts_of(summary),
        findings=findings_of(summary),
        facts=facts_of(summary),
        charts=charts_of(summary),
        film=pictures.plots(pictures.filmstrip(run.samples), summary.content),
        figures=other_figures(summary),
        config_yaml=door.text(run.config_yaml, door.YAML_BYTES) if summary.config else "",
        environment=environment_of(summary),
        glossary=glossary.entries(glossary.OF_RUN),
        glossary_place=glossary.PLACE,
        attempts=[{**dict.fromkeys(ATTEMPT), **attempt} for attempt in summary.status.get("attempts") or []],
    )


def sources(run: RunDirectory, status: dict[str, Any] | None = None) -> str:
    """SHA-256 over all that a page is made of, 64 hex digits."""
    files = [run.config_yaml, run.environment_json, run.card_json, run.metrics_csv, health_json(run)]
    files += sorted(run.samples.glob("step_*.png")) + sorted(run.samples.glob("*.gif")) + sorted(run.figures.glob("*"))
    told = status if status is not None else run.status() if is_plain(run.status_json) else {}
    named = {str(path.relative_to(run.path)): digest_of(path) for path in files if is_plain(path)}
    return sha256({"files": named, "status": {key: value for key, value in told.items() if key != "files"}})


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes; of one so large that it is on no page, its size."""
    with door.opened(path) as handle:
        if (size := handle.seek(0, os.SEEK_END)) > CSV_BYTES:
            return f"{size} bytes"
        handle.seek(0)
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_current(run: RunDirectory) -> bool:
    """Whether report.html is there, and made of what the run holds now."""
    if not is_plain(run.report_html):
        return False
    with door.opened(run.report_html) as handle:
        return f'name="{SOURCES}" content="{sources(run)}"'.encode() in handle.read(HEAD)


def subtitle_of(summary: Summary) -> str:
    """Seed and hash, as far as they are known."""
    told = [] if summary.seed is None else [f"seed {summary.seed}"]
    if summary.config_hash is not None:
        told.append(summary.config_hash[:10])
    return ", ".join(told)


def standing_of(summary: Summary) -> str:
    """How sure the primary score is, what real data score, and what that says."""
    if summary.judged is None:
        return ""
    score = summary.judged.scores[summary.primary_name]
    over = f" over {score.covers}" if score.covers else ""
    real = None if score.floor is None else f"real data score {score.floor_text}"
    parts = [f"95% interval {score.interval_text}{over}" if score.has_interval else None, real]
    parts.append(readings(summary.judged)[score.name])
    said = "; ".join(part for part in parts if part)
    return said[:1].upper() + said[1:]


def progress_view(progress: Progress) -> dict[str, Any] | None:
    """The bar of a running page: share and words; None without a step or a budget."""
    if progress.share is None:
        return None
    of = f" of {units.count(progress.budget_steps)}" if progress.budget_steps else ""
    words = f"{units.count(progress.steps)}{of} steps"
    if progress.seconds is not None:
        words += f" in {units.duration(progress.seconds)}"
    if progress.budget_minutes:
        words += f" of {units.duration(60 * progress.budget_minutes)}"
    left = None if progress.seconds_left is None else units.duration(progress.seconds_left)
    return {"percent": round(100 * progress.share, 1), "words": words, "left": left}


def facts_of(summary: Summary) -> list[tuple[str, str]]:
    """Budget consumed and cost, in units that people read."""
    cost, processes = summary.cost, summary.card.get("processes")
    facts = [
        *((units.words(name, summary.words), units.count(value)) for name, value in summary.counters.items()),
        ("training", units.duration(cost.get("train_seconds"))),
        ("evaluation", units.duration(cost.get("evaluate_seconds"))),
        ("peak memory", units.memory(cost.get("peak_memory_bytes"))),
        *(
            (f"{units.words(name, summary.words)} parameters", units.count(value))
            for name, value in (cost.get("parameters") or {}).items()
        ),
        ("processes", units.count(processes if summary.config_hash is not None else None)),
    ]
    return [(name, value) for name, value in facts if value != units.MISSING]


def findings_of(summary: Summary) -> list[Finding]:
    """What is wrong with the training, in the model's own words."""
    return [replace(one, message=units.reworded(one.message, summary.words)) for one in read_findings(summary.run)]


def charts_of(summary: Summary) -> list[Picture]:
    """The curves of metrics.csv as inline SVG."""
    log = Log.of(summary)
    drawings = [*figures.training_figures(log), *figures.score_figures(log)]
    return [chart(svg(drawing.figure, drawing.name), drawing.alt, drawing.caption) for drawing in drawings]


def budget_charts_of(summary: Summary) -> list[Picture]:
    """Error budgets, as inline SVG."""
    drawings = budget_figures(summary.evaluations)
    return [chart(svg(drawing.figure, drawing.name), drawing.alt, drawing.caption) for drawing in drawings]


def other_figures(summary: Summary) -> list[Picture]:
    """The pictures below figures/, except those whose curves the page draws itself."""
    drawn = figures.file_names(summary)
    kept = sorted(path for path in summary.run.figures.glob("*") if path.suffix in (".png", ".gif"))
    shown = [path for path in kept if path.name not in drawn][:FIGURES]
    named = [(path, units.words(path.stem)) for path in shown]
    found = pictures.there(pictures.embed(path, f"Figure: {words}", words) for path, words in named)
    return pictures.plots(found, summary.content)


def environment_of(summary: Summary) -> list[tuple[str, str]]:
    """environment.json as dotted names and values; the charts are shown as charts."""
    values = {key: value for key, value in summary.environment.items() if key not in ("charts", "words")}
    return [(key, units.plain(value)) for key, value in flatten(values).items() if key]

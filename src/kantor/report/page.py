"""The page of one run: report.html, one file that needs nothing else, before, while and after the run."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kantor.atomic import write_text
from kantor.errors import UserError
from kantor.report import figures, measured, pictures, units
from kantor.report.cards import FLOOR_NOTE, Evaluation, Floor, flatten, read_evaluations
from kantor.report.contestants import last_picture
from kantor.report.drawing import svg
from kantor.report.health import read_findings
from kantor.report.pictures import Picture, chart
from kantor.report.progress import Progress, ended, progress_of
from kantor.report.tables import ScoreRow, score_rows
from kantor.report.templating import render
from kantor.runs.directory import RunDirectory, now

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REFRESH_SECONDS = 5
ATTEMPT = ("started", "ended", "from_step", "to_step", "outcome", "device", "processes", "threads")


@dataclass(frozen=True)
class EvaluationView:
    """An evaluation as the page shows it."""

    name: str
    subtitle: str
    rows: list[ScoreRow]
    protocol_hash: str
    protocol_yaml: str


def write_report(run: RunDirectory) -> Path:
    """Write report.html, whole or not at all, and return its path. Only status.json has to be there.

    Raises:
        UserError: one of the run's files is damaged.
    """
    write_text(run.report_html, report_html(run))
    return run.report_html


def report_html(run: RunDirectory) -> str:
    """The page as text."""
    status = run.status()
    card = run.card() if run.card_json.is_file() else {}
    config = run.config() if run.config_yaml.is_file() else {}
    state = str(status.get("state", "new"))
    if state == "running" and ended(status):
        state = "stopped"
    name = str(card.get("experiment") or config.get("experiment") or run.path.name)
    picture = last_picture(run)
    return render(
        "report.html",
        title=title_of(run, name, card, config),
        name=name,
        state=state,
        reason=status.get("reason"),
        refresh=REFRESH_SECONDS if state == "running" else None,
        written=now(),
        progress=progress_view(progress_of(run, status)),
        hero=[found for found in (pictures.newest(picture, name), pictures.animation(run.samples, name)) if found],
        headline=headline_of(read_evaluations(card), config.get("primary_score")),
        evaluations=[evaluation_view(one) for one in read_evaluations(card)],
        floor_note=FLOOR_NOTE,
        findings=read_findings(run),
        facts=facts_of(card, status),
        charts=charts_of(run),
        film=pictures.filmstrip(run.samples),
        figures=other_figures(run),
        config_yaml=run.config_yaml.read_text(encoding="utf-8") if config else "",
        environment=environment_of(run),
        attempts=[{**dict.fromkeys(ATTEMPT), **attempt} for attempt in status.get("attempts") or []],
    )


def title_of(run: RunDirectory, name: str, card: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """Experiment, seed and hash, of the card or as far as the configuration and the path know them."""
    seed = card.get("seed") if card.get("seed") is not None else config.get("seed")
    config_hash = card.get("config_hash") or run.path.name.split("-s")[0]
    return [name, *([f"seed {seed}"] if seed is not None else []), str(config_hash)[:10]]


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


def headline_of(evaluations: Sequence[Evaluation], primary: str | None) -> ScoreRow | None:
    """The primary score of the last evaluation that has it."""
    rows = [row for one in evaluations for row in score_rows(one) if row.name == primary and row.value != units.MISSING]
    return rows[-1] if rows else None


def evaluation_view(evaluation: Evaluation) -> EvaluationView:
    """An evaluation with its protocol as YAML."""
    parts = [] if evaluation.at_step is None else [f"step {units.count(evaluation.at_step)}"]
    for name, values in (("sampling", evaluation.sampling), ("draw", evaluation.draw)):
        given = [f"{key} {units.plain(value)}" for key, value in values.items() if value is not None]
        parts += [f"{name}: {', '.join(given)}"] if given else []
    return EvaluationView(
        name=evaluation.name,
        subtitle="; ".join(parts),
        rows=score_rows(evaluation),
        protocol_hash=evaluation.protocol_hash,
        protocol_yaml=yaml.safe_dump(evaluation.protocol, sort_keys=False, allow_unicode=True),
    )


def facts_of(card: dict[str, Any], status: dict[str, Any]) -> list[tuple[str, str]]:
    """Budget consumed and cost, in units that people read."""
    budget = card.get("budget") or status.get("counters") or {}
    cost = card.get("cost") or {}
    facts = [(name.replace("_", " "), units.count(budget[name])) for name in budget if budget[name] is not None]
    for key, label in (("train_seconds", "training"), ("evaluate_seconds", "evaluation")):
        if cost.get(key) is not None:
            facts.append((label, units.duration(cost[key])))
    if cost.get("peak_memory_bytes") is not None:
        facts.append(("peak memory", units.memory(cost["peak_memory_bytes"])))
    parameters = cost.get("parameters") or {}
    facts += [(f"{name} parameters", units.count(value)) for name, value in parameters.items() if value is not None]
    if card.get("processes") is not None:
        facts.append(("processes", units.count(card["processes"])))
    return facts


def charts_of(run: RunDirectory) -> list[Picture]:
    """The curves of metrics.csv, the critic's estimate first, as inline SVG."""
    metrics, floors = run.metrics(), figures.floors_of(run)
    present = figures.columns_with_values(metrics, "val/")
    estimate = figures.critic_estimate(metrics, floors.get("w1"))
    together = figures.ESTIMATE if estimate is not None else ()
    scores = [name.removeprefix("val/") for name in present if name not in together]
    drawn: list[tuple[str, str, Figure | None]] = [
        (
            "critic-estimate",
            "Exact Wasserstein-1 distance and the critic's estimate over real images seen",
            estimate,
        ),
        ("losses", "Losses over real images seen", figures.loss_curves(metrics)),
        ("terms", "Terms of the losses over real images seen", figures.term_curves(metrics)),
    ]
    drawn += [
        (panel.file, f"{panel.title} over real images seen", drawing) for panel, drawing in measured.panels_of(metrics)
    ]
    for name in scores:
        figure = figures.score_curves(metrics, name, floors.get(name))
        drawn.append((f"score-{name}", f"Score {name} over real images seen{floor_words(floors.get(name))}", figure))
    return [chart(svg(figure, name), alt) for name, alt, figure in drawn if figure is not None]


def floor_words(floor: Floor | None) -> str:
    """The floor for an alternative text."""
    return "" if floor is None else f", with its floor at {floor.value_text}"


def other_figures(run: RunDirectory) -> list[Picture]:
    """figures/*.png, except those whose curves the page draws itself."""
    paths = [path for path in sorted(run.figures.glob("*.png")) if path.name not in figures.DRAWN_HERE]
    named = [(path, figures.words(path.stem)) for path in paths]
    found = [pictures.embed(path, f"Figure: {words}", words) for path, words in named]
    return [picture for picture in found if picture is not None]


def environment_of(run: RunDirectory) -> list[tuple[str, str]]:
    """environment.json as dotted names and values; nothing when it is missing or damaged."""
    with contextlib.suppress(UserError):
        return [(key, units.plain(value)) for key, value in flatten(run.environment()).items()]
    return []

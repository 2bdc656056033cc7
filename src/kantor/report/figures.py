"""The figures of a run, as functions of the plain columns of metrics.csv.

Each returns a matplotlib Figure, or None where its columns are not there: `svg(figure, name)` for a page,
`png(figure)` for a file, the Figure itself in a notebook.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kantor.atomic import replacing
from kantor.errors import UserError
from kantor.report import measured
from kantor.report.cards import Floor, Score, read_evaluations
from kantor.report.drawing import (
    FLOOR,
    INK,
    MUTED,
    SIZE,
    Column,
    known,
    label_ends,
    log_when_wide,
    new_axes,
    noisy_curve,
    over_images,
    png,
    series_colour,
    series_dash,
    thin,
)
from kantor.runs.directory import RunDirectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = Mapping[str, Column]
X = "images_seen"
ESTIMATE = ("val/w1", "val/critic_w1")
SMOOTHED = 0.02  # share of the curve that one smoothed point averages
LOSSES = ("losses.png", "critic_terms.png", "critic_estimate.png")
DRAWN_HERE = (*LOSSES, *(f"{panel.file}.png" for panel in measured.PANELS))  # a page draws these itself


def columns_with_values(metrics: Metrics, prefix: str) -> list[str]:
    """Names below `prefix` that have at least one point."""
    if X not in metrics:
        return []
    return [name for name in metrics if name.startswith(prefix) and len(known(metrics[X], metrics[name])[1])]


def loss_curves(metrics: Metrics) -> "Figure | None":
    """The losses (`train/…loss`): raw values faint, their moving average on top."""
    names = [name for name in columns_with_values(metrics, "train/") if name.endswith("loss")]
    return noisy_curves(metrics, names, "Losses")


def term_curves(metrics: Metrics) -> "Figure | None":
    """The terms of the losses that training logged: the critic on real and generated data, the penalty, …"""
    names = [name for name in columns_with_values(metrics, "train/") if not name.endswith("loss")]
    names = [name for name in names if name not in measured.COLUMNS]
    return noisy_curves(metrics, names, "Terms of the losses")


def noisy_curves(metrics: Metrics, names: Sequence[str], title: str) -> "Figure | None":
    """Curves of many noisy points, named at their ends."""
    if not names:
        return None
    figure, axes = new_axes(title)
    labels, raws, calms = [], [], []
    for index, name in enumerate(names):
        xs, ys = known(metrics[X], metrics[name])
        calm = noisy_curve(axes, xs, ys, index=index, smoothed=SMOOTHED)
        labels.append((float(calm[-1]), words(name), series_colour(index)))
        raws.append(ys)
        calms.append(calm)
    within(axes, np.concatenate(raws), np.concatenate(calms))
    over_images(axes)
    label_ends(axes, labels)
    return figure


def within(axes: "Axes", raw: np.ndarray, calm: np.ndarray) -> None:
    """Limits that leave out the outermost 0.5% of the raw values, so that one spike does not flatten the rest.

    They widen for the smoothed curves, by half their length at most.
    """
    low, high = np.quantile(raw, [0.005, 0.995])
    reach = 0.5 * (high - low)
    low, high = min(low, max(calm.min(), low - reach)), max(high, min(calm.max(), high + reach))
    margin = 0.08 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)


def words(name: str) -> str:
    """`critic loss` for `train/critic_loss`."""
    return name.split("/", 1)[-1].replace("_", " ")


def draw_floor(axes: "Axes", floor: Floor | None) -> list[tuple[float, str, str]]:
    """The floor as a line, its interval as a band; returns its label for `label_ends`."""
    if floor is None or floor.value is None:
        return []
    if floor.low is not None and floor.high is not None:
        axes.axhspan(floor.low, floor.high, color=FLOOR, alpha=0.25, linewidth=0)
    axes.axhline(floor.value, color=FLOOR, linewidth=1.6, linestyle=(0, (4, 2)))
    return [(floor.value, "floor", MUTED)]


def with_floor(values: np.ndarray, floor: Floor | None) -> np.ndarray:
    """The values and the floor, for what the y axis must show."""
    return values if floor is None or floor.value is None else np.append(values, floor.value)


def score_curves(metrics: Metrics, name: str, floor: Floor | None = None) -> "Figure | None":
    """A score while training.

    Args:
        metrics: the columns.
        name: of the score; its column is `val/NAME`.
        floor: from the card, drawn as a line with a band.
    """
    if f"val/{name}" not in columns_with_values(metrics, "val/"):
        return None
    return run_curves([(words(name), metrics[X], metrics[f"val/{name}"])], words(name), floor, labelled=False)


def critic_estimate(metrics: Metrics, floor: Floor | None = None) -> "Figure | None":
    """The critic's own estimate of W1 against the exact W1 while training, with the floor of the exact one."""
    present = columns_with_values(metrics, "val/")
    if not all(name in present for name in ESTIMATE):
        return None
    labels = ("exact W1", "critic's estimate")
    curves = [(label, metrics[X], metrics[name]) for label, name in zip(labels, ESTIMATE, strict=True)]
    return run_curves(curves, "Wasserstein-1: exact, and as the critic sees it", floor)


def run_curves(
    curves: Sequence[tuple[str, Column, Column]], title: str, floor: Floor | None = None, *, labelled: bool = True
) -> "Figure":
    """Curves of few points each with a label, an x column and a y column (of several runs, or of one)."""
    figure, axes = new_axes(title)
    labels, every = [], []
    for index, (label, x_column, y_column) in enumerate(curves):
        xs, ys = known(x_column, y_column)
        if not len(ys):
            continue
        colour = series_colour(index)
        marker = "o" if len(ys) <= 40 else None
        axes.plot(*thin(xs, ys), color=colour, linewidth=2.2, linestyle=series_dash(index), marker=marker, markersize=4)
        labels.append((float(ys[-1]), label, colour))
        every.append(ys)
    if every:
        log_when_wide(axes, with_floor(np.concatenate(every), floor).tolist())
    floor_label = draw_floor(axes, floor)
    over_images(axes)
    label_ends(axes, [*(labels if labelled else []), *floor_label])
    return figure


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


def floors_of(run: RunDirectory) -> dict[str, Floor]:
    """The floors on the run's card by score name; of several evaluations the last that has one."""
    try:
        evaluations = read_evaluations(run.card()) if run.card_json.is_file() else []
    except UserError:  # a damaged card is reported where it is the subject
        return {}
    return {name: score.floor for one in evaluations for name, score in one.scores.items() if score.floor is not None}


def write_figures(run: RunDirectory) -> None:
    """Write figures/*.png, each only where metrics.csv has its columns."""
    metrics, floors = run.metrics(), floors_of(run)
    losses = (loss_curves(metrics), term_curves(metrics), critic_estimate(metrics, floors.get("w1")))
    panels = [(f"{panel.file}.png", figure) for panel, figure in measured.panels_of(metrics)]
    for name, figure in [*zip(LOSSES, losses, strict=True), *panels]:
        if figure is not None:
            with replacing(run.figures / name) as temporary:
                temporary.write_bytes(png(figure))

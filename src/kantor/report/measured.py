"""The figures of what was measured beside the losses: D(x) and D(G(z)), gradients, the critic's slope, spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kantor.report.drawing import (
    FLOOR,
    MUTED,
    Column,
    known,
    label_ends,
    log_when_wide,
    new_axes,
    noisy_curve,
    over_images,
    series_colour,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

X = "images_seen"
SMOOTHED = 0.03  # share of a curve that one smoothed point averages


@dataclass(frozen=True)
class Panel:
    """Curves of one figure.

    Attributes:
        file: its name below figures/, without `.png`.
        title: on top.
        curves: labels by column.
        mark: a value to hold the curves against, and its label; None for none.
        limits: of the y axis; None takes them from the curves, in powers of ten where they need it.
    """

    file: str
    title: str
    curves: Mapping[str, str]
    mark: tuple[float, str] | None = None
    limits: tuple[float, float] | None = None


PANELS = (
    Panel(
        "probabilities",
        "How real the discriminator finds samples",
        {"train/d_real": "D(x)", "train/d_fake": "D(G(z))"},
        mark=(0.5, "½"),
        limits=(0, 1),
    ),
    Panel("accuracy", "Discriminator's accuracy", {"train/discriminator_accuracy": "accuracy"}, (0.5, "½"), (0, 1)),
    Panel(
        "gradients",
        "Gradient norms",
        {
            "train/generator_gradient": "generator",
            "train/critic_gradient": "critic",
            "train/discriminator_gradient": "discriminator",
        },
    ),
    Panel("slope", "Slope of the critic between real and generated", {"train/critic_slope": "slope"}, (1.0, "1")),
    Panel("clipped", "Share of the critic's weights at the clip", {"train/clipped_share": "clipped"}, None, (0, 1)),
    Panel(
        "spread",
        "Generated samples against real ones",
        {"train/spread": "distances", "train/nearest_sample": "nearest", "train/coverage": "coverage"},
        mark=(1.0, "real"),
    ),
)
COLUMNS = frozenset(column for panel in PANELS for column in panel.curves)
"""What these figures draw, and others need not."""


def draw_panel(panel: Panel, metrics: Mapping[str, Column]) -> "Figure | None":
    """Raw values faint, their moving average on top, over real images seen; None where no column has a value."""
    curves = [(label, *known(metrics[X], metrics[name])) for name, label in panel.curves.items() if name in metrics]
    curves = [curve for curve in curves if len(curve[2])]
    if not curves:
        return None
    figure, axes = new_axes(panel.title)
    labels = []
    for index, (label, xs, ys) in enumerate(curves):
        calm = noisy_curve(axes, xs, ys, index=index, smoothed=SMOOTHED)
        labels.append((float(calm[-1]), label, series_colour(index)))
    if panel.limits is not None:
        low, high = panel.limits
        axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    else:
        log_when_wide(axes, np.concatenate([ys for _, _, ys in curves]).tolist())
    if panel.mark is not None:
        value, words = panel.mark
        axes.axhline(value, color=FLOOR, linewidth=1.6, linestyle=(0, (4, 2)), zorder=1)
        labels.append((value, words, MUTED))
    over_images(axes)
    label_ends(axes, labels)
    return figure


def panels_of(metrics: Mapping[str, Column]) -> "list[tuple[Panel, Figure]]":
    """Those that have something to draw."""
    drawn = [(panel, draw_panel(panel, metrics)) for panel in PANELS]
    return [(panel, figure) for panel, figure in drawn if figure is not None]

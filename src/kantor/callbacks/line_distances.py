"""The lecture's figure of the parallel lines: four distances measured over theta, and what a loss makes of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kantor import keyed
from kantor.callbacks.pictures import Picture
from kantor.data.module import PointData
from kantor.data.points import Line
from kantor.errors import require_at_least
from kantor.metrics.divergences import common_histograms, jensen_shannon, kl, total_variation
from kantor.metrics.transport import wasserstein
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDistanceEstimate
from kantor.nets.shift import Shift
from kantor.runs.shapes import Shape, Unlike, anything, listed, maybe, record, text

BINS = 32
THETAS = np.linspace(-1, 1, 41)
COLOURS = {"W1": "#0072b2", "TV": "#d55e00", "JS": "#009e73", "KL": "#cc79a7"}  # Okabe & Ito: safe for the colour-blind
TRUTHS = {"W1": "W1 = |theta|", "TV": "TV = 1", "JS": "JS = log 2", "KL": "KL = ∞ but at 0"}


def measured_distances(points: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """W1 (exact transport), TV, JS and KL (histograms; nats) between segments at 0 and at each of `THETAS`.

    Args:
        points: how many stratified points each segment is measured by.
        rng: where they come from.
    """
    real = Line(0.0).sample(points, rng, stratified=True)
    distances: dict[str, list[float]] = {name: [] for name in COLOURS}
    for theta in THETAS:
        shifted = Line(float(round(theta, 12))).sample(points, rng, stratified=True)
        p, q = common_histograms(real, shifted, bins=BINS)
        distances["W1"].append(wasserstein(real, shifted, order=1))
        distances["TV"].append(total_variation(p, q))
        distances["JS"].append(jensen_shannon(p, q))
        distances["KL"].append(kl(p, q))
    return {name: np.array(values) for name, values in distances.items()}


def _path(value: object, place: str) -> None:
    """The shape of a list of pairs, of a step and a number."""
    listed(anything)(value, place)
    assert isinstance(value, list)
    for index, pair in enumerate(value):
        if not isinstance(pair, tuple) or list(map(type, pair)) != [int, float]:
            raise Unlike(f"{place}[{index}]", "a step and a number")


@dataclass(eq=False, kw_only=True)
class LineDistances(Picture):
    """Drawn at the end of training: the measured distances, the path of theta, and what the model's loss said of the
    distance, when it estimates one.

    Attributes:
        points: of each segment, for the measured distances.

    Raises:
        UserError: there are too few points.
    """

    points: int

    kept: ClassVar[Shape] = record({"seen": _path, "estimates": _path, "estimated": maybe(text)})
    """The shape of its state in a checkpoint."""

    name = "line_distances"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(BINS, points=self.points)
        self.seen: list[tuple[int, float]] = []  # step and theta
        self.estimates: list[tuple[int, float]] = []  # step and value
        self.estimated: str | None = None

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs segments, and a network that has only a place for them."""
        data = self.scene.data
        if not isinstance(data, PointData) or not isinstance(data.distribution, Line):
            return f"a segment is expected, data={data.name} is none; take pictures=points"
        if not any(isinstance(network, Shift) for network in model.networks().values()):
            return "a kantor.nets.shift.Shift among the networks is expected, there is none; take pictures=points"
        return None

    def draw(self, model: GenerativeModel) -> None:
        """Take note of theta and of the estimate, once at each step."""
        if self.seen and self.seen[-1][0] == model.steps:
            return
        shift = next(network for network in model.networks().values() if isinstance(network, Shift))
        self.seen.append((model.steps, float(shift.theta)))
        estimate = model.distance_estimate() if isinstance(model, HasDistanceEstimate) else None
        if estimate is not None:
            self.estimated = estimate.name
            self.estimates.append((model.steps, estimate.value))

    def finish(self, model: GenerativeModel) -> Figure:
        """The figure."""
        panels = 2 if self.estimated is None else 3
        figure = Figure(figsize=(17 / 3 * panels, 5), dpi=100, layout="constrained")
        distances, path, *others = figure.subplots(1, panels)
        rng = keyed.generator(self.scene.seed, "picture real")
        _draw_distances(distances, measured_distances(self.points, rng))
        _draw_path(path, self.seen)
        for axes in others:
            self._draw_estimate(axes)
        equal_heights([distances, *others])
        for axes in (path, *others):
            axes.set_xlim(self.seen[0][0], max(1, self.seen[-1][0]))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return figure

    def _draw_estimate(self, axes: Axes) -> None:
        """The estimate beside the truth for the theta of the moment."""
        assert self.estimated is not None
        steps, values = zip(*self.estimates, strict=True)
        thetas = dict(self.seen)
        truth = [{"W1": abs(thetas[step]), "JS": math.log(2)}[self.estimated] for step in steps]
        axes.plot(steps, truth, color="black", lw=3, alpha=0.35, label=TRUTHS[self.estimated])
        axes.plot(steps, values, color=COLOURS[self.estimated], lw=2, label="estimate")
        axes.set_ylim(min(0.0, *values) - 0.05, 1.05 * max(*truth, *values))
        axes.set_xlabel("steps", fontsize=14)
        axes.set_title(f"the loss estimates {self.estimated}", fontsize=16)
        axes.legend(fontsize=13)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"seen": list(self.seen), "estimates": list(self.estimates), "estimated": self.estimated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.seen, self.estimates = list(state_dict["seen"]), list(state_dict["estimates"])
        self.estimated = state_dict["estimated"]


def equal_heights(panels: Sequence[Axes]) -> None:
    """Give panels that show the same quantity the same range of it."""
    low, high = zip(*(axes.get_ylim() for axes in panels), strict=True)
    for axes in panels:
        axes.set_ylim(min(low), max(high))


def _draw_distances(axes: Axes, measured: dict[str, np.ndarray]) -> None:
    finite = measured["KL"] < math.inf
    top = 1.28
    for name in ("W1", "TV", "JS"):
        axes.plot(THETAS, measured[name], "o-", ms=4, lw=2, color=COLOURS[name])
    axes.plot(THETAS[finite], measured["KL"][finite], "o", ms=7, color=COLOURS["KL"])
    axes.plot(THETAS[~finite], np.full((~finite).sum(), top), "^", ms=6, color=COLOURS["KL"])
    labels = {"W1": (0.36, 0.2), "TV": (0.3, 1.04), "JS": (0.1, math.log(2) + 0.03), "KL": (0.3, top - 0.1)}
    for name, (x, y) in labels.items():
        axes.text(x, y, TRUTHS[name], color=COLOURS[name], fontsize=13, ha="left", fontweight="bold")
    axes.set_ylim(-0.05, top + 0.06)
    axes.set_xlabel("theta", fontsize=14)
    axes.set_title("measured between two segments", fontsize=16)


def _draw_path(axes: Axes, seen: list[tuple[int, float]]) -> None:
    axes.axhline(0, color="black", lw=3, alpha=0.35)
    steps, thetas = zip(*seen, strict=True)
    axes.plot(steps, thetas, color=COLOURS["W1"], lw=2.5)
    reach = max(0.6, 1.1 * max(abs(theta) for theta in thetas))
    axes.set_ylim(-reach, reach)
    axes.text(steps[0], 0.02 * reach, "the truth", fontsize=13, va="bottom")
    axes.set_xlabel("steps", fontsize=14)
    axes.set_title("theta while training", fontsize=16)

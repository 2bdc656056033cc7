"""The lecture's figure of the parallel lines: four distances measured over theta, and what a loss makes of them."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import Picture
from kantor.data.module import BlockData, PointData
from kantor.data.points import Line
from kantor.errors import UserError, require_at_least
from kantor.metrics.divergences import common_histograms, jensen_shannon, kl, total_variation
from kantor.metrics.transport import wasserstein
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasPotential
from kantor.nets.shift import Shift
from kantor.runs.directory import RunDirectory

BINS = 32
THETAS = np.linspace(-1, 1, 41)
COLOURS = {"W1": "#0072b2", "TV": "#d55e00", "JS": "#009e73", "KL": "#cc79a7"}  # Okabe & Ito: safe for the colour-blind


def measured_distances(points: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """W1 (exact transport), TV, JS and KL (histograms; nats) between segments at 0 and at each of `THETAS`.

    Args:
        points: how many stratified points each segment is measured by.
        rng: where they come from.
    """
    real = Line(0.0).sample(points, rng, stratified=True)
    found: dict[str, list[float]] = {name: [] for name in COLOURS}
    for theta in THETAS:
        shifted = Line(float(round(theta, 12))).sample(points, rng, stratified=True)
        p, q = common_histograms(real, shifted, bins=BINS)
        found["W1"].append(wasserstein(real, shifted, order=1))
        found["TV"].append(total_variation(p, q))
        found["JS"].append(jensen_shannon(p, q))
        found["KL"].append(kl(p, q))
    return {name: np.array(values) for name, values in found.items()}


class LineDistances(Picture):
    """Writes figures/line_distances.png at the end of training.

    Args:
        directory: whose figures/ is written.
        data: a `Line`.
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between the points of the curves.
        points: of each segment, for the measured distances.

    Raises:
        UserError: the data are no line, or (when drawing) the generator is no shift.
    """

    def __init__(
        self, *, directory: RunDirectory, data: BlockData, clock: Clock, seed: int, every: int, points: int
    ) -> None:
        super().__init__(directory=directory, clock=clock, seed=seed, every=every)
        require_at_least(BINS, points=points)
        if not isinstance(data, PointData) or not isinstance(data.distribution, Line):
            raise UserError(f"it draws segments, data={data.name} is none; take pictures=points")
        self.points = points
        self._steps: list[int] = []
        self._thetas: list[float] = []
        self._critic_losses: list[float] = []

    def draw(self, model: GenerativeModel) -> None:
        """Take note of theta and of the critic's loss."""
        generator = model.networks().get("generator")
        if not isinstance(generator, Shift):
            raise UserError(
                "line_distances: it follows kantor.nets.shift.Shift, the generator is another; take pictures=points"
            )
        self._steps.append(model.steps)
        self._thetas.append(float(generator.theta.detach()))
        self._critic_losses.append(float(model.values["train/critic_loss"]) if model.values else math.nan)

    def finish(self, model: GenerativeModel) -> None:
        """The figure."""
        rng = keyed.generator(self.seed, "picture real")
        figure = Figure(figsize=(17, 5), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        distances, path, estimate = figure.subplots(1, 3)
        _draw_distances(distances, measured_distances(self.points, rng))
        _draw_path(path, self._steps, self._thetas)
        self._draw_estimate(estimate, model)
        with replacing(self.directory.figures / "line_distances.png") as temporary:
            figure.savefig(temporary, format="png")

    def _draw_estimate(self, axes: Axes, model: GenerativeModel) -> None:
        """What the second network says of the distance, beside the truth for the theta of the moment."""
        steps, losses, thetas = self._steps[1:], np.array(self._critic_losses[1:]), np.array(self._thetas[1:])
        if isinstance(model, HasPotential) and model.potential is not None:
            axes.plot(steps, np.abs(thetas), color="black", lw=3, alpha=0.35, label="W1 = |theta|")
            axes.plot(steps, -losses, color=COLOURS["W1"], lw=2, label="minus the critic's loss")
            axes.set_title("the critic follows W1", fontsize=16)
        else:
            axes.axhline(math.log(2), color="black", lw=3, alpha=0.35, label="JS = log 2")
            axes.plot(steps, (2 * math.log(2) - losses) / 2, color=COLOURS["JS"], lw=2, label="(value + 2 log 2) / 2")
            axes.set_ylim(top=0.85)
            axes.set_title("the discriminator's value gives JS", fontsize=16)
        axes.set_xlabel("steps", fontsize=14)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.legend(fontsize=13)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"steps": self._steps, "thetas": self._thetas, "critic_losses": self._critic_losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._steps, self._thetas = list(state_dict["steps"]), list(state_dict["thetas"])
        self._critic_losses = list(state_dict["critic_losses"])


def _draw_distances(axes: Axes, found: dict[str, np.ndarray]) -> None:
    finite = found["KL"] < math.inf
    top = 1.28
    for name in ("W1", "TV", "JS"):
        axes.plot(THETAS, found[name], "o-", ms=4, lw=2, color=COLOURS[name])
    axes.plot(THETAS[finite], found["KL"][finite], "o", ms=7, color=COLOURS["KL"])
    axes.plot(THETAS[~finite], np.full((~finite).sum(), top), "^", ms=6, color=COLOURS["KL"])
    labels = {"W1": (0.36, 0.2), "TV": (0.3, 1.04), "JS": (0.1, math.log(2) + 0.03), "KL": (0.3, top - 0.1)}
    words = {"W1": "W1 = |theta|", "TV": "TV = 1", "JS": "JS = log 2", "KL": "KL = ∞ but at 0"}
    for name, (x, y) in labels.items():
        axes.text(x, y, words[name], color=COLOURS[name], fontsize=13, ha="left", fontweight="bold")
    axes.set_ylim(-0.05, top + 0.06)
    axes.set_xlabel("theta", fontsize=14)
    axes.set_title("measured between two segments", fontsize=16)


def _draw_path(axes: Axes, steps: list[int], thetas: list[float]) -> None:
    axes.axhline(0, color="black", lw=3, alpha=0.35)
    axes.plot(steps, thetas, color=COLOURS["W1"], lw=2.5)
    reach = max(0.6, 1.1 * max(abs(theta) for theta in thetas))
    axes.set_ylim(-reach, reach)
    axes.text(steps[0], 0.02 * reach, "the truth", fontsize=13, va="bottom")
    axes.set_xlabel("steps", fontsize=14)
    axes.set_title("theta while training", fontsize=16)

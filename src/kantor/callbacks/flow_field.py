"""The flow that carries noise to data, in the plane: its field at some levels, and the paths that samples take.

In y = x_t/(α + σ) and u = σ/(α + σ) every Gaussian path is the linear flow dy/du = ε̂ - D, so that all models are seen
in the same units: noise at u = 1, data at u = 0, and arrows along -dy/du.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from kantor.callbacks.denoising import DenoisingPicture
from kantor.data.module import PointData
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasDenoiser
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels, at_samples
from kantor.noising.path import Path
from kantor.report.palette import GENERATED
from kantor.samplers.base import DenoisingSampler
from kantor.samplers.watched import Moment

SHOWN = (0.85, 0.6, 0.35, 0.12)
"""Levels u at which the field is drawn."""

ARROWS = 21
"""Along each axis."""

FIRST_CLASS = 0
"""There is a field for each class, and one for none only where labels were withheld in training."""

SPEED = matplotlib.colormaps["Purples"]
DIRECTIONS = matplotlib.colormaps["hsv"]


@dataclass(eq=False, kw_only=True)
class FlowField(DenoisingPicture):
    """Paths of samples on the left, each in the colour of the direction in which it ends; the field on the right: of a
    conditional model that towards its first class, and where samples of that class are.

    Attributes:
        flow: a sampler without noise, which draws the paths whatever the run's sampler is: those of a walk with noise
            would show the noise; of a chain that is shorter it takes all steps.
    """

    flow: DenoisingSampler

    name = "flow_field"

    def refusal(self, model: GenerativeModel) -> str | None:
        """It needs a plane."""
        data = self.scene.data
        if not isinstance(data, PointData):
            return f"{PointData.content} are expected, data={data.name} are {data.content}"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        assert isinstance(model, HasDenoiser)
        assert self.extent is not None
        steps = self.flow.steps if model.path.steps is None else min(self.flow.steps, model.path.steps)
        samples, moments = self.drawn(model, replace(self.flow, steps=steps))
        shown, towards, told = moments, "", self.scene.labels(model, self.n)
        if told is not None:
            mine, towards = told == FIRST_CLASS, f" of class {FIRST_CLASS}"
            shown = [one._replace(x=one.x[mine]) for one in moments]
        networks = model.weights(self.scene.sampling.weights)
        figure = Figure(figsize=(13.2, 6.9), dpi=100, layout="constrained")
        grid = figure.add_gridspec(1, 2)
        wide, narrow = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        draw_paths(wide.subplots(), moments, samples, self.extent)
        with evaluating(networks):
            labels = None if told is None else torch.full((ARROWS**2,), FIRST_CLASS, device=model.device)
            denoiser = model.denoiser_of(networks, labels)
            for u, axes in zip(SHOWN, narrow.subplots(2, 2, sharex=True, sharey=True).flat, strict=True):
                draw_field(axes, denoiser, model.path, u, model.device, self.extent)
                axes.set_title(f"the field{towards} where {u:.0%} is noise", fontsize=13)
                behind(axes, shown, u)
        figure.suptitle(f"the flow from noise to data ({self.scene.caption(model)})", fontsize=17)
        return figure


def scaled(x: Tensor, level: Levels) -> Tensor:
    """y = x_t/(α + σ)."""
    return x / at_samples(level.alpha + level.sigma, x)


def draw_paths(axes: Axes, moments: Sequence[Moment], samples: Tensor, extent: float) -> None:
    """y from noise to data, (n, 2) at each moment."""
    walked = torch.stack([*(scaled(one.x, one.level) for one in moments), samples], 1).cpu().numpy()  # (n, moments, 2)
    begins, ends = walked[:, 0], walked[:, -1]
    colours = DIRECTIONS((np.arctan2(ends[:, 1], ends[:, 0]) / (2 * np.pi)) % 1)
    axes.add_collection(LineCollection(list(walked), colors=colours, linewidths=0.9, alpha=0.45))
    axes.scatter(begins[:, 0], begins[:, 1], s=7, color="#999999", label="noise", linewidths=0, zorder=2)
    axes.scatter(ends[:, 0], ends[:, 1], s=13, color="black", label="sample", linewidths=0, zorder=3)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
    axes.set_title("paths of samples", fontsize=15)
    axes.tick_params(labelsize=11)
    axes.legend(loc="upper right", fontsize=12, framealpha=0.9, markerscale=1.6)


def field(denoiser: Denoiser, path: Path, y: Tensor, u: float) -> Tensor:
    """-dy/du = D - ε̂ at points y (n, 2), (n, 2)."""
    wanted = torch.tensor(u, dtype=torch.float64)
    level = path.at(path.time(Levels(1 - wanted, wanted)))
    x = y * at_samples(level.alpha + level.sigma, y)
    data = denoiser(x, level)
    return data - (x - at_samples(level.alpha, x) * data) / at_samples(level.sigma, x)


def draw_field(axes: Axes, denoiser: Denoiser, path: Path, u: float, device: torch.device, extent: float) -> None:
    """Arrows of one length, the darker the faster."""
    ticks = torch.linspace(-0.95 * extent, 0.95 * extent, ARROWS, device=device)
    y = torch.cartesian_prod(ticks, ticks)
    arrows = field(denoiser, path, y, u)
    length = arrows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    places, towards, speed = (tensor.cpu().numpy() for tensor in (y, arrows / length, length[:, 0]))
    shade = 0.25 + 0.75 * speed / speed.max()
    axes.quiver(*places.T, *towards.T, color=SPEED(shade), scale=1.15 * ARROWS, width=0.006, pivot="mid", zorder=2)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")


def behind(axes: Axes, moments: Sequence[Moment], u: float) -> None:
    """Where the samples are at the moment nearest to a level."""
    nearest = min(moments, key=lambda one: abs(float(one.level.u) - u))
    points = scaled(nearest.x, nearest.level).cpu().numpy()
    axes.scatter(points[:, 0], points[:, 1], s=5, color=GENERATED, alpha=0.5, linewidths=0, zorder=1)

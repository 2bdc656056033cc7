"""The lecture's picture of a point model: contours of the critic, real '+' in orange, generated 'x' in green."""

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kantor import keyed
from kantor.atomic import replacing
from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import Picture, step_name, write_gif
from kantor.data.module import BlockData, PointData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasSurface
from kantor.models.sampling import Sampling
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct

GRID = 128
"""Points of the critic's surface along each axis, as in the lecture."""


class Contours(Picture):
    """Writes samples/step_NNNNNNNN.png by step, and samples/samples.gif at the end.

    Args:
        directory: whose samples/ is written.
        data: the real points.
        clock: stands still meanwhile.
        seed: the run's seed; the points shown are the same at every step.
        every: steps between pictures.
        points: how many real and how many generated points are shown.
        extent: the picture shows [-extent, extent]².
    """

    def __init__(
        self,
        *,
        directory: RunDirectory,
        data: BlockData,
        clock: Clock,
        seed: int,
        every: int,
        points: int,
        extent: float,
    ) -> None:
        super().__init__(directory=directory, clock=clock, seed=seed, every=every)
        require_positive(points=points, extent=extent)
        self.distribution = PointData.require(data, purpose="it draws", remedy="pictures=images").distribution
        self.points, self.extent = points, extent

    def draw(self, model: GenerativeModel) -> None:
        """One picture of the model as it is now."""
        rng = keyed.Rng(keyed.seed(self.seed, "picture"), device=model.device)
        generated = Sampling(model.default_weights, Direct())(model, self.points, rng=rng).cpu().numpy()
        philox = np.random.Philox(key=keyed.seed(self.seed, "picture real"))
        real = self.distribution.sample(self.points, np.random.Generator(philox))
        assert isinstance(model, HasSurface)
        heights = surface(model.surface, self.extent, model.device)
        figure = contour_figure(real, generated, heights, self.extent, model.steps, model.surface_name)
        with replacing(self.directory.samples / step_name(model.steps)) as temporary:
            figure.savefig(temporary, format="png")

    def finish(self, model: GenerativeModel) -> None:
        """The animation of all pictures."""
        frames = sorted(self.directory.samples.glob("step_*.png"))
        write_gif(frames, self.directory.samples / "samples.gif")


@torch.no_grad()
def surface(critic: Callable[[torch.Tensor], torch.Tensor], extent: float, device: torch.device) -> np.ndarray:
    """The critic on a GRID × GRID grid over [-extent, extent]²; [row, column] is [y, x]."""
    ticks = torch.linspace(-extent, extent, GRID, device=device)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    values = critic(torch.stack([x.flatten(), y.flatten()], dim=1))  # (GRID², )
    return values.reshape(GRID, GRID).float().cpu().numpy()


def contour_figure(
    real: np.ndarray, generated: np.ndarray, heights: np.ndarray, extent: float, step: int, critic_name: str
) -> Figure:
    """The picture: contours of `heights`, real and generated points on top."""
    figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ticks = np.linspace(-extent, extent, GRID)
    if heights.max() > heights.min():
        axes.contourf(ticks, ticks, heights, levels=24, cmap="Purples", alpha=0.55)
        axes.contour(ticks, ticks, heights, levels=12, colors="#6a5d99", linewidths=0.6, alpha=0.8)
    axes.scatter(real[:, 0], real[:, 1], marker="+", s=42, linewidths=1.3, color="#e8730c", label="real")
    axes.scatter(generated[:, 0], generated[:, 1], marker="x", s=26, linewidths=1.3, color="#0b7a3b", label="generated")
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
    axes.set_title(f"step {step:,}", fontsize=16)
    axes.tick_params(labelsize=11)
    legend = axes.legend(loc="upper right", fontsize=12, framealpha=0.9, markerscale=1.4)
    legend.set_title(f"on the {critic_name}'s surface")
    return figure

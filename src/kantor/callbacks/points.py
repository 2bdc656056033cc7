"""The lecture's picture of a point model: real '+' in orange, generated 'x' in green, on what the model holds of the
plane.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kantor import keyed
from kantor.callbacks.pictures import Series
from kantor.data.module import PointData
from kantor.errors import require_positive
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasSurface

GRID = 128
"""Points of a surface along each axis, as in the lecture."""


@dataclass(eq=False, kw_only=True)
class Points(Series):
    """Real and generated points, the same real ones and the same noise each time, with the contours of the model's
    surface below them when it has one.

    Attributes:
        n: how many of either kind.
        extent: the picture shows [-extent, extent]².

    Raises:
        UserError: a size is not positive.
    """

    n: int
    extent: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(n=self.n, extent=self.extent)

    def refusal(self, model: GenerativeModel) -> str | None:
        """Images are no points."""
        data = self.scene.data
        if isinstance(data, PointData):
            return None
        return f"{PointData.content} are expected, data={data.name} are {data.content}; take pictures=images"

    def draw(self, model: GenerativeModel) -> Figure:
        """One picture of the model as it is now."""
        assert isinstance(self.scene.data, PointData)
        generated = self.scene.samples(model, self.n).cpu().numpy()
        real = self.scene.data.distribution.sample(self.n, keyed.generator(self.scene.seed, "picture real"))
        figure = Figure(figsize=(6, 6), dpi=100, layout="constrained")
        axes = figure.subplots()
        named = model.surface_name if isinstance(model, HasSurface) else None
        if isinstance(model, HasSurface) and named is not None:
            draw_surface(axes, heights(model.surface, self.extent, model.device), self.extent)
        axes.scatter(real[:, 0], real[:, 1], marker="+", s=42, linewidths=1.3, color="#e8730c", label="real")
        axes.scatter(
            generated[:, 0], generated[:, 1], marker="x", s=26, linewidths=1.3, color="#0b7a3b", label="generated"
        )
        axes.set(xlim=(-self.extent, self.extent), ylim=(-self.extent, self.extent), aspect="equal")
        axes.set_title(self.scene.caption(model), fontsize=16)
        axes.tick_params(labelsize=11)
        legend = axes.legend(loc="upper right", fontsize=12, framealpha=0.9, markerscale=1.4)
        if named is not None:
            legend.set_title(f"on the {named}'s surface")
        return figure


def heights(surface: Callable[[Tensor], Tensor], extent: float, device: torch.device) -> np.ndarray:
    """A surface (n, 2) → (n,) on a GRID × GRID grid over [-extent, extent]²; [row, column] is [y, x]."""
    ticks = torch.linspace(-extent, extent, GRID, device=device)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    values = surface(torch.stack([x.flatten(), y.flatten()], dim=1))  # (GRID², )
    return values.reshape(GRID, GRID).float().cpu().numpy()


def draw_surface(axes: Axes, z: np.ndarray, extent: float) -> None:
    """Contours of `heights`; a surface that is the same everywhere has none."""
    if z.max() > z.min():
        ticks = np.linspace(-extent, extent, GRID)
        axes.contourf(ticks, ticks, z, levels=24, cmap="Purples", alpha=0.55)
        axes.contour(ticks, ticks, z, levels=12, colors="#6a5d99", linewidths=0.6, alpha=0.8)

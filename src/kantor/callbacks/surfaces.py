"""The surface of a model over the plane: its heights on a grid, and their contours, in colours that a bar explains."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from kantor.runs.shapes import LARGEST

GRID = 128
"""Points of a surface along each axis, as in the lecture."""

LEVELS = 24
"""About so many are told apart by colour, with a line between each two."""

TAIL = 0.02
"""The share of heights at either end that have the colour of the last level."""


def heights(surface: Callable[[Tensor], Tensor], extent: float, device: torch.device) -> np.ndarray:
    """A surface (n, 2) → (n,) on a GRID × GRID grid over [-extent, extent]²; float32, [row, column] is [y, x]."""
    return surface(places(extent, device)).reshape(GRID, GRID).float().cpu().numpy()


def places(extent: float, device: torch.device) -> Tensor:
    """A GRID × GRID grid over [-extent, extent]², row by row from below, (GRID², 2)."""
    ticks = torch.linspace(-extent, extent, GRID, device=device)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def can_be_drawn(z: np.ndarray) -> bool:
    """Whether heights are numbers that differences can be taken of, and there are any."""
    return bool(z.size and (np.abs(z.astype(np.float64)) < LARGEST).all())


def levels(surfaces: Sequence[np.ndarray]) -> np.ndarray | None:
    """Round numbers that span the heights of some surfaces together, so that a colour means the same in each picture;
    None where all are the same everywhere, or some cannot be drawn."""
    together = np.stack(surfaces)
    if not can_be_drawn(together) or together.max() == together.min():
        return None
    low, high = np.quantile(together, [TAIL, 1 - TAIL])
    if low == high:
        low, high = together.min(), together.max()
    return np.asarray(MaxNLocator(nbins=LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))


def draw(axes: Axes, bar: Axes, z: np.ndarray, extent: float, spanned: np.ndarray, words: str) -> None:
    """Contours of `heights` at some levels, and a bar that says which colour is which.

    Args:
        axes: where.
        bar: where the bar is.
        z: (GRID, GRID).
        extent: as of the heights.
        spanned: the levels.
        words: what the heights are, beside the bar.
    """
    ticks = np.linspace(-extent, extent, GRID)
    filled = axes.contourf(ticks, ticks, z, levels=spanned, cmap="Purples", alpha=0.55, extend="both")
    lines = [level for level in spanned if z.min() < level < z.max()]
    if lines:
        axes.contour(ticks, ticks, z, levels=lines, colors="#6a5d99", linewidths=0.6, alpha=0.8, linestyles="solid")
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(filled, cax=bar).set_label(words, fontsize=12)
    bar.tick_params(labelsize=11)

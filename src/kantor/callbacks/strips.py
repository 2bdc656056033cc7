"""Strips: the same samples in several states, from left to right; pictures as they are, points as clouds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kantor.callbacks.pictures import Drawing
from kantor.data import pixels
from kantor.noising.levels import Levels, at_samples
from kantor.noising.path import Path
from kantor.report.palette import GENERATED
from kantor.samples import sheets

PANEL, TOP, SIDE = 1.7, 0.62, 0.34
"""Inches: of a cloud, the words above, the words beside."""

GUESSED = "#6a5d99"


@dataclass(frozen=True)
class Strip:
    """One row of states.

    Attributes:
        words: what they are.
        states: of each column (n, …), in [-1, 1] or data units.
        colour: of points.
    """

    words: str
    states: Sequence[Tensor]
    colour: str = GENERATED


def draw(strips: Sequence[Strip], headings: Sequence[str], words: str, *, extent: float | None) -> Drawing:
    """Strips one below the other.

    Args:
        strips: of as many states.
        headings: above each state.
        words: above all.
        extent: a cloud is seen in [-extent, extent]²; None for pictures.
    """
    return _sheet(strips, headings, words) if extent is None else _clouds(strips, headings, words, extent)


def _sheet(strips: Sequence[Strip], headings: Sequence[str], words: str) -> Drawing:
    blocks = []
    for strip in strips:
        rows = pixels.to_uint8(torch.stack(list(strip.states), 1).flatten(0, 1))  # (n·columns, C, H, W)
        block = sheets.headed(sheets.tile(rows, len(headings)), headings)
        blocks.append(sheets.titled(block, strip.words))
    return sheets.beside([sheets.titled(sheets.under(blocks), words)])


def _clouds(strips: Sequence[Strip], headings: Sequence[str], words: str, extent: float) -> Drawing:
    width, height = PANEL * len(headings) + SIDE, PANEL * len(strips) + TOP
    figure = Figure(figsize=(width, height), dpi=100)
    left, high = SIDE / width, 1 - TOP / height
    grid = figure.subplots(
        len(strips),
        len(headings),
        squeeze=False,
        gridspec_kw={"left": left, "right": 0.997, "top": high, "bottom": 0.006, "wspace": 0.03, "hspace": 0.03},
    )
    for row, strip in zip(grid, strips, strict=True):
        for axes, state in zip(row, strip.states, strict=True):
            cloud(axes, state, strip.colour, extent)
        row[0].set_ylabel(strip.words, fontsize=12)
    for axes, heading in zip(grid[0], headings, strict=True):
        axes.set_title(heading, fontsize=12)
    figure.suptitle(words, fontsize=14, x=left, ha="left")
    return figure


def frame(strips: Sequence[Strip], place: int, words: str, *, extent: float | None) -> Drawing:
    """One state of each strip, side by side.

    Args:
        strips: of as many states.
        place: which state.
        words: above both.
        extent: as in `draw`.
    """
    if extent is None:
        side = math.ceil(math.sqrt(len(strips[0].states[place])))
        tiles = [sheets.tile(pixels.to_uint8(strip.states[place]), side) for strip in strips]
        halves = [sheets.titled(tile, strip.words) for tile, strip in zip(tiles, strips, strict=True)]
        return sheets.beside([sheets.titled(sheets.beside(halves, gap=2 * sheets.MARGIN), words)])
    figure = Figure(figsize=(3.6 * len(strips), 4.2), dpi=100, layout="constrained")
    for axes, strip in zip(figure.subplots(1, len(strips)), strips, strict=True):
        cloud(axes, strip.states[place], strip.colour, extent)
        axes.set_title(strip.words, fontsize=13)
    figure.suptitle(words, fontsize=14)
    return figure


def cloud(axes: Axes, points: Tensor, colour: str, extent: float) -> None:
    """Points (n, 2), without ticks."""
    x, y = points.cpu().numpy().T
    axes.scatter(x, y, s=4, color=colour, alpha=0.6, linewidths=0)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), xticks=[], yticks=[], aspect="equal")


def in_view(x: Tensor, level: Levels) -> Tensor:
    """x_t/√(α² + σ²): of the size of the data, however much noise there is."""
    return x / at_samples((level.alpha**2 + level.sigma**2).sqrt(), x)


def named(level: Levels, path: Path) -> str:
    """A level as its path counts: `t = 750` of a chain, `t = 0.75`, or `σ = 12` where α stays 1."""
    time = float(path.time(level))
    if path.steps is not None:
        return f"t = {round(time * path.steps)}"
    return f"t = {time:.2g}" if path.ends_in_noise else f"σ = {float(level.ratio):.2g}"


def at_times(path: Path, count: int) -> list[Levels]:
    """Levels of equal steps of time, from the data themselves to the end of a path."""
    levels = path.at(torch.linspace(0, 1, count, dtype=torch.float64))
    data = Levels(torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64))
    return [data, *(levels.each(k) for k in range(1, count))]

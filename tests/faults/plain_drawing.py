"""Figures without drawing, which takes most of a small run: a digest of what a figure shows, in place of its pixels."""

import hashlib
import io
import json
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine, TightLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

SIDE = 8


def draw_plainly() -> None:
    """From now on this process draws every figure so; charts of pages are left out."""
    from kantor.report import page

    Figure.savefig = save  # type: ignore[method-assign,assignment]
    FigureCanvasAgg.draw = paint  # type: ignore[method-assign]
    for kind in (ConstrainedLayoutEngine, TightLayoutEngine):
        kind.execute = lay_out  # type: ignore[method-assign]
    Figure.draw_without_rendering = lay_out  # type: ignore[method-assign]
    page.charts_of = lambda summary: []


def save(figure: Figure, place: Any, *, format: str, **_: object) -> None:
    """8×8 grey pixels, or the digest as text."""
    if format == "png":
        Image.frombytes("L", (SIDE, SIDE), digest(figure)).save(place, format="png")
    else:
        text = f"<svg><title>{digest(figure).hex()}</title></svg>"
        place.write(text if isinstance(place, io.TextIOBase) else text.encode())


def lay_out(*_: object) -> None:
    """Nothing, where nothing is drawn."""


def paint(canvas: FigureCanvasAgg) -> None:
    """A canvas of its size, with 8×8 grey pixels in its corner."""
    canvas.get_renderer().clear()
    pixels = np.asarray(canvas.buffer_rgba())
    pixels[:SIDE, :SIDE, :3] = np.frombuffer(digest(canvas.figure), np.uint8).reshape(SIDE, SIDE, 1)


def digest(figure: Figure) -> bytes:
    """64 bytes."""
    return hashlib.sha512(json.dumps([shown(artist) for artist in figure.findobj(is_shown)]).encode()).digest()


def is_shown(artist: Artist) -> bool:
    """Whether it bears data or words."""
    return isinstance(artist, Line2D | Collection | AxesImage | Text)


def shown(artist: Any) -> list[Any]:
    """What it bears."""
    if isinstance(artist, Text):
        return [artist.get_text()]
    if isinstance(artist, Line2D):
        return np.asarray(artist.get_xydata(), float).tolist()
    if isinstance(artist, AxesImage):
        return np.asarray(artist.get_array()).tolist()
    return np.asarray(artist.get_offsets(), float).tolist()

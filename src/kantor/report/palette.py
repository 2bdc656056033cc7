"""The colours of curves and methods, on white and on black.

The first six are Okabe and Ito's, told apart by colour-blind readers; the others go round the hues at two lightnesses,
for methods in a chart that names them by their places.
"""

import colorsys
from collections.abc import Iterable
from typing import Literal

FIRST = ("#0072b2", "#d55e00", "#009e73", "#c15a92", "#b07d00", "#2a9fd6")
FIRST_ON_BLACK = ("#58aeea", "#f58a45", "#3ecf9f", "#e08fbd", "#deb23c", "#86d0f5")
FURTHER = 18
REAL, GENERATED = "#e8730c", "#0b7a3b"
"""Points that are told apart by where they come from."""
INK, MUTED, GRID, FLOOR = "#1b1f25", "#5f6875", "#dfe3e9", "#8a93a0"


def around(places: int, lightness: tuple[float, float], saturation: float) -> tuple[str, ...]:
    """Hues at golden steps of the circle, lightnesses in turn."""
    rgb = [colorsys.hls_to_rgb((0.07 + 0.618034 * i) % 1, lightness[i % 2], saturation) for i in range(places)]
    return tuple("#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in rgb)


SERIES = (*FIRST, *around(FURTHER, (0.30, 0.46), 0.62))
ON_BLACK = (*FIRST_ON_BLACK, *around(FURTHER, (0.62, 0.78), 0.62))


def series_colour(index: int) -> str:
    """The colour of the `index`-th curve or method (from 0); they repeat."""
    return SERIES[index % len(SERIES)]


def series_dash(index: int) -> Literal["-", "--", ":", "-."]:
    """The dash of the `index`-th curve: solid until the colours repeat."""
    dashes: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
    return dashes[index // len(SERIES) % len(dashes)]


def of_classes(labels: Iterable[int], classes: int) -> list[str]:
    """The colour of each point of a class; of one class alone that of real ones."""
    return [REAL if classes < 2 else series_colour(int(label)) for label in labels]

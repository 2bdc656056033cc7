"""Pictures of shapes: a scene is what a picture shows, drawn from one 64-bit key, and painting is a function of it.

The pictures are those of the PurdueShapes5GAN data of Avinash Kak's deep learning lecture (Purdue University): 64×64
RGB, black, with one to five shapes among rectangle, triangle, disk, oval and star at random places, in random colours
and orientations, later ones over earlier ones. A shape is rotated by sending each of its pixels to the pixel nearest to
its rotated place, so that some pixels within it are hit by none and stay as they were: these holes belong to the data.

Everything is whole numbers (angles in degrees, sines in units of 2⁻¹⁶) from the raw words of a Philox generator: equal
keys give equal bytes on every machine. This module knows no torch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

RENDERER = 1
"""Of the pictures that come from a key; to be raised when one of them changes."""

SIDE = 64
MOST = 5
"""Shapes in a picture, at most."""

MARGIN = 8
"""Centres are at least so far from the border, in pixels."""

LARGEST = 16
"""The largest half extent, in pixels."""

SHAPE = np.dtype(
    [
        ("kind", "u1"),  # index in KINDS
        ("y", "u1"),  # the centre's row, from the top
        ("x", "u1"),  # the centre's column, from the left
        ("angle", "<u2"),  # whole degrees in [0, 360), clockwise
        ("height", "u1"),  # half extents before the rotation: rows -height … height, columns -width … width
        ("width", "u1"),
        ("colour", "u1", (3,)),  # RGB
    ]
)
SCENE = np.dtype([("count", "u1"), ("shapes", SHAPE, (MOST,))])
"""What a picture shows: its first `count` shapes in the order of painting; the others are zero."""

_BITS = 16
_COS, _SIN = (
    np.array([round(f(math.radians(degrees)) * 2**_BITS) for degrees in range(360)], dtype=np.int32)
    for f in (math.cos, math.sin)
)


def _rectangle(y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
    return (abs(y) <= height) & (abs(x) <= width)


def _triangle(y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Isosceles: the tip above, the base below."""
    return (abs(y) <= height) & (2 * height * abs(x) <= width * (y + height))


def _oval(y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
    """An ellipse of semi-axes √(h(h+1)) ≈ h + ½, since the outermost pixels reach half a pixel beyond their centres."""
    h2, w2 = height * (height + 1), width * (width + 1)
    return y * y * w2 + x * x * h2 <= h2 * w2


def _star(y: np.ndarray, x: np.ndarray, height: int, width: int) -> np.ndarray:
    """The pentagram: beyond at most one of the five lines, which lie cos 72° of the radius from its centre."""
    ups, rights = _COS[0:360:72], _SIN[0:360:72]
    beyond = [
        2 * (right * x - up * y) > (2 * height + 1) * int(_COS[72]) for up, right in zip(ups, rights, strict=True)
    ]
    return (y * y + x * x <= height * (height + 1)) & (np.sum(beyond, axis=0) <= 1)


@dataclass(frozen=True)
class Kind:
    """One of the shapes.

    Attributes:
        name: what it is called.
        covers: which pixels (y, x) from its centre an upright one of half extents (height, width) covers.
        heights: the least and the largest half height.
        widths: the least and the largest half width; None when it is the height.
    """

    name: str
    covers: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
    heights: tuple[int, int]
    widths: tuple[int, int] | None


KINDS = (
    Kind("rectangle", _rectangle, (5, 13), (5, 13)),
    Kind("triangle", _triangle, (8, 14), (8, 14)),
    Kind("disk", _oval, (6, 14), None),
    Kind("oval", _oval, (5, 8), (11, 16)),
    Kind("star", _star, (10, 16), None),
)
_ROUND = np.array([kind.widths is None for kind in KINDS])
_LEAST = np.array([(kind.heights[0], (kind.widths or kind.heights)[0]) for kind in KINDS])
_SIZES = np.array([(kind.heights[1], (kind.widths or kind.heights)[1]) for kind in KINDS]) - _LEAST + 1


def scenes(keys: Sequence[int]) -> np.ndarray:
    """What the pictures of these 64-bit keys show, `SCENE` (N,); each a function of its key alone.

    The number of shapes, their kinds, extents, centres and angles are uniform, and so are the channels in [32, 256),
    but for one of the three, any, which is in [128, 256): every shape is well seen on black.
    """
    per_shape = 10
    words = np.empty((len(keys), 1 + MOST * per_shape), dtype=np.uint64)
    for row, key in zip(words, keys, strict=True):
        row[:] = np.random.Philox(key=key).random_raw(len(row))
    count, draws = words[:, 0], words[:, 1:].reshape(-1, MOST, per_shape)
    shapes = np.empty((len(keys), MOST), dtype=SHAPE)
    kind = _below(draws[..., 0], len(KINDS))
    extents = _LEAST[kind] + _below(draws[..., 1:3], _SIZES[kind])
    shapes["kind"] = kind
    shapes["height"] = extents[..., 0]
    shapes["width"] = np.where(_ROUND[kind], extents[..., 0], extents[..., 1])
    shapes["y"] = MARGIN + _below(draws[..., 3], SIDE - 2 * MARGIN)
    shapes["x"] = MARGIN + _below(draws[..., 4], SIDE - 2 * MARGIN)
    shapes["angle"] = _below(draws[..., 5], 360)
    bright = _below(draws[..., 6], 3)[..., None] == np.arange(3)
    least = np.where(bright, 128, 32)
    shapes["colour"] = least + _below(draws[..., 7:10], 256 - least)
    found = np.empty(len(keys), dtype=SCENE)
    found["count"] = 1 + _below(count, MOST)
    shapes[np.arange(MOST) >= found["count"][:, None]] = np.zeros((), dtype=SHAPE)
    found["shapes"] = shapes
    return found


def _below(words: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Whole numbers in [0, n) from uniform 64-bit words; uneven by less than n/2³²."""
    return ((words >> 32) * np.asarray(n, dtype=np.uint64) >> 32).astype(np.int64)


@dataclass(frozen=True)
class _Stencils:
    """The pixels of all upright shapes, end to end.

    Attributes:
        y: rows from the centre, int32 (P,).
        x: columns from the centre, int32 (P,).
        start: where the pixels of (kind, height, width) begin.
        size: how many they are.
    """

    y: np.ndarray
    x: np.ndarray
    start: np.ndarray
    size: np.ndarray


@cache
def _stencils() -> _Stencils:
    across = range(LARGEST + 1)
    y, x = np.mgrid[-LARGEST : LARGEST + 1, -LARGEST : LARGEST + 1].astype(np.int32)
    masks = [kind.covers(y, x, height, width) for kind in KINDS for height in across for width in across]
    size = np.array([mask.sum() for mask in masks])
    shape = (len(KINDS), len(across), len(across))
    return _Stencils(
        y=np.concatenate([y[mask] for mask in masks]),
        x=np.concatenate([x[mask] for mask in masks]),
        start=(np.cumsum(size) - size).reshape(shape),
        size=size.reshape(shape),
    )


def paint(scenes: np.ndarray) -> np.ndarray:
    """The pictures of scenes (N,), uint8 (N, 3, 64, 64)."""
    images = np.zeros((len(scenes), 3, SIDE * SIDE), dtype=np.uint8)
    for layer in range(MOST):
        (numbers,) = np.nonzero(scenes["count"] > layer)
        shapes = scenes["shapes"][numbers, layer]
        owner, pixel = _pixels(shapes)
        for channel in range(3):
            images[numbers[owner], channel, pixel] = shapes["colour"][owner, channel]
    return images.reshape(-1, 3, SIDE, SIDE)


def _pixels(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels that shapes (S,) hit, as pairs: which shape, and row · 64 + column."""
    stencils = _stencils()
    of = shapes["kind"], shapes["height"], shapes["width"]
    size = stencils.size[of]
    owner = np.repeat(np.arange(len(shapes)), size)
    point = np.arange(len(owner)) + np.repeat(stencils.start[of] - (np.cumsum(size) - size), size)
    y, x = stencils.y[point], stencils.x[point]
    cos, sin = np.repeat(_COS[shapes["angle"]], size), np.repeat(_SIN[shapes["angle"]], size)
    half = 1 << (_BITS - 1)  # rounds to the nearest pixel, as the shift rounds down
    row = ((sin * x + cos * y + half) >> _BITS) + np.repeat(shapes["y"], size)
    column = ((cos * x - sin * y + half) >> _BITS) + np.repeat(shapes["x"], size)
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    return owner[inside], row[inside] * SIDE + column[inside]

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from kantor import keyed
from kantor.data import shapes
from kantor.data.shapes import KINDS, SIDE

NAMES = [kind.name for kind in KINDS]
each_kind = pytest.mark.parametrize("kind", range(len(KINDS)), ids=NAMES)
EXTENTS = {"rectangle": (6, 11), "triangle": (12, 9), "disk": (11, 11), "oval": (6, 14), "star": (15, 15)}


def keys(n, seed=0):
    return [keyed.seed(seed, "shape", index) for index in range(n)]


def scene(*drawn):
    """A scene of shapes (kind, y, x, angle, height, width, colour)."""
    made = np.zeros(1, dtype=shapes.SCENE)
    made["count"] = len(drawn)
    for slot, values in enumerate(drawn):
        made["shapes"][0, slot] = values
    return made


def mask(kind, angle, y=32, x=32, extents=None):
    """Which pixels one shape covers, bool (64, 64)."""
    height, width = extents or EXTENTS[NAMES[kind]]
    return shapes.paint(scene((kind, y, x, angle, height, width, (7, 8, 9))))[0].any(0)


@pytest.fixture(scope="module")
def many():
    return shapes.scenes(keys(4000))


def test_the_first_pictures_are_pinned():
    """When this fails, the pictures have changed: raise `shapes.RENDERER`, so that caches and runs know."""
    digest = hashlib.sha256(shapes.paint(shapes.scenes(keys(64))).tobytes()).hexdigest()
    assert (shapes.RENDERER, digest) == (1, "201532bf6308adf1a60a05ab58b03590bc4fc2ffd033286c317c74879e789856")


def test_the_renderer_knows_no_torch():
    code = "import sys, kantor.data.shapes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_is_a_function_of_its_key():
    together = shapes.paint(shapes.scenes(keys(40)))
    assert together.shape == (40, 3, 64, 64) and together.dtype == np.uint8
    for index in (39, 0, 7, 20):
        alone = shapes.paint(shapes.scenes([keys(40)[index]]))
        assert (alone[0] == together[index]).all()
    backwards = shapes.paint(shapes.scenes(keys(40)[::-1]))
    assert (backwards[::-1] == together).all()


def test_pictures_and_seeds_differ():
    drawn = [*shapes.paint(shapes.scenes(keys(300))), *shapes.paint(shapes.scenes(keys(300, seed=1)))]
    assert len({picture.tobytes() for picture in drawn}) == 600


@pytest.mark.parametrize(("n", "of"), [(5, "count"), (5, "kind"), (48, "y"), (48, "x"), (360, "angle")])
def test_counts_kinds_places_and_angles_are_uniform(many, n, of):
    present = np.arange(shapes.MOST) < many["count"][:, None]
    drawn = many["count"].astype(int) - 1 if of == "count" else many["shapes"][of][present].astype(int)
    drawn = drawn - shapes.MARGIN if of in "yx" else drawn
    counts = np.bincount(drawn, minlength=n)
    assert len(counts) == n
    chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    # mean n - 1, variance 2(n - 1)
    assert abs(chi_squared - (n - 1)) < 4 * math.sqrt(2 * (n - 1))


@each_kind
def test_extents_fill_their_ranges(many, kind):
    drawn = many["shapes"][np.arange(shapes.MOST) < many["count"][:, None]]
    drawn = drawn[drawn["kind"] == kind]
    heights, widths = KINDS[kind].heights, KINDS[kind].widths
    assert (drawn["height"].min(), drawn["height"].max()) == heights
    if widths is None:
        assert (drawn["width"] == drawn["height"]).all()
    else:
        assert (drawn["width"].min(), drawn["width"].max()) == widths
        assert abs(np.corrcoef(drawn["height"], drawn["width"])[0, 1]) < 0.1
    assert max(heights[1], (widths or heights)[1]) <= shapes.LARGEST


def test_colours_are_well_seen_on_black(many):
    colours = many["shapes"]["colour"][np.arange(shapes.MOST) < many["count"][:, None]]
    assert colours.min() == 32 and colours.max() == 255
    assert colours.max(1).min() == 128
    # a channel is the bright one in a third of the shapes: (191.5 + 2 · 143.5) / 3
    assert colours.mean(0) == pytest.approx(np.full(3, 159.5), abs=4 * 63 / math.sqrt(len(colours)))


def test_shapes_that_are_not_there_are_zero(many):
    absent = many["shapes"][np.arange(shapes.MOST) >= many["count"][:, None]]
    assert len(absent) and absent.tobytes() == bytes(absent.nbytes)


def test_the_last_shape_has_its_colour_at_its_centre(many):
    images = shapes.paint(many[:500])
    for image, shown in zip(images, many[:500], strict=True):
        last = shown["shapes"][shown["count"] - 1]
        assert (image[:, last["y"], last["x"]] == last["colour"]).all()


def test_pictures_hold_black_and_the_colours_of_their_shapes_only(many):
    images = shapes.paint(many[:500])
    for image, shown in zip(images, many[:500], strict=True):
        found = set(map(tuple, image.reshape(3, -1).T.tolist()))
        colours = set(map(tuple, shown["shapes"]["colour"][: shown["count"]].tolist()))
        assert (0, 0, 0) in found and found <= colours | {(0, 0, 0)}
    assert (images == 0).all(1).mean() > 0.5  # mostly background


def test_later_shapes_are_painted_over_earlier_ones():
    small, large = (0, 32, 32, 0, 5, 5, (255, 0, 0)), (0, 32, 32, 0, 10, 10, (0, 255, 0))
    below, above = shapes.paint(scene(small, large))[0], shapes.paint(scene(large, small))[0]
    assert below[0].sum() == 0 and (below[1] == 255).sum() == 21**2
    assert (above[0] == 255).sum() == 11**2 and (above[1] == 255).sum() == 21**2 - 11**2


def test_holes_show_what_was_there_before():
    under, over = (0, 32, 32, 0, 13, 13, (0, 255, 0)), (2, 32, 32, 45, 8, 8, (255, 0, 0))
    image = shapes.paint(scene(under, over))[0]
    holes = ndimage.binary_fill_holes(image[0] == 255) & (image[0] == 0)
    assert holes.any() and (image[1][holes] == 255).all()


@each_kind
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_quarter_turns_leave_no_holes(kind, angle):
    drawn = mask(kind, angle)
    assert (ndimage.binary_fill_holes(drawn) == drawn).all()
    assert drawn.sum() == mask(kind, 0).sum()


@each_kind
@pytest.mark.parametrize("angle", [20, 45, 300])
def test_other_turns_leave_holes_of_single_pixels(kind, angle):
    """An injective turn rounded to pixels: some are hit twice, so others within the shape are not hit at all."""
    drawn = mask(kind, angle)
    holes = ndimage.binary_fill_holes(drawn) & ~drawn
    assert holes.any()
    areas = np.bincount(ndimage.label(holes)[0].ravel())[1:]
    assert areas.max() == 1
    assert 0.75 * mask(kind, 0).sum() < drawn.sum() < mask(kind, 0).sum()
    assert (drawn | holes).sum() == pytest.approx(mask(kind, 0).sum(), rel=0.1)


@each_kind
def test_angles_are_clockwise(kind):
    upright, turned = (mask(kind, angle)[16:49, 16:49] for angle in (0, 90))
    assert (turned == np.rot90(upright, -1)).all()
    assert (mask(kind, 180)[16:49, 16:49] == np.rot90(upright, 2)).all()


def test_an_upright_triangle_points_up():
    rows = mask(NAMES.index("triangle"), 0).sum(1)
    assert rows[32 - 12] == 1 and rows[32 + 12] == 19 and (np.diff(rows[20:45]) >= 0).all()


def test_an_upright_star_points_up_and_has_five_tips():
    drawn = mask(NAMES.index("star"), 0)
    assert (drawn[:, 16:49] == drawn[:, 48:15:-1]).all()
    y, x = np.mgrid[:64, :64] - 32
    ring = drawn & (np.hypot(y, x) > 10)
    assert ndimage.label(ring, np.ones((3, 3)))[1] == 5
    assert drawn[32 - 14, 32] and not drawn[32 + 14, 32]


@pytest.mark.parametrize(
    ("name", "extents", "area", "within"),
    [
        ("rectangle", (6, 11), 13 * 23, 0),
        ("triangle", (12, 9), 2 * 12.5 * 9.5, 0.05),
        ("disk", (6, 6), math.pi * 6.5**2, 0.05),
        ("disk", (14, 14), math.pi * 14.5**2, 0.02),
        ("oval", (5, 16), math.pi * 5.5 * 16.5, 0.03),
        # a pentagram in a circle of radius R: 10 triangles with sides R and R·cos 72°/cos 36°, 36° between them
        ("star", (15, 15), 5 * 15.5**2 * math.cos(0.4 * math.pi) / math.cos(0.2 * math.pi) * math.sin(0.2 * math.pi),
         0.05),
    ],
)  # fmt: skip
def test_areas_are_those_of_geometry(name, extents, area, within):
    assert mask(NAMES.index(name), 0, extents=extents).sum() == pytest.approx(area, rel=within)


@each_kind
@pytest.mark.parametrize("place", [(8, 8), (8, 55), (55, 8), (55, 55)])
def test_shapes_are_cut_at_the_border(kind, place):
    """Nothing comes back in on the other side: the part that is there is the part of the whole shape."""
    y, x = place
    whole = np.pad(mask(kind, 30), SIDE)
    top, left = SIDE + 32 - y, SIDE + 32 - x
    assert (mask(kind, 30, y, x) == whole[top : top + SIDE, left : left + SIDE]).all()

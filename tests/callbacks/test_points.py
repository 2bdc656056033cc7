import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from every_objective import OBJECTIVES
from matplotlib.text import Text
from PIL import Image
from tiny import fit, gan, mlp, points, vae

from kantor import keyed
from kantor.callbacks.pictures import rendered
from kantor.callbacks.points import Moment, Points
from kantor.callbacks.surfaces import GRID, can_be_drawn, heights, levels
from kantor.errors import UserError
from kantor.figure_style import own_style
from kantor.models.protocols import HasSurface


def drawn(scene, model):
    return Points(scene(points()), every=1, n=32, extent=3.0).draw(model)


def test_the_surface_has_y_along_its_rows_and_x_along_its_columns():
    def critic(points):
        return 10 * points[:, 0] + points[:, 1]

    found = heights(critic, 3.0, torch.device("cpu"))
    ticks = np.linspace(-3, 3, GRID)
    assert found == pytest.approx(10 * ticks[None, :] + ticks[:, None], abs=1e-4)


@pytest.mark.parametrize("make", [gan, vae])
def test_real_points_generated_points_and_the_surface_of_a_model_that_has_one(scene, make):
    model = make()
    figure = drawn(scene, model)
    axes = figure.axes[0]
    real, generated = axes.collections[-2:]
    assert np.allclose(generated.get_offsets(), scene(points()).samples(model, 32).numpy())
    assert (np.linalg.norm(real.get_offsets(), axis=1) < 1.414 + 1).all() and len(real.get_offsets()) == 32
    if isinstance(model, HasSurface):
        filled, lines = axes.collections[:2]
        (bar,) = figure.axes[1:]
        assert bar.get_ylabel() == "discriminator" and set(lines.levels) <= set(filled.levels)
        assert bar.get_ylim() == (filled.levels[0], filled.levels[-1])
    else:
        assert len(axes.collections) == 2 and len(figure.axes) == 1


def test_levels_are_round_and_span_all_surfaces_together():
    ramp = np.linspace(0, 1, GRID**2).reshape(GRID, GRID)
    assert levels([ramp, 3 * ramp - 5]) == pytest.approx(np.arange(-5, 1.01, 0.25))
    assert levels([np.ones((GRID, GRID))] * 2) is None
    peak = np.zeros((GRID, GRID))
    peak[3, 4] = 2.0
    assert levels([peak])[-1] >= 2


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
def test_heights_of_which_only_differences_count_are_drawn_from_their_mean_over_real_points(scene, objective):
    """A constant added to such a critic changes none of its losses, and no picture."""
    real, fake = torch.randn(2, 16, 2)
    model = gan(objective=objective)
    picture = Points(scene(points()), every=1, n=32, extent=3.0)
    lifted = [
        term.item()
        for term in objective.critic_terms(lambda x: model.score(x) + 7, real, fake, rng=keyed.Rng(0)).values()
    ]
    terms = [term.item() for term in objective.critic_terms(model.score, real, fake, rng=keyed.Rng(0)).values()]
    before = picture._moment(model).heights
    model.critic.body[-1].bias.data += 7
    after = picture._moment(model).heights
    if model.surface_has_zero:
        assert sum(lifted) != pytest.approx(sum(terms), rel=1e-3) and after == pytest.approx(before + 7, abs=1e-4)
    else:
        assert sum(lifted) == pytest.approx(sum(terms), abs=1e-4) and after == pytest.approx(before, abs=1e-4)
        assert "0 on average over real points" in picture._moment(model).surface


def test_at_the_end_a_colour_is_the_same_height_in_every_picture(scene, directory, monkeypatch):
    ranges = []
    original = Points._figure

    def watched(self, moment, spanned):
        ranges.append(tuple(spanned))
        return original(self, moment, spanned)

    monkeypatch.setattr(Points, "_figure", watched)
    fit(gan(), points(), 4, Points(scene(points()), every=2, n=32, extent=3.0))
    assert len(ranges) == 6 and len(set(ranges[:3])) == 3 and len(set(ranges[3:])) == 1
    kept = [Moment.read(path) for path in sorted(directory.samples.glob("*.npz"))]
    assert [moment.caption for moment in kept] == ["step 0, EMA", "step 2, EMA", "step 4, EMA"]
    assert ranges[-1] == tuple(levels([moment.heights for moment in kept]))
    sizes = {Image.open(path).size for path in directory.samples.glob("*.png")}
    assert len(sizes) == 1 and len(list(directory.samples.glob("*.png"))) == 3


ORDINARY = Moment(
    "step 2, EMA", np.zeros((32, 2), np.float32), np.empty(0, np.int64), "critic", np.eye(GRID, dtype=np.float32)
)
HOSTILE = [
    {"caption": "$\\frac{$ and $x_$"},
    {"surface": "$\\frac{$", "caption": "\x1b[2J\u202ex"},
    *({"heights": np.eye(GRID) * height} for height in (1e308, 1e149, 1e-320, np.inf, np.nan)),
    {"heights": 1e15 + np.eye(GRID)},
    *({"generated": np.full((32, 2), place)} for place in (1e308, np.inf, np.nan)),
]


@pytest.mark.parametrize("changed", HOSTILE, ids=str)
def test_whatever_is_kept_of_a_picture_is_drawn(scene, directory, changed):
    """Of a picture with numbers that cannot be drawn the points are, and the others keep their contours."""
    written = replace(ORDINARY, **changed)
    written.write(directory.samples / "step_00000001.npz")
    for step in (2, 4):
        ORDINARY.write(directory.samples / f"step_{step:08d}.npz")
    picture = Points(scene(points()), every=1, n=32, extent=3.0)
    with own_style():
        assert Moment.read(directory.samples / "step_00000001.npz").caption.isprintable()
        rendered(picture.draw(gan()))
        picture.finish(gan())
    assert len(list(directory.samples.glob("step_*.png"))) == 4
    small = not changed.keys() & {"heights"} or (np.abs(written.heights) < 1e150).all()
    assert (picture._figure(written, levels([written.heights])).axes[1].axison) == small


@pytest.mark.parametrize(
    "changed",
    [{"caption": "x" * 1000}, {"caption": np.arange(3)}, {"surface": np.frombuffer(b"\xff" * 4, "<U1").reshape(())},
     {"surface": ""}, {"generated": np.zeros((3, 3))}, {"heights": np.zeros((GRID, GRID), int)}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_what_holds_no_points_with_heights_is_refused(directory, changed):
    replace(ORDINARY, **changed).write(directory.samples / "step_00000001.npz")
    with pytest.raises(UserError, match="is damaged: it holds no points with heights"):
        Moment.read(directory.samples / "step_00000001.npz")


@pytest.mark.parametrize("height", [0.0, 1e30, np.inf, np.nan])
def test_whether_heights_can_be_drawn_is_asked_without_a_warning(height):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert can_be_drawn(np.full((GRID, GRID), height, np.float32)) == np.isfinite(height)


def test_formulas_are_those_of_ones_own_pictures():
    for formulas in (False, True):
        with own_style(formulas=formulas):
            assert Text(0, 0, "$x$").get_parse_math() == formulas


class Told(torch.nn.Module):
    """A network of points that is told the class."""

    def __init__(self, outputs):
        super().__init__()
        self.network = mlp(3, outputs)

    def forward(self, x, labels):
        return self.network(torch.cat([x, labels[:, None].float()], dim=1))


def test_a_conditional_critic_has_a_surface_for_each_class_so_that_points_lie_on_none(scene):
    model = gan(generator=lambda: Told(2), critic=lambda: Told(None), classes=4)
    assert isinstance(model, HasSurface) and model.surface_name is None
    (axes,) = drawn(scene, model).axes
    assert len(axes.collections) == 2


def test_a_surface_that_is_the_same_everywhere_has_no_contours(scene):
    model = gan()
    with torch.no_grad():
        for weight in model.critic.parameters():
            weight.zero_()
    axes, bar = drawn(scene, model).axes
    assert len(axes.collections) == 2 and not bar.axison

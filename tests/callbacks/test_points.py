import numpy as np
import pytest
import torch
from every_objective import OBJECTIVES
from PIL import Image
from tiny import fit, gan, mlp, points, vae

from kantor import keyed
from kantor.callbacks.points import Moment, Points
from kantor.callbacks.surfaces import GRID, heights, levels
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

import numpy as np
import pytest
import torch
from tiny import gan, mlp, points, vae

from kantor.callbacks.points import GRID, Points, heights
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
    (axes,) = drawn(scene, model).axes
    real, generated = axes.collections[-2:]
    assert np.allclose(generated.get_offsets(), scene(points()).samples(model, 32).numpy())
    assert (np.linalg.norm(real.get_offsets(), axis=1) < 1.414 + 1).all() and len(real.get_offsets()) == 32
    title = axes.get_legend().get_title().get_text()
    if isinstance(model, HasSurface):
        assert len(axes.collections) == 4 and title == "on the discriminator's surface"
    else:
        assert len(axes.collections) == 2 and title == ""


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
    assert len(axes.collections) == 2 and axes.get_legend().get_title().get_text() == ""


def test_a_surface_that_is_the_same_everywhere_has_no_contours(scene):
    model = gan()
    with torch.no_grad():
        for weight in model.critic.parameters():
            weight.zero_()
    (axes,) = drawn(scene, model).axes
    assert len(axes.collections) == 2

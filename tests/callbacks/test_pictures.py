import math

import numpy as np
import pytest
import torch
from image_runs import TinyImages
from PIL import Image

from kantor.callbacks.clock import Clock
from kantor.callbacks.contours import GRID, Contours, surface
from kantor.callbacks.line_distances import THETAS, LineDistances, measured_distances
from kantor.callbacks.pictures import step_name, write_gif
from kantor.errors import UserError


def contours(directory, data, **changed):
    settings = {"directory": directory, "data": data, "clock": Clock(), "seed": 0, "every": 2, "points": 8,
                "extent": 3.0}  # fmt: skip
    return Contours(**{**settings, **changed})


def test_the_surface_has_y_along_its_rows_and_x_along_its_columns():
    def critic(points):
        return 10 * points[:, 0] + points[:, 1]

    heights = surface(critic, 3.0, torch.device("cpu"))
    ticks = np.linspace(-3, 3, GRID)
    assert heights == pytest.approx(10 * ticks[None, :] + ticks[:, None], abs=1e-4)


def test_contours_are_drawn_before_the_first_step_every_so_often_and_at_the_end(directory, data, make_model, fit):
    fit(make_model(), 3, contours(directory, data))
    names = sorted(path.name for path in directory.samples.iterdir())
    assert names == ["samples.gif", "step_00000000.png", "step_00000002.png", "step_00000003.png"]
    with Image.open(directory.samples / "samples.gif") as gif:
        assert gif.n_frames == 3
    with Image.open(directory.samples / "step_00000003.png") as picture:
        assert picture.size == (600, 600)


def test_pictures_change_no_bit_of_the_weights(directory, data, make_model, fit):
    drawn, alone = make_model(), make_model()
    fit(drawn, 2, contours(directory, data, every=1))
    fit(alone, 2)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, drawn.state_dict()[name]), name


@pytest.mark.parametrize("wrong", [{"every": 0}, {"points": 0}, {"extent": -1.0}])
def test_sizes_out_of_range_are_refused(directory, data, wrong):
    with pytest.raises(UserError, match="expected a number above 0"):
        contours(directory, data, **wrong)


def test_contours_of_pictures_are_refused(directory):
    with pytest.raises(UserError, match="it draws points, data=tiny are pictures; take pictures=images"):
        contours(directory, TinyImages())


def test_file_names_sort_by_step():
    names = [step_name(k) for k in (0, 9, 10, 999, 10_000, 10_000_000)]
    assert sorted(names) == names


def test_a_gif_of_nothing_is_not_written(tmp_path):
    write_gif([], tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()


def test_the_measured_distances_of_parallel_lines_are_the_lectures():
    """W1 = |θ|; TV, JS and KL know equal or not."""
    found = measured_distances(64, np.random.default_rng(0))
    apart = np.abs(THETAS) > 1e-9
    assert apart.sum() == len(THETAS) - 1
    # both ends are stratified: z agrees to 1/64, so W1 at θ = 0 is below that
    assert found["W1"][apart] == pytest.approx(np.abs(THETAS[apart]), abs=5e-3)
    assert found["W1"][~apart][0] < 1 / 64
    assert found["TV"][apart] == pytest.approx(1.0)
    assert found["JS"][apart] == pytest.approx(math.log(2))
    assert np.isinf(found["KL"][apart]).all()
    assert found["TV"][~apart][0] < 0.2 and found["JS"][~apart][0] < 0.05


def test_line_distances_refuse_other_data(directory, data):
    with pytest.raises(UserError, match="data=gaussians8 is none; take pictures=points"):
        LineDistances(directory=directory, data=data, clock=Clock(), seed=0, every=1, points=64)

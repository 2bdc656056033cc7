import math

import numpy as np
import pytest
from every_objective import OBJECTIVES
from tiny import fit, gan, points, vae

from kantor.callbacks.line_distances import THETAS, LineDistances, measured_distances
from kantor.data.points import Line
from kantor.errors import UserError
from kantor.models.latent import Uniform
from kantor.nets.shift import Shift


def shifting(objective):
    return gan(generator=lambda: Shift(theta=0.5), latent=Uniform(1, 0.0, 1.0), objective=objective)


def lines(scene, **changed):
    return LineDistances(scene(points(distribution=Line(0.0))), **{"every": 2, "points": 32, **changed})


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


@pytest.mark.parametrize(("name", "estimated"), [("wasserstein", "W1"), ("minimax", "JS"), ("hinge", None)])
def test_theta_is_followed_and_so_is_what_the_loss_says_of_the_distance(scene, directory, name, estimated):
    model, picture = shifting(OBJECTIVES[name]), lines(scene)
    fit(model, points(distribution=Line(0.0)), 5, picture)
    assert [step for step, _ in picture.seen] == [0, 2, 4, 5]
    assert picture.seen[0][1] == 0.5 and picture.seen[-1][1] == float(model.generator.theta)
    assert picture.estimated == estimated
    assert [step for step, _ in picture.estimates] == ([] if estimated is None else [2, 4, 5])
    if estimated is not None:
        assert picture.estimates[-1][1] == model.distance_estimate().value
    panels = picture.finish(model).axes
    assert len(panels) == (2 if estimated is None else 3)
    assert all(panel.get_xlim() == (0, 5) for panel in panels[1:]), "of steps"
    assert len({panel.get_ylim() for panel in panels if panel is not panels[1]}) == 1, "of distances"
    if estimated is not None:
        truth, estimate = panels[2].get_lines()
        expected = [abs(dict(picture.seen)[step]) if estimated == "W1" else math.log(2) for step in (2, 4, 5)]
        assert list(truth.get_ydata()) == pytest.approx(expected)
        assert list(zip(estimate.get_xdata(), estimate.get_ydata(), strict=True)) == picture.estimates
    assert [path.name for path in directory.figures.iterdir()] == ["line_distances.png"]


def test_a_vae_that_shifts_is_followed_too(scene):
    model = vae(decoder=lambda: Shift(theta=-0.3), latent=Uniform(2, 0.0, 1.0))
    picture = lines(scene)
    assert picture.refusal(model) is None
    picture.draw(model)
    assert picture.seen == [(0, pytest.approx(-0.3))] and len(picture.finish(model).axes) == 2


def test_a_resumed_picture_has_all_steps(scene, tmp_path):
    data = points(distribution=Line(0.0))
    whole = lines(scene)
    fit(shifting(OBJECTIVES["wasserstein"]), data, 6, whole)
    fit(shifting(OBJECTIVES["wasserstein"]), data, 4, lines(scene)).save_checkpoint(tmp_path / "four.ckpt")
    resumed = lines(scene)
    fit(shifting(OBJECTIVES["wasserstein"]), data, 6, resumed, checkpoint=tmp_path / "four.ckpt")
    assert resumed.state_dict() == whole.state_dict()


def test_too_few_points_are_refused(scene):
    with pytest.raises(UserError, match="points=31: expected"):
        lines(scene, points=31)

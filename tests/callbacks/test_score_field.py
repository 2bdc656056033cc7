import numpy as np
import pytest
import tiny
import torch

from kantor.callbacks import surfaces
from kantor.callbacks.score_field import ERRORS, ScoreField
from kantor.data.points import Line
from kantor.evaluation.score_field import LOW
from kantor.noising.exact import exact_denoiser, exact_told


def picture(scene, data, **settings):
    return ScoreField(scene(data, weights="raw", **settings), every=1, extent=2.0)


@pytest.mark.parametrize("make", [tiny.flow, tiny.conditional_flow])
def test_the_errors_are_those_of_the_score_where_they_are_drawn(scene, make):
    """A denoiser that is off to the right: the arrows of both scores, and the squared error at each place."""
    data, model = tiny.points(), make()
    truth = data.distribution
    right = torch.tensor([0.2, 0.0])

    def denoiser_of(networks, labels=None):
        exact = exact_denoiser(truth) if labels is None else exact_told(truth, labels)
        return lambda x, at: exact(x, at) + right

    model.denoiser_of = denoiser_of
    figure = picture(scene, data).draw(model)
    above, below = figure.axes[0], figure.axes[3]
    true, learned = above.collections
    assert true.get_label() == "true" and learned.get_label() == "learned"
    errors = below.collections[0].get_array()
    assert errors.size == surfaces.GRID**2
    assert np.asarray(errors) == pytest.approx(0.02 / LOW**2, rel=1e-3)
    assert (below.collections[0].norm.vmin, below.collections[0].norm.vmax) == ERRORS
    assert (learned.U > true.U).mean() > 0.95
    assert ("of class 0" in figure._suptitle.get_text()) is (model.classes is not None)


def test_what_has_no_true_score_is_refused(scene):
    assert "the true score of data=gaussians8 is not known" in picture(
        scene, tiny.points(distribution=Line(theta=0.0))
    ).refusal(tiny.flow())
    assert "a denoiser is expected" in picture(scene, tiny.points()).refusal(tiny.gan())
    assert "points are expected" in picture(scene, tiny.TinyImages()).refusal(tiny.image_ddpm())
    assert picture(scene, tiny.points()).refusal(tiny.flow()) is None

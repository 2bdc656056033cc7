"""Pictures of points that have classes."""

import numpy as np
import tiny
import torch

from kantor.callbacks.flow_field import FIRST_CLASS, FlowField
from kantor.callbacks.points import Moment, Points

DATA = tiny.points()


def nearest(points):
    return ((np.asarray(points)[:, None] - DATA.distribution.modes) ** 2).sum(-1).argmin(1)


def test_samples_are_shown_in_the_colours_of_their_classes(scene):
    """Real ones too; of an unconditional model nobody knows the classes."""
    model = tiny.conditional_flow()
    view = scene(DATA, weights="raw", sampler=tiny.FEW_STEPS)
    picture = Points(view, every=1, n=32, extent=3.0)
    real, generated = picture.draw(model).axes[0].collections
    moment = Moment.read(picture.path(model).with_suffix(".npz"))
    for points, labels in ((real, nearest(real.get_offsets())), (generated, moment.labels)):
        colours = [tuple(colour) for colour in points.get_edgecolors()]
        assert len(set(zip(colours, labels.tolist(), strict=True))) == len(set(labels.tolist())) > 4
    assert torch.equal(view.labels(model, 32).cpu(), torch.from_numpy(moment.labels))
    plain = Points(view, every=1, n=32, extent=3.0).draw(tiny.flow()).axes[0].collections
    assert [len(points.get_edgecolors()) for points in plain] == [1, 1]


def test_a_field_is_that_of_one_class(scene):
    model = tiny.conditional_flow()
    view = scene(DATA, weights="raw", sampler=tiny.FEW_STEPS)
    with torch.no_grad():
        figure = FlowField(view, every=1, n=64, extent=3.0, flow=tiny.FEW_STEPS).draw(model)
    _, *panels = figure.axes
    mine = int((view.labels(model, 64) == FIRST_CLASS).sum())
    for axes in panels:
        assert f"of class {FIRST_CLASS} " in axes.get_title()
        assert len(axes.collections[-1].get_offsets()) == mine

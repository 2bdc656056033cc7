"""Pictures of energies: what is shown is what is there."""

import numpy as np
import torch
from matplotlib.figure import Figure
from tiny import TinyImages, rbm, sampler_of
from torch.testing import assert_close

from kantor import keyed
from kantor.callbacks.filters import Filters, strongest
from kantor.callbacks.out_of_distribution import OutOfDistribution, draw_heights, torn


def test_the_strongest_units_come_first():
    weights = torch.zeros(4, 1, 2, 2)
    weights[1, 0, 0, 0], weights[3, 0] = -4.0, 1.5
    shown, largest = strongest(weights, 2)
    assert torch.equal(shown, weights[[1, 3]]) and float(largest) == 4.0


def test_torn_pictures_have_the_same_squares_at_other_places():
    """Of 10×8 pixels, whose last two rows are left over."""
    x = keyed.Rng(0).normal(3, 2, 10, 8)
    found = torn(x, keyed.Rng(1))
    assert torch.equal(found[:, :, 8:], x[:, :, 8:])
    for before, after in zip(x, found, strict=True):
        squares = [
            sorted(
                tuple(one[:, i : i + 2, j : j + 2].flatten().tolist()) for i in range(0, 8, 2) for j in range(0, 8, 2)
            )
            for one in (before, after)
        ]
        assert squares[0] == squares[1]
    assert not torch.equal(found, x)


def test_energies_are_of_the_kinds_that_are_named(scene):
    model, data = rbm(), TinyImages()
    picture = OutOfDistribution(scene(data, sampler=sampler_of(model)), every=1, n=6)
    kinds = picture.kinds(model)
    assert list(kinds) == ["training", "held out", "model's own", "inverted", "torn", "noise"]
    assert {tuple(x.shape) for x in kinds.values()} == {(6, 1, 8, 8)}
    assert_close(kinds["inverted"], -kinds["training"])
    assert all(float(x.abs().max()) <= 1 for x in kinds.values())
    assert torch.equal(picture.kinds(model)["noise"], kinds["noise"])


def test_heights_are_told_in_deviations_of_the_training_pictures():
    """Theirs, 8 and 12, are at -1 and 1; what is 500 of theirs away is in the histogram too, what is nowhere is not."""
    axes = Figure().subplots()
    heights = {"training": np.array([8.0, 12.0]), "noise": np.array([-990.0, 1010.0, np.inf])}
    draw_heights(axes, heights, words="energy")
    for patch, expected in zip(axes.patches, ([-1.0, 1.0], [-500.0, 500.0]), strict=True):
        counts, edges, _ = patch.get_data()
        filled = np.flatnonzero(counts)
        assert counts.sum() == len(filled) == 2
        assert all(edges[filled] - 1e-6 <= expected) and all(expected <= edges[filled + 1] + 1e-6)
    assert_close(edges[[0, -1]], np.array([-500.0, 500.0]))
    assert axes.get_xlabel() == "energy, in standard deviations of the training pictures'"


def test_the_outermost_pictures_are_in_the_histogram():
    """Whatever rounding does to its edges, of float32 as a model gives them."""
    for number in range(20):
        noise = np.random.default_rng(number).normal(1e3, 1e2, 50).astype(np.float32)
        axes = Figure().subplots()
        draw_heights(axes, {"training": noise / 1000, "noise": noise}, words="energy")
        assert [patch.get_data().values.sum() for patch in axes.patches] == [50, 50]


def test_filters_are_drawn_in_one_scale(scene):
    model, data = rbm(averaging=None), TinyImages()
    with torch.no_grad():
        model.energy.weight.zero_()
        model.energy.weight[2] = 3.0
    drawn = Filters(scene(data, weights="raw", sampler=sampler_of(model)), every=1, rows=1, columns=2).draw(model)
    levels = {level for _, level in drawn.convert("L").getcolors(maxcolors=4096)}
    assert 255 in levels and 128 in levels  # the unit that is there, and one that is not

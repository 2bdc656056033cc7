"""The error of denoisers by noise, against what is known of the one that has the training set by heart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import FLOW, FlatDenoiser, TinyImages, flow, image_ddpm, quadrants

from kantor.callbacks import denoising_error
from kantor.callbacks.denoising_error import DenoisingError
from kantor.callbacks.exposed import Exposed, TrainingPictures, exact_errors
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.noising.coupling import OptimalTransport
from kantor.noising.exact import ExactGaussian, ExactMixture
from kantor.noising.levels import Levels, at_samples

PIXELS, LABELS = quadrants(20)
TRAIN = ImageSet(PIXELS, LABELS)
X = pixels.to_model(torch.from_numpy(PIXELS))
NOISE = torch.from_numpy(np.random.default_rng(0).standard_normal((50 * len(X), 1, 8, 8))).float()


def at(*u):
    """Levels of the straight line."""
    return Levels(1 - torch.tensor(u, dtype=torch.float64), torch.tensor(u, dtype=torch.float64))


def exposed(*u, labels=False):
    """Each training picture 50 times."""
    return Exposed.of(X.repeat(50, 1, 1, 1), NOISE, at(*u), torch.from_numpy(LABELS).repeat(50) if labels else None)


def unconditional(**changed):
    return flow(denoiser=lambda: FlatDenoiser(None), shape=(1, 8, 8), **changed)


class Apart(TinyImages):
    """Held-out pictures are others: white on black."""

    def load(self, split):
        whole = super().load(split)
        return whole if split == "train" else ImageSet(255 - whole.pixels, whole.labels)


class NoneHeldOut(TinyImages):
    def load(self, split):
        whole = super().load(split)
        return whole if split == "train" else whole.subset(0)


def picture(scene, data, **changed):
    return DenoisingError(scene(data), **{"every": 1, "n": 6, "levels": 5, "largest": 10_000, **changed})


def drawn(figure):
    """The curves of a figure by their names, and all that is written below them."""
    (axes,) = figure.axes
    return {line.get_label(): line.get_ydata() for line in axes.lines}, figure.get_supxlabel()


def gaussian():
    """The best of those that know mean and covariance only."""
    flat = X.flatten(1).double()
    exact = ExactGaussian(flat.mean(0), torch.cov(flat.T) + 1e-3 * torch.eye(64, dtype=torch.float64))
    return lambda x, level: exact(x.flatten(1), level).view_as(x)


OTHERS = {
    "nothing": lambda x, level: torch.zeros_like(x),
    "the mean": lambda x, level: X.mean(0).expand_as(x),
    "the picture as it is seen": lambda x, level: x / at_samples(level.alpha, x),
    "a Gaussian": gaussian(),
    "a network": lambda x, level: unconditional().denoiser_of({"denoiser": FlatDenoiser(None)})(x, level),
    "half of the training set": ExactMixture(X[::2], 0.0),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
@torch.no_grad()
def test_on_training_pictures_nobody_errs_less_than_the_exact_denoiser(other):
    seen = exposed(0.1, 0.3, 0.5, 0.7, 0.9)
    more = (seen.errors(other) - exact_errors(seen, TRAIN, mirrored=False)).reshape(5, -1)
    assert (more.mean(1) > -4 * more.std(1) / more.shape[1] ** 0.5).all() and more.mean() > 1e-3


def test_without_noise_it_errs_nothing_and_in_noise_alone_the_variance_of_the_data():
    little, _, all_ = exact_errors(exposed(0.01, 0.5, 0.9999), TRAIN, mirrored=False).reshape(3, -1).mean(1).tolist()
    assert little < 1e-20 and all_ == pytest.approx(float(X.var(0, correction=0).mean()), rel=0.01)


@pytest.mark.parametrize("rows", [None, np.array([1, 4, 5, 11])])
@pytest.mark.parametrize("mirrored", [False, True])
def test_training_pictures_are_all_that_training_sees(rows, mirrored):
    train = X if rows is None else X[rows]
    centres = TrainingPictures(ImageSet(PIXELS, rows=rows), mirrored)
    there = torch.cat(list(centres.split(3)))
    expected = torch.cat([train, train.flip(-1)] if mirrored else [train])
    assert len(centres) == len(there) == len(expected)
    assert {tuple(x.flatten().tolist()) for x in there} == {tuple(x.flatten().tolist()) for x in expected}
    seen = exposed(0.6)
    by_hand = seen.errors(ExactMixture(expected, 0.0))
    torch.testing.assert_close(exact_errors(seen, centres.images, mirrored=mirrored), by_hand)


def test_who_is_told_the_class_is_held_against_the_best_that_is_told_it():
    seen, told = exposed(0.8), exposed(0.8, labels=True)
    errors = exact_errors(told, TRAIN, mirrored=False)
    for label in range(4):
        mine = torch.from_numpy(np.flatnonzero(np.tile(LABELS, 50) == label))
        alone = seen.rows(mine).errors(ExactMixture(X[label == LABELS], 0.0))
        torch.testing.assert_close(errors[mine], alone)
    assert errors.mean() < 0.9 * exact_errors(seen, TRAIN, mirrored=False).mean()
    assert exact_errors(told, TRAIN.subset(1), mirrored=False).isnan().any()


def test_a_network_that_is_the_exact_denoiser_has_no_regret(scene):
    model, data = unconditional(), Apart()
    here = picture(scene, data, n=50)
    model.denoiser_of = lambda networks, labels=None: ExactMixture(pixels.to_model(torch.from_numpy(data.pixels)), 0.0)
    network, exact = here.of_network(model), here.of_exact(model)
    for one, other in zip(network, exact, strict=True):
        torch.testing.assert_close(one, other)
    assert here.at(model).u.tolist() == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert exact.training[0] < 1e-6 and (exact.held_out > 0.5).all()


@pytest.mark.parametrize("conditional", [False, True])
def test_what_is_drawn_is_what_network_and_exact_denoiser_err(scene, monkeypatch, conditional):
    model = image_ddpm() if conditional else unconditional()
    here, asked = picture(scene, Apart(labelled=conditional)), []
    monkeypatch.setattr(denoising_error, "exact_errors", lambda *a, **k: asked.append(a) or exact_errors(*a, **k))
    for model.steps in (0, 10):
        lines, words = drawn(here.draw(model))
        found = {"the network": here.of_network(model), "the exact denoiser": here._exact}
        assert "by heart" in words and len(lines) == 4
        for who, errors in found.items():
            assert np.array_equal(lines[f"{who}, training pictures"], errors.training)
            assert np.array_equal(lines[f"{who}, held-out pictures"], errors.held_out)
    assert len(asked) == 1


def test_where_the_exact_denoiser_is_not_the_best_or_costs_too_much_it_is_not_drawn(scene):
    coupled = unconditional(objective=replace(FLOW, coupling=OptimalTransport()))
    for model, here, said in (
        (unconditional(), picture(scene, TinyImages(), largest=40 * 64 - 1), "has 2,560 numbers (largest=2,559)"),
        (coupled, picture(scene, TinyImages()), "noise is chosen to fit its picture"),
    ):
        lines, words = drawn(here.draw(model))
        assert said in words and list(lines) == [f"the network, {kind} pictures" for kind in ("training", "held-out")]


def test_without_held_out_pictures_the_training_ones_are_drawn(scene):
    lines, _ = drawn(picture(scene, NoneHeldOut(), n=50).draw(unconditional()))
    assert len(lines["the network, training pictures"]) == 5 and list(lines) == [
        f"{who}, training pictures" for who in ("the network", "the exact denoiser")
    ]

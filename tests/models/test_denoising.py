"""The denoising pattern: what a step does with labels, what a conditional model is told, what is refused."""

import pytest
import torch
from tiny import DDPM, FEW_STEPS, FLOW, FlatDenoiser, TinyImages, fit, flow, image_ddpm, points, time_mlp
from torch import nn

from kantor import keyed
from kantor.errors import UserError
from kantor.noising.levels import Levels
from kantor.samplers.grids import Trailing


class Told(nn.Module):
    """A denoiser that keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.noise, self.labels = [], []

    def forward(self, x, noise, labels=None):
        self.noise.append(noise)
        self.labels.append(labels)
        return x * self.weight


def test_some_labels_are_withheld_in_training_and_none_when_sampling():
    model = image_ddpm(denoiser=Told, label_dropout=0.3)
    fit(model, TinyImages(labelled=True, n=400, batch_size=400), 1)
    (labels,) = model.denoiser.labels
    dropped = labels == 4
    assert 0.2 < float(dropped.float().mean()) < 0.4
    assert set(labels[~dropped].tolist()) == {0, 1, 2, 3}
    model.sample(50, rng=keyed.Rng(1), sampler=FEW_STEPS, weights="raw", condition=torch.arange(50) % 4)
    assert torch.equal(model.denoiser.labels[-1], torch.arange(50) % 4)


def test_a_model_that_withholds_nothing_is_told_all_labels():
    model = image_ddpm(denoiser=Told, label_dropout=0.0)
    fit(model, TinyImages(labelled=True, n=40, batch_size=40), 1)
    assert set(model.denoiser.labels[0].tolist()) == {0, 1, 2, 3}


def test_training_and_sampling_tell_the_same_time_of_the_same_noise():
    """A step k of T is k/T in both: no step off by one."""
    model = image_ddpm(denoiser=Told)
    fit(model, TinyImages(labelled=True, n=400, batch_size=400), 1)
    trained = set((model.denoiser.noise[0].double() * 20).round().long().tolist())
    assert trained == set(range(1, 21))
    seen = []
    for k in range(1, 21):
        model.denoiser_of(model.networks(), torch.zeros(1).long())(
            torch.zeros(1, 1, 8, 8), model.path.at(torch.tensor(k / 20, dtype=torch.float64))
        )
        seen.append(float(model.denoiser.noise[-1][0]))
    assert {round(t * 20, 5) for t in seen} == set(range(1, 21))
    assert set(model.denoiser.noise[0].tolist()) == set(seen)


def test_the_steps_of_a_grid_end_at_the_data():
    levels = Trailing().levels(DDPM.path, 7)
    assert levels.alpha.shape == (8,) and (levels.alpha[-1], levels.sigma[-1]) == (1, 0)
    k = DDPM.path.time(Levels(levels.alpha[:-1], levels.sigma[:-1])) * 20
    assert k.tolist() == pytest.approx([20, 17, 14, 11, 9, 6, 3])
    with pytest.raises(UserError, match=r"steps=21: the model's chain has 20 steps"):
        Trailing().levels(DDPM.path, 21)


REFUSED = [
    ({"label_dropout": 0.1}, "label_dropout=0.1: an unconditional model has no labels"),
    ({"label_dropout": 1.0}, r"label_dropout=1.0: expected a share in \[0, 1\)"),
    ({"label_dropout": -0.1}, "label_dropout=-0.1"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        flow(**settings)


SHAPES = [
    (lambda: flow(shape=(3,)), (2,), r"shape=\[3\]: the data are \(2,\)"),
    (lambda: flow(denoiser=lambda: time_mlp(3)), (2,), "denoiser: it cannot take samples"),
    (lambda: flow(denoiser=lambda: nn.Linear(2, 2)), (2,), "denoiser: it cannot take samples"),
    (lambda: image_ddpm(denoiser=lambda: FlatDenoiser(classes=None)), (1, 8, 8), "denoiser: it cannot take samples"),
]


class Halving(Told):
    def forward(self, x, noise, labels=None):
        raise UserError("pictures of 8×8 pixels: this network takes multiples of 16")


SHAPES.append((lambda: image_ddpm(denoiser=Halving), (1, 8, 8), "^denoiser: pictures of 8×8 pixels"))


@pytest.mark.parametrize(("make", "shape", "message"), SHAPES)
def test_what_does_not_fit_the_data_is_refused(make, shape, message):
    with pytest.raises(UserError, match=message):
        make().check_shapes(shape)


def test_what_fits_is_not():
    flow().check_shapes((2,))
    image_ddpm().check_shapes((1, 8, 8))


def test_the_loss_falls_on_points():
    model, data = flow(objective=FLOW, denoiser=lambda: time_mlp(2, width=32)), points(batch_size=128)
    fit(model, data, 1)
    first = float(model.values["train/loss"])
    fit(model, data, 200)
    assert float(model.values["train/loss"]) < 0.75 * first

"""Each ailment of a denoiser is found where it is, in a training, and a healthy training is silent."""

import json
import math
from dataclasses import replace

import pytest
import torch
from tiny import DDPM, MODELS, TinyImages, fit, flow, image_ddpm, points
from torch import nn

from kantor.callbacks.clock import Clock
from kantor.callbacks.watch import watch
from kantor.keyed import Rng
from kantor.models.average_health import start_share
from kantor.models.denoising_findings import CHECKS, Setting, checks
from kantor.models.denoising_measurements import OUTSIDE, OVER_NOTHING, over_nothing
from kantor.models.ema import Exponential, Power
from kantor.models.health import LOOKS, SETTLED, History
from kantor.noising.betas import CosineBetas, LinearBetas
from kantor.noising.parametrisation import Data, Epsilon, Karras, V, Velocity
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.report.health import health_json
from kantor.runs.directory import RunDirectory
from kantor.samplers.base import DenoisingSampler

DENOISERS = {name: kind for name, kind in MODELS.items() if kind.model().sampler_kind is DenoisingSampler}
LECTURE = Chain(LinearBetas(1000, 1e-4, 0.02))


@pytest.fixture
def directory(tmp_path):
    """A run's."""
    made = RunDirectory(tmp_path / "run")
    made.create()
    return made


def found(directory, model, data, *, every=1):
    """What is found in a training that is looked at `LOOKS + SETTLED` times, by check."""
    steps = every * (LOOKS + SETTLED)
    fit(model, data, steps, *watch(model, directory=directory, clock=Clock(), seed=3, every=every))
    path = health_json(directory)
    findings = json.loads(path.read_text())["findings"] if path.is_file() else []
    return {one["check"]: one["message"] for one in findings if one["gone"] is None}


@pytest.mark.parametrize("kind", DENOISERS.values(), ids=DENOISERS.keys())
def test_a_healthy_training_is_silent(directory, kind):
    assert found(directory, kind.model(), kind.data(), every=8) == {}


def test_a_chain_of_ten_steps_leaves_95_percent_of_the_image(directory):
    model = flow(objective=replace(DDPM, path=Chain(LinearBetas(10, 1e-4, 0.02))))
    (message,) = found(directory, model, points()).values()
    assert "95% of the sample's amplitude are left (ᾱ of the last of 10 steps is 0.904)" in message
    assert "more steps (objective.path.betas.steps)" in message


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (LECTURE, 0.00635), (Chain(CosineBetas(1000, 0.008, 0.999)), 0.0), (Linear(), 0.0), (Cosine(), 0.0),
        (Exploding(0.002, 80.0), 1 / 80), (Exploding(0.01, 1.0), 0.5**0.5),
        (Chain(LinearBetas(100, 1e-4, 0.02)), 0.604),
    ],
)  # fmt: skip
def test_what_the_end_of_a_path_leaves_of_a_sample(path, left):
    setting = Setting.of(path)
    assert setting.left == pytest.approx(left, abs=2e-3)
    assert (checks(setting)["visible_sample"](History({}, {}, (), 0)) is None) == (left < 0.05)


def test_a_network_that_stays_at_zero_has_learned_nothing(directory):
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, x, noise):
            return 0 * self.weight * x

    assert set(found(directory, flow(denoiser=Silent, averaging=None), points())) == {"nothing_learned"}


@pytest.mark.parametrize("parametrisation", [Epsilon(), Data(), V(), Velocity(), Karras(0.5)])
def test_the_loss_over_nothing_is_one_of_zero_and_none_of_the_answer(parametrisation):
    """Of samples that are all one the answer is known: D is that one, so that F = (D - skip·x)/out."""
    objective = replace(DDPM, parametrisation=parametrisation)
    one, levels = torch.tensor([0.3, -0.7]), DDPM.path.at(torch.arange(1, 21, dtype=torch.float64) / 20)
    told_of = {float(noise): k for k, noise in enumerate(parametrisation.coefficients(levels, DDPM.path).noise.float())}

    def right(x, told):
        at = levels.each(torch.tensor([told_of[float(noise)] for noise in told]))
        skip, out, into, _ = (part.float()[:, None] for part in parametrisation.coefficients(at, DDPM.path))
        return (one - skip * x / into) / out

    def ratio(predict):
        return float(over_nothing(objective, predict, one.expand(50, 2), lambda: Rng(7))[OVER_NOTHING])

    assert ratio(lambda x, told: torch.zeros_like(x)) == 1
    assert ratio(right) < 1e-8 and 0.2 < ratio(lambda x, told: right(x, told) / 2) < 0.3


def test_pictures_that_the_denoiser_puts_out_of_range(directory):
    def bright():
        network = image_ddpm().denoiser
        with torch.no_grad():
            network.body.last.bias.add_(-9)
        return network

    model = image_ddpm(denoiser=bright)
    model.optimisation = flow(optimizer=lambda weights: torch.optim.SGD(weights, lr=1e-9)).optimisation
    messages = found(directory, model, TinyImages(labelled=True))
    assert "of all pixels out of range" in messages["clipped_samples"]


def test_points_have_no_range():
    assert OUTSIDE not in {line for chart in flow().charts() for line in chart.lines}
    assert OUTSIDE in {line for chart in image_ddpm().charts() for line in chart.lines}


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
def test_without_measurements_nothing_is_found(check):
    find = checks(Setting(left=0.0, where="", remedies=()))[check]
    assert find(History({}, {}, (), 0)) is None and find(History({}, {}, ({},) * LOOKS, 99)) is None


AVERAGES = {
    "idle_average": (Exponential(0.0, warm_up=False), "ema:0.0 is the same as the weights themselves"),
    "stale_average": (Exponential(0.9999, warm_up=False), "100% of ema:0.9999 are still the weights of the start"),
}


@pytest.mark.parametrize("check", AVERAGES)
def test_an_average_that_is_none(directory, check):
    averaging, words = AVERAGES[check]
    messages = found(directory, flow(averaging=averaging), points())
    assert set(messages) == {check} and words in messages[check]


@pytest.mark.parametrize("check", AVERAGES)
def test_of_several_averages_the_one_is_named(directory, check):
    bad = AVERAGES[check][0].decay
    model = flow(averaging=Exponential([0.5, bad], warm_up=False))
    assert set(found(directory, model, points())) == {f"{check} ema:{bad}"}


def test_an_average_that_never_follows(directory, monkeypatch):
    model = flow()
    monkeypatch.setattr(model.averages, "update", lambda: None)
    assert set(found(directory, model, points())) == {"stale_average"}


@pytest.mark.parametrize(
    ("averaging", "updates", "share"),
    [
        (Exponential(0.9, warm_up=False), 0, 1.0), (Exponential(0.9, warm_up=False), 1, 1.0),
        (Exponential(0.9, warm_up=False), 11, 0.9**10), (Exponential(0.999, warm_up=True), 3, 2 / 11 * 3 / 12),
        (Exponential(0.0, warm_up=False), 2, 0.0), (Power(12**-0.5), 8, 1 / 8),
        (Exponential(0.9, warm_up=False), 10**9, 0.0), (Exponential(1 - 1e-12, warm_up=False), 10**12, math.exp(-1)),
        (Exponential(1 - 1e-12, warm_up=True), 10**12, 0.0), (Power(0.01), 10**12, 0.0),
    ],
)  # fmt: skip
def test_the_share_of_first_weights_is_the_product_of_what_each_update_keeps(averaging, updates, share):
    assert start_share(averaging, averaging.numbers[0], updates) == pytest.approx(share, abs=1e-3)
    weight, other = torch.ones(1), torch.zeros(1)
    if 0 < updates < 100:
        for k in range(1, updates):
            weight = weight + averaging.weight(averaging.numbers[0], k) * (other - weight)
        assert float(weight) == pytest.approx(share, abs=1e-3)


def test_batch_normalisation_in_a_denoiser_is_said(capsys):
    class Normalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

        def forward(self, x, noise):
            return self.body(x)

    flow(denoiser=Normalised).check_networks()
    assert "model.denoiser has batch normalisation, which mixes the levels of noise" in capsys.readouterr().err
    for made in (flow, image_ddpm):
        made().check_networks()
    assert capsys.readouterr().err == ""

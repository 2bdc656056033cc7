"""Runs that are made to fail in the ways that the health checks know, and runs that are well."""

import functools
import re
from dataclasses import replace

import pytest
import torch
from tiny import SLOW_ADAM as adam
from tiny import Normalised, TinyImages, fit, image_gan, mlp, points, samples, vae

from kantor.callbacks.clock import Clock
from kantor.callbacks.health import Health
from kantor.callbacks.watch import watch
from kantor.models.spread import SPREAD, spread
from kantor.nets.flat import ToImages
from kantor.nets.skip_critic import SkipCritic
from kantor.objectives.adversarial import (
    Minimax,
    NonSaturating,
    WassersteinClipping,
    WassersteinGradientPenalty,
)
from kantor.report.health import health_json, read_findings

frozen = functools.partial(torch.optim.SGD, lr=0.0)


class Deaf(torch.nn.Module):
    """A network that does not hear its noise."""

    def __init__(self):
        super().__init__()
        self.answer = torch.nn.Parameter(torch.zeros(64))

    def forward(self, z):
        return self.answer + 1e-3 * z.sum(1, keepdim=True)


class Two(torch.nn.Module):
    """A network with two answers."""

    def __init__(self):
        super().__init__()
        self.answers = torch.nn.Parameter(torch.randn(2, 64))

    def forward(self, z):
        return self.answers[(z[:, 0] > 0).long()]


class Knowing(torch.nn.Module):
    """A network that makes a quadrant of each noise, with noise on it, as the data are."""

    def __init__(self):
        super().__init__()
        bright = torch.ones(4, 2, 4, 2, 4)
        for which in range(4):
            bright[which, which // 2, :, which % 2, :] = -1.0
        self.quadrants = torch.nn.Parameter(-bright.reshape(4, 64))
        self.grain = torch.nn.Parameter(0.1 * torch.randn(4, 64))

    def forward(self, z):
        return self.quadrants[2 * (z[:, 0] > 0).long() + (z[:, 1] > 0)] + z @ self.grain


class Forgetful(torch.optim.Adam):
    """Adam that takes four fifths off all weights between its steps 60 and 90, and puts them back from 150 to 180."""

    def __init__(self, weights):
        super().__init__(weights, lr=1e-4)
        self.steps = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        super().step(closure)
        factor = 0.95 if 60 < self.steps <= 90 else 1 / 0.95 if 150 < self.steps <= 180 else 1
        for weight in self.param_groups[0]["params"]:
            weight *= factor


def gp(weight):
    return WassersteinGradientPenalty(penalty_weight=weight, one_sided=False)


FAILING = {
    "constant output": (
        {"generator": lambda: ToImages(network=Deaf(), channels=1, image_size=8), "objective": gp(10.0)},
        "mode_collapse",
    ),
    "two answers": (
        {"generator": lambda: ToImages(network=Two(), channels=1, image_size=8), "objective": gp(10.0)},
        "mode_collapse",
    ),
    "steps so large that every sample saturates alike": (
        {"objective": gp(10.0), "generator_optimizer": functools.partial(adam, lr=3.0)},
        "mode_collapse",
    ),
    "a generator that does not learn": (
        {"generator_optimizer": frozen, "critic_optimizer": functools.partial(adam, lr=1e-2)},
        "perfect_discriminator",
    ),
    "minimax against a discriminator that is much faster": (
        {
            "objective": Minimax(), "n_critic": 20, "generator_optimizer": functools.partial(adam, lr=1e-5),
            "critic_optimizer": functools.partial(adam, lr=3e-2),
        },
        "vanishing_gradient",
    ),
    "a critic without its penalty": (
        {"objective": gp(0.0), "critic_optimizer": functools.partial(adam, lr=1e-2), "n_critic": 5},
        "wrong_slope",
    ),
    "a clip far below a step": (
        {
            "objective": WassersteinClipping(clip=1e-4, spare_normalisation=False), "n_critic": 5,
            "critic_optimizer": functools.partial(adam, lr=1e-2),
        },
        "clipped_weights",
    ),
    "clipped scales of normalisations": (
        {
            "critic": lambda: SkipCritic(
                channels=1, width=4, image_size=8, normalise=torch.nn.BatchNorm2d, initialise=None, constrain=None
            ),
            "objective": WassersteinClipping(clip=0.002, spare_normalisation=False),
        },
        "constant_critic",
    ),
}  # fmt: skip
WELL = {
    "gradient penalty": {"objective": gp(10.0), "n_critic": 3},
    "gradient penalty of a small weight": {"objective": gp(0.1), "n_critic": 3},
    "clipping": {
        "objective": WassersteinClipping(clip=0.1, spare_normalisation=False), "n_critic": 3,
        "generator_optimizer": functools.partial(torch.optim.RMSprop, lr=1e-3),
        "critic_optimizer": functools.partial(torch.optim.RMSprop, lr=1e-3),
    },
    "non-saturating": {"critic": Normalised, "critic_optimizer": functools.partial(adam, lr=3e-4)},
}  # fmt: skip


def watched(directory, model, steps, every=10):
    callbacks = watch(model, directory=directory, clock=Clock(), seed=3, every=every)
    fit(model, TinyImages(n=200, batch_size=32), steps, *callbacks)
    return callbacks[-1]


ONE_OF_ITS_KIND = ("constant output", "steps so large that every sample saturates alike", "gradient penalty")
"""Beside another that ends the same way: tried by `make long`."""


def each(names):
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=pytest.mark.long if name in ONE_OF_ITS_KIND else []) for name in names]
    )


@each(FAILING)
def test_a_run_made_to_fail_is_told_why_once(directory, capsys, name):
    settings, check = FAILING[name]
    health = watched(directory, image_gan(**settings), 100)
    found = [finding["check"] for finding in health.findings]
    assert found.count(check) == 1
    said = capsys.readouterr().err
    assert [finding.check for finding in read_findings(directory)] == found
    for finding in read_findings(directory):
        assert said.count(finding.message) == 1
        assert "Try " in finding.message and finding.step in range(40, 101, 10)


@each(WELL)
def test_a_run_that_is_well_hears_nothing(directory, capsys, name):
    health = watched(directory, image_gan(**WELL[name]), 200)
    assert health.findings == [] and not health_json(directory).exists()
    assert "kantor:" not in capsys.readouterr().err


def test_a_collapse_after_a_good_beginning_is_found_and_said_to_be_gone(directory, capsys):
    knowing = {"generator": lambda: ToImages(network=Knowing(), channels=1, image_size=8), "n_critic": 3}
    model = image_gan(**knowing, objective=gp(10.0), generator_optimizer=Forgetful)
    health = watched(directory, model, 260)
    (finding,) = read_findings(directory)
    assert finding.check == "mode_collapse" and 110 <= finding.step <= 140 and 200 <= finding.gone <= 250
    said = capsys.readouterr().err
    assert said.count(finding.message) == 1
    assert f"at step {finding.gone}: mode collapse: gone, it was found at step {finding.step}" in said
    assert health.history.highest["train/reached"] == 1.0
    assert float(re.search("samples are ([0-9.]+) times", finding.message)[1]) > 0.15  # by its fall, not for being one


def test_a_resumed_run_ends_with_the_same_findings_and_history(directory, tmp_path):
    settings, _ = FAILING["a critic without its penalty"]
    straight = watched(directory, image_gan(**settings), 60, every=5)
    written = health_json(directory).read_text()

    def part(steps, checkpoint=None):
        model = image_gan(**settings)
        callbacks = watch(model, directory=directory, clock=Clock(), seed=3, every=5)
        return callbacks[-1], fit(model, TinyImages(n=200, batch_size=32), steps, *callbacks, checkpoint=checkpoint)

    _, trainer = part(15)
    trainer.save_checkpoint(tmp_path / "fifteen.ckpt")
    part(60)  # finds what the resumed run has not found yet
    resumed, _ = part(60, tmp_path / "fifteen.ckpt")
    assert resumed.state_dict() == straight.state_dict()
    assert health_json(directory).read_text() == written


def test_findings_after_the_checkpoint_are_taken_back(directory):
    health_json(directory).write_text('{"findings": [{"step": 50, "check": "x", "message": "from before a kill"}]}')
    model = image_gan(objective=NonSaturating())
    fit(model, TinyImages(), 1, Health(directory, checks=model.checks(), every=10))
    assert read_findings(directory) == []


def test_a_family_of_ones_own_is_checked_by_its_own_measurements(directory, capsys):
    """A VAE whose decoder does not hear its latents."""
    model = vae(decoder=lambda: mlp(2, 2, width=1))
    with torch.no_grad():
        model.decoder.body[0].weight.zero_()

    def measurements(block, rng):
        return spread(block.samples.flatten(0, 1), lambda n: samples(model, "raw", n=n))

    def constant(history):
        spreads = history.last(SPREAD)
        return "constant decoder: Try another" if spreads and max(spreads) < 1e-3 else None

    model.measurements, model.checks = measurements, lambda: {"constant_decoder": constant}
    model.optimisation = replace(model.optimisation, optimizer=frozen)
    callbacks = watch(model, directory=directory, clock=Clock(), seed=3, every=2)
    fit(model, points(batch_size=64), 20, *callbacks)
    (finding,) = read_findings(directory)
    assert (finding.step, finding.check) == (8, "constant_decoder")
    assert "at step 8: constant decoder" in capsys.readouterr().err

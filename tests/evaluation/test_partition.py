"""Likelihoods of energies against laws that are counted."""

import math
import threading
from dataclasses import astuple, replace

import pytest
import torch
from machines import joint, log_z, machine, states
from tiny import SIDE, TinyImages, energy, gan, points, rbm

from kantor import keyed
from kantor.data import pixels
from kantor.data.bars_and_stripes import BarsAndStripes
from kantor.errors import UserError
from kantor.evaluation import partition
from kantor.evaluation.likelihood_scores import (
    NLL_OF_PICTURES,
    PICTURE_LIKELIHOODS,
    POINT_LIKELIHOODS,
    LikelihoodSetting,
    picture_likelihoods,
    point_likelihoods,
    with_shared,
)
from kantor.evaluation.partition import Annealed, Exact
from kantor.evaluation.protocol import Draw
from kantor.evaluation.score_definition import DrawScores, applying
from kantor.evaluation.spreads import Spread, pooled_interval
from kantor.metrics.partition import log_mean
from kantor.nets.confined import Confined
from kantor.processes import Processes
from kantor.samplers.annealing import base_of, log_weights_up

EXACT = Exact(pictures=None, extent=12.0, cells=400)
ANNEALED = Annealed(pictures=None, chains=200, temperatures=100, reverse=32)
DRAW = Draw(seed=0, chunk=16, draws=1)


def bars(side=2):
    settings = {"batch_size": 8, "size": None, "flip": False, "resident": "auto", "identity": "auto", "seed": 0}
    return BarsAndStripes(name="bars_and_stripes", image_size=side, **settings)


def of_bars(seed=0, **settings):
    """A machine of 2×2 pixels."""
    return rbm(energy=lambda: machine(seed, visible=4, hidden=3), shape=(1, 2, 2), averaging=None, **settings)


def scored(likelihood, model, data, processes=Processes(), *, weights="raw"):  # noqa: B008
    fitting = likelihood.of(model)
    scores = applying(PICTURE_LIKELIHOODS, LikelihoodSetting(fitting, 4, of=("binary", "bytes"), told=False))
    return picture_likelihoods(scores, fitting, model, data, draw=DRAW, weights=weights, processes=processes)


def true_nll(model, data):
    """By the joint law."""
    x = torch.from_numpy(data.test.pixels).flatten(1) > 0
    rows = (x.double() @ torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).long()
    return -float(joint(model.energy).sum(1).log()[rows].mean())


def test_the_exact_likelihood_is_that_of_the_joint_law():
    model, data = of_bars(), bars()
    found = scored(EXACT, model, data)
    assert list(found) == ["nll"]
    assert found["nll"].estimate.value == pytest.approx(true_nll(model, data), abs=1e-6)
    assert found["nll"].floor.estimate.value == pytest.approx(data.entropy)


def test_a_likelihood_of_a_machine_is_of_bits_whatever_grey_the_pictures_have():
    model, seen = rbm(averaging=None), []
    way = EXACT.of(model).prepared(model, None, weights="raw", seed=0, processes=Processes())
    model.energy.register_forward_hook(lambda machine, given, energies: seen.append(given[0]))
    grey = pixels.to_model(torch.from_numpy(TinyImages().pixels))
    way.nats(model, grey, None, weights="raw", rng=keyed.Rng(0), as_bytes=True)
    assert model.space.holds(torch.cat(seen)).all() and not model.space.holds((grey + 1) / 2).any()


@pytest.mark.parametrize("likelihood", [EXACT, ANNEALED], ids=["exact", "annealed"])
def test_energies_and_log_z_are_of_the_weights_that_are_asked_for(likelihood):
    model, data = rbm(energy=lambda: machine(0, visible=4, hidden=3), shape=(1, 2, 2)), bars()
    before = scored(likelihood, model, data, weights="ema")
    assert before["nll"].estimate.value == pytest.approx(true_nll(model, data), abs=0.1)
    with torch.no_grad():
        for weight in model.energy.parameters():
            weight.mul_(2)
    assert scored(likelihood, model, data, weights="ema") == before
    assert scored(likelihood, model, data)["nll"].estimate.value == pytest.approx(true_nll(model, data), abs=0.3)


def pseudo_likelihood(model, x):
    """Of each bit given all others, summed: what is called a likelihood in some libraries."""
    total = 0.0
    for i in range(4):
        other = x.clone()
        other[:, i] = 1 - other[:, i]
        total = total + torch.nn.functional.softplus(model.energy(x) - model.energy(other))
    return float(total.mean())


def test_a_pseudo_likelihood_is_another_number():
    """The mistake would be seen: it is off by more than any tolerance above."""
    model, data = of_bars(), bars()
    x = (torch.from_numpy(data.test.pixels).flatten(1) > 0).float()
    with torch.no_grad():
        assert abs(pseudo_likelihood(model, x) - true_nll(model, data)) > 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_an_annealed_likelihood_holds_the_exact_one_and_is_below_its_reverse(seed):
    model, data = of_bars(seed), bars()
    found, truth = scored(ANNEALED, model, data), true_nll(model, data)
    assert list(found) == ["nll", "nll_reverse", "log_partition"]
    assert found["nll"].estimate.low <= truth <= found["nll"].estimate.high
    assert found["log_partition"].estimate.value == pytest.approx(log_z(model.energy), abs=0.1)
    gap = found["nll_reverse"].estimate.value - found["nll"].estimate.value
    assert gap > -0.1 and abs(gap) > 1e-6  # from chains of its own
    own, other = (found[name].estimate for name in ("nll", "nll_reverse"))
    assert other.high - other.value != pytest.approx(own.high - own.value, rel=1e-3)
    of_z = found["log_partition"].estimate
    assert of_z.low <= log_z(model.energy) <= of_z.high and 0 < of_z.high - of_z.low < own.high - own.low
    assert found["nll_reverse"].estimate.value == pytest.approx(truth, abs=0.5)


def test_its_interval_covers_the_error_of_log_z():
    """Of two pictures at 1 and 3, variance 2: ½·2 of the mean, and 0.5² of log Z."""
    costs, error = torch.tensor([[1.0], [3.0]], dtype=torch.float64), Spread(0.25, 99)
    found = with_shared(DrawScores.of([NLL_OF_PICTURES], costs, with_spreads=True), {"nll": error, "other": error})
    assert found.values["nll"] == 2.0 and found.spreads.keys() == {"nll"}
    assert found.spreads["nll"].variance == pytest.approx(1.0 + 0.25)
    alike = DrawScores.of([NLL_OF_PICTURES], costs[:1].expand(2, 1), with_spreads=True)
    assert isinstance(with_shared(alike, {"nll": error}).spreads["nll"], str)


def test_the_interval_of_log_z_is_that_of_its_chains():
    """Whatever the pictures are; Student's t of as many chains."""
    model, data = of_bars(), bars()
    estimate = scored(ANNEALED, model, data)["log_partition"].estimate
    up = log_weights_up(
        model.energy, base_of(model.means.flatten()), chains=200, temperatures=100,
        rng=keyed.Rng(keyed.seed(DRAW.seed, "annealing", 0)),
    )  # fmt: skip
    of_chains = log_mean(up)
    expected = pooled_interval([of_chains.value], [Spread(of_chains.variance, 199)])
    assert astuple(estimate) == pytest.approx(astuple(expected), abs=1e-9)


@pytest.mark.parametrize("likelihood", [ANNEALED, EXACT], ids=["annealed", "exact"])
@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_work_on_log_z_and_get_the_same(together, monkeypatch, likelihood, world):
    """Each side is annealed once, and all states are counted once, whoever does it."""
    model, data, made = of_bars(), bars(), []
    alone = scored(likelihood, model, data)

    def listened(name, asked):
        def heard(*given, **more):
            made.append((name, threading.get_ident()))
            return asked(*given, **more)

        return heard

    for name in ("log_weights_up", "log_weights_down", "log_sum_of_states"):
        monkeypatch.setattr(partition, name, listened(name, getattr(partition, name)))
    found = together(lambda processes: scored(likelihood, model, data, processes), world)
    assert all(scores == alone for scores in found)
    expected = {"annealed": ["log_weights_down", "log_weights_up"], "exact": ["log_sum_of_states"]}[likelihood.name]
    assert sorted(name for name, _ in made) == expected and len({who for _, who in made}) == len(expected)


def test_chunks_do_not_matter():
    model, data = of_bars(), bars()
    first = scored(ANNEALED, model, data)["nll"].estimate
    fitting = ANNEALED.of(model)
    scores = applying(PICTURE_LIKELIHOODS, LikelihoodSetting(fitting, 4, of=("binary", "bytes"), told=False))
    draw = Draw(seed=0, chunk=100, draws=1)
    second = picture_likelihoods(scores, fitting, model, data, draw=draw, weights="raw", processes=Processes())[
        "nll"
    ].estimate
    assert (first.value, first.low) == pytest.approx((second.value, second.low))


def test_the_interval_is_over_pictures_and_says_so():
    assert {score.plain()["covers"] for score in scored(EXACT, of_bars(), bars()).values()} == {"pictures"}


def test_the_density_of_an_energy_of_points_is_integrated():
    """Of a perceptron that gives 0: the normal law of deviation 2, whose cross-entropy is known."""

    def flat():
        network = Confined(network=Zero(), unit=1.0, deviation=2.0)
        return network

    model, data = energy(energy=flat, averaging=None), points()
    fitting = EXACT.of(model)
    draw = Draw(seed=0, chunk=64, draws=10)
    scores = applying(POINT_LIKELIHOODS, LikelihoodSetting(fitting, 2, of=("numbers",), told=False))
    found = point_likelihoods(scores, fitting, model, data, n=128, draw=draw, weights="raw", processes=Processes())
    x = [data.distribution.sample(128, keyed.generator(0, "likelihood", r), stratified=False) for r in range(10)]
    expected = sum(float((one**2).sum(1).mean()) for one in x) / 10 / 8 + math.log(2 * math.pi * 4)
    assert found["nll"].estimate.value == pytest.approx(expected, abs=1e-4)
    assert found["nll"].floor.estimate.value < expected
    assert found["log_density_error"].estimate.value > 0.1
    assert found["log_density_error"].floor is None


class Zero(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.weight * x.sum(1)


REFUSED = {
    "no energy": (EXACT, gan, r"^likelihood=exact: Adversarial has no energy whose partition function"),
    "nor to anneal": (ANNEALED, gan, r"^likelihood=annealed: Adversarial has no energy"),
    "a network": (ANNEALED, energy, r"^likelihood=annealed: only a machine of two layers of bits is annealed"),
    "too many units": (
        EXACT,
        lambda: rbm(energy=lambda: machine(0, visible=SIDE**2, hidden=30)),
        r"^likelihood=exact: neither side of the machine has at most 20 units \(64 and 30\), .*=annealed",
    ),
}


@pytest.mark.parametrize(("likelihood", "model", "sentence"), REFUSED.values(), ids=REFUSED)
def test_models_without_such_a_likelihood_are_refused(likelihood, model, sentence):
    with pytest.raises(UserError, match=sentence):
        likelihood.of(model())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Annealed(pictures=None, chains=1, temperatures=5, reverse=2), "chains=1: expected at least 2"),
        (lambda: Annealed(pictures=None, chains=9, temperatures=0, reverse=2), "temperatures=0: expected at least 1"),
        (lambda: Annealed(pictures=None, chains=9, temperatures=5, reverse=1), "reverse=1: expected 2 to 1000 chains"),
        (lambda: Annealed(pictures=None, chains=9, temperatures=5, reverse=2000), "reverse=2000: expected 2 to 1000"),
        (lambda: Exact(pictures=None, extent=0.0, cells=5), "extent=0.0: expected a number above 0"),
        (lambda: Exact(pictures=None, extent=1.0, cells=1), "cells=1: expected at least 2"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_the_protocol_says_which_bits_and_how_z_was_had():
    model = of_bars()
    told = ANNEALED.of(model).describe(4)
    assert told["binarisation"] == "fixed" and told["temperatures"] == 100 and told["reverse chains"] == 32
    assert EXACT.of(model).describe(4) == {
        "by": "all states", "bound": "none", "observation": "Bernoulli", "binarisation": "fixed", "looked at": "all",
    }  # fmt: skip
    assert EXACT.of(energy()).describe(2) == {"by": "midpoint rule", "extent": 12.0, "cells": 400, "bound": "none"}


def test_every_setting_makes_another_protocol():
    ways = (
        (ANNEALED, of_bars(), {"chains": 9, "temperatures": 9, "reverse": 9, "pictures": 9}),
        (EXACT, of_bars(), {"pictures": 9}),
        (EXACT, energy(), {"extent": 9.0, "cells": 9}),
    )
    for way, model, changed in ways:
        for name, value in changed.items():
            other = replace(way, **{name: value})
            assert other.of(model).describe(4) != way.of(model).describe(4), name


def test_both_layers_count_alike():
    """Of a machine with fewer hidden units than pixels, and of one with more."""
    for visible, hidden in ((4, 3), (4, 6)):
        model = rbm(energy=lambda v=visible, h=hidden: machine(5, visible=v, hidden=h), shape=(1, 2, 2), averaging=None)
        prepared = EXACT.of(model).prepared(model, None, weights="raw", seed=0, processes=Processes())
        assert prepared.log_z[0] == pytest.approx(log_z(model.energy), abs=1e-9)


def test_states_of_machines_are_those_that_are_counted():
    assert states(2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert TinyImages().entropy is None

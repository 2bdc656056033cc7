"""Likelihoods as scores, of models that are exact and of tiny ones."""

import math
from dataclasses import replace

import pytest
import tiny
import torch
from albums import EVALUATION as OF_PICTURES

from kantor.errors import UserError
from kantor.evaluation.base import Work
from kantor.evaluation.denoiser_likelihood import Flow, VariationalBound
from kantor.evaluation.points import PointEvaluation
from kantor.evaluation.real_pictures import order
from kantor.keyed import Rng
from kantor.noising.exact import ExactMixture, exact_denoiser
from kantor.processes import Processes

FLOW = Flow(steps=20, probes=1, noise=1e-3, pictures=12)
BOUND = VariationalBound(steps=40, variance="beta", pictures=12)
ways = pytest.mark.parametrize("way", [FLOW, BOUND], ids=["flow", "bound"])
OF_POINTS = PointEvaluation(
    name="toy", n=40, draws=10, chunk=40, seed=0, weights="raw", checkpoint="last", every=5, threads=1,
    sampler=tiny.FEW_STEPS, scores=["nll"], classes=None, likelihood=FLOW, nfe=None, extractor=None, bins=8,
)  # fmt: skip


def knowing(model, denoiser):
    """A model whose network is the exact denoiser."""
    model.denoiser_of = lambda networks, labels=None: denoiser
    return model


@ways
def test_an_exact_model_costs_what_the_truth_costs(way):
    """The flow to its error, the bound a little more and never less; both intervals are over the same points."""
    data = tiny.points()
    model = knowing(tiny.flow(), exact_denoiser(data.distribution))
    found = replace(OF_POINTS, likelihood=way).score(model, data, Processes())
    assert list(found) == ["nll"]
    score = found["nll"]
    truth = score.floor.estimate.value
    assert truth == pytest.approx(-0.381, abs=0.1)
    above = score.estimate.value - truth
    assert (-0.01 < above < 0.01) if way is FLOW else (0.01 < above < 0.5)
    assert score.estimate.low < score.estimate.value < score.estimate.high
    assert score.floor.n == 40 and len(score.draws) == 10


def test_a_worse_model_costs_more():
    data = tiny.points()
    model = knowing(tiny.flow(), ExactMixture(torch.from_numpy(data.distribution.modes), 0.2))
    score = OF_POINTS.score(model, data, Processes())["nll"]
    # the mean over points of log p of round Gaussians of 0.2 where the data have 0.0707
    extra = 2 * math.log(0.2 / data.distribution.sigma) + (data.distribution.sigma / 0.2) ** 2 - 1
    assert score.estimate.value - score.floor.estimate.value == pytest.approx(extra, abs=0.05)


def sums_to(whole, found):
    """Whether a bound's three kinds of terms are there, and draw by draw add up to a score."""
    terms = [found[f"bound_{field}"].draws for field in ("prior", "steps", "decoder")]
    assert [sum(draw) for draw in zip(*terms, strict=True)] == pytest.approx(found[whole].draws)


def test_the_terms_of_a_bound_sum_to_it():
    """Of two steps of an exact model each kind counts; the flow has none."""
    data, two_steps = tiny.points(), replace(BOUND, steps=2)
    model = knowing(tiny.flow(), exact_denoiser(data.distribution))
    names = ["nll", "bound_prior", "bound_steps", "bound_decoder"]
    evaluation = replace(OF_POINTS, likelihood=two_steps, scores=names)
    found = evaluation.score(model, data, Processes())
    assert list(found) == names == list(evaluation.kinds(data))
    sums_to("nll", found)
    # at its end the path is noise alone
    assert found["bound_prior"].estimate.value == pytest.approx(0, abs=1e-9)
    assert found["bound_steps"].estimate.value > 0.1
    assert all(found[name].floor is None for name in names[1:])
    with pytest.raises(UserError, match="makes no bound_prior"):
        replace(evaluation, likelihood=FLOW).kinds(data)


def test_the_end_of_a_path_that_shows_the_sample_has_its_price():
    """KL(N(αx, σ²) ‖ N(0, 1)) of the last level, by hand, in nats of a point."""
    data, model = tiny.points(), tiny.hybrid()
    bound = replace(BOUND, steps=None)
    found = replace(OF_POINTS, likelihood=bound, draws=2, scores=["bound_prior"]).score(model, data, Processes())
    kept = float(torch.cumprod(1 - torch.linspace(0.01, 0.4, 20, dtype=torch.float64), 0)[-1])
    # the data's mean of ‖x‖² is 1.414² + 2σ² in the scale in which the model sees them
    square = data.distribution.modes[0] @ data.distribution.modes[0] + 2 * data.distribution.sigma**2
    expected = 0.5 * (kept * square - 2 * kept - 2 * math.log(1 - kept))
    assert found["bound_prior"].estimate.value == pytest.approx(expected, rel=0.05)


@ways
def test_it_is_off_unless_asked_for_and_told_in_the_protocol(way):
    data = tiny.points()
    without = replace(OF_POINTS, likelihood=None, scores=None)
    assert "nll" not in without.kinds(data) and "nll" not in without.protocol(data).estimators
    with_it = replace(OF_POINTS, likelihood=way, scores=None)
    assert "nll" in with_it.kinds(data)
    said = with_it.protocol(data).estimators["nll"]
    assert said["unit"] == "nats" and said["steps"] == way.steps and said["bound"] in ("none", "variational")
    assert with_it.protocol(data).hash == without.protocol(data).hash
    with pytest.raises(UserError, match="makes no nll"):
        replace(OF_POINTS, likelihood=None).kinds(data)


@ways
def test_pictures_in_bits(way):
    """A model that knows nothing but the mean grey pays for it; one that knows the pictures by heart pays little; no
    samples are drawn for that."""
    data = tiny.TinyImages(labelled=True)
    way = replace(way, steps=20)
    terms = ["bound_prior", "bound_steps", "bound_decoder"] if way.describe(64)["bound"] == "variational" else []
    evaluation = replace(OF_PICTURES, likelihood=way, scores=["bits_per_dim", *terms], chunk=5, weights="raw")
    assert evaluation.protocol(data).estimators["bits_per_dim"]["by"]
    x = torch.from_numpy(data.pixels).float() / 127.5 - 1
    # a set of noisy copies: with none at all the flow's density would have no end
    by_heart, ignorant = ExactMixture(x, 1 / 255), ExactMixture(x.mean(0, keepdim=True), float(x.std()))
    costs = {}
    for name, denoiser in (("by heart", by_heart), ("ignorant", ignorant)):
        model = knowing(tiny.image_ddpm(), denoiser)
        model.draw = None
        found = evaluation.score(model, data, Processes(), Work())
        costs[name] = found["bits_per_dim"].estimate
        if terms:
            sums_to("bits_per_dim", found)
    assert 0 < costs["by heart"].value < costs["ignorant"].value - 2
    assert costs["ignorant"].value == pytest.approx(8.4, abs=0.2)
    assert all(cost.low < cost.value < cost.high for cost in costs.values())


def test_labels_go_with_their_pictures():
    """A conditional model is told what each held-out picture shows."""
    data, told = tiny.TinyImages(labelled=True), []
    model = tiny.image_ddpm()
    of = model.denoiser_of

    def denoiser_of(networks, labels=None):
        told.append(labels)
        return of(networks, labels)

    model.denoiser_of = denoiser_of
    evaluation = replace(OF_PICTURES, likelihood=FLOW, scores=["bits_per_dim"], chunk=5, weights="raw")
    evaluation.score(model, data, Processes(), Work())
    rows = order(len(data.test), evaluation.seed, "likelihood")[:12]
    assert torch.cat(told).tolist() == data.labels[rows].tolist()


def test_weights_are_those_that_are_asked_for():
    model, x = tiny.flow(), torch.zeros(3, 2)
    with torch.no_grad():
        for weight in model.denoiser.parameters():
            weight.mul_(2)
    raw, ema = (FLOW.nats(model, x, None, weights=weights, rng=Rng(0), as_bytes=False) for weights in ("raw", "ema"))
    assert not torch.equal(raw, ema)
    assert model.denoiser.training


def test_families_without_a_density_are_refused():
    with pytest.raises(UserError, match=r"Adversarial has no density .* take likelihood=none"):
        FLOW.of(tiny.gan())
    with pytest.raises(UserError, match=r"likelihood.steps=40: the model's chain has 20 steps"):
        BOUND.of(tiny.image_ddpm())
    with pytest.raises(UserError, match=r"variance=learned: the model has learned none"):
        replace(BOUND, variance="learned").of(tiny.flow())
    with pytest.raises(UserError, match=r"flow: the model has learned the variance .* likelihood.variance=learned"):
        FLOW.of(tiny.hybrid())
    for way, model in ((replace(BOUND, variance="learned", steps=None), tiny.hybrid()), (FLOW, tiny.flow())):
        assert way.of(model) == way


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flow(steps=0, probes=1, noise=1e-3, pictures=4),
        lambda: Flow(steps=5, probes=0, noise=1e-3, pictures=4),
        lambda: VariationalBound(steps=1, variance="beta", pictures=4),
        lambda: VariationalBound(steps=None, variance="best", pictures=4),
        lambda: VariationalBound(steps=None, variance="beta", pictures=1),
    ],
)
def test_settings_that_make_no_sense(make):
    with pytest.raises(UserError, match="expected"):
        make()

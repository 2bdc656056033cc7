"""The likelihood by importance sampling, of models whose likelihood is known, and what is refused."""

import math
from dataclasses import replace

import pytest
import tiny
import torch
from albums import EVALUATION as OF_PICTURES
from torch import nn

from kantor.errors import UserError
from kantor.evaluation.base import Work
from kantor.evaluation.importance import NUMBERS, Importance
from kantor.evaluation.points import PointEvaluation
from kantor.keyed import Rng
from kantor.objectives.elbo import IWAE, Reconstruction
from kantor.objectives.observation import Bernoulli, Categorical, Gaussian
from kantor.processes import Processes

WAY = Importance(k=20, pictures=12)
OF_POINTS = PointEvaluation(
    name="toy", n=40, draws=10, chunk=25, seed=0, weights="raw", checkpoint="last", every=5, threads=1,
    sampler=tiny.DIRECT, scores=["nll"], classes=None, likelihood=None, nfe=None, extractor=None, bins=8,
)  # fmt: skip
TERMS = ["nll", "elbo_reconstruction", "elbo_kl", "negative_elbo", "posterior_kl"]


def of(objective, observation):
    """An objective of what else is observed."""
    return replace(objective, observation=observation)


class Blind(nn.Module):
    """A decoder that gives the same of every z."""

    def __init__(self, given):
        super().__init__()
        self.given = nn.Parameter(given)

    def forward(self, z):
        return self.given.expand(len(z), *self.given.shape)


def prior(dim=4):
    """An encoder that gives the prior, whatever it sees."""
    return Blind(torch.zeros(2 * dim))


@pytest.mark.parametrize("k", [1, 7, 50])
def test_a_decoder_that_is_told_nothing_has_the_likelihood_of_its_pixels(k):
    """log p(x) is Σ log p of each pixel; the prior as posterior has no KL, and every weight is p(x)."""
    model = tiny.image_variational(encoder=prior, decoder=lambda: Blind(torch.full((1, 8, 8), math.log(3))))
    data = tiny.TinyImages()
    x = torch.from_numpy(data.pixels).float() / 127.5 - 1
    way = replace(WAY, k=k).of(model)
    addends = way.nats(model, x, None, weights="raw", rng=Rng(0), as_bytes=True)
    ones = tiny.BINARY.observation.observed(x, Rng(0)).flatten(1).sum(1).double()
    expected = -(ones * math.log(3 / 4) + (64 - ones) * math.log(1 / 4))
    torch.testing.assert_close(addends.sum(1), expected, rtol=1e-5, atol=1e-4)
    assert addends[:, 1:].abs().max() < 1e-4


def test_a_wrong_posterior_costs_less_the_larger_k():
    """Of the same decoder: -log p is known, the bound comes down to it, and the KL to the posterior is the rest."""
    shifted = torch.cat([torch.full((4,), 0.5), torch.zeros(4)])
    model = tiny.image_variational(
        encoder=lambda: Blind(shifted), decoder=lambda: Blind(torch.full((1, 8, 8), math.log(3)))
    )
    x = torch.ones(1000, 1, 8, 8)
    truth, found = -64 * math.log(3 / 4), []
    for k in (1, 10, 500):
        addends = replace(WAY, k=k).of(model).nats(model, x, None, weights="raw", rng=Rng(0), as_bytes=True)
        found.append(addends.mean(0))
    assert float(found[2].sum()) == pytest.approx(truth, abs=0.02)
    assert truth + 0.02 < float(found[1].sum()) < float(found[0].sum()) - 0.2
    # KL(N(½, 1) ‖ N(0, 1)) of four dimensions, which is also that to the true posterior, the prior
    for addends in found:
        assert float(addends[1]) == pytest.approx(4 * 0.125, abs=1e-5)
    assert -float(found[2][2]) == pytest.approx(4 * 0.125, abs=0.05)


def test_it_does_not_depend_on_how_much_a_decoder_takes_at_once(monkeypatch):
    """The same of all pictures and vectors one by one, but for the noise that each gets."""
    model = tiny.image_variational()
    x = torch.from_numpy(tiny.quadrants(6)[0]).float() / 127.5 - 1
    found = []
    for numbers in (NUMBERS, 640):
        monkeypatch.setattr("kantor.evaluation.importance.NUMBERS", numbers)
        found.append(replace(WAY, k=400).of(model).nats(model, x, None, weights="raw", rng=Rng(0), as_bytes=True))
    torch.testing.assert_close(found[0].sum(1), found[1].sum(1), rtol=0, atol=0.2)
    torch.testing.assert_close(found[0][:, 1], found[1][:, 1])


def test_all_held_out_pictures_are_asked_unless_fewer_are_named():
    data, model = tiny.TinyImages(), tiny.image_variational()
    for pictures, expected in ((None, len(data.test)), (12, 12)):
        asked, way = [], replace(WAY, pictures=pictures).of(model)

        def nats(model, x, labels, asked=asked, **others):
            asked.append(len(x))
            return torch.arange(3.0 * len(x)).view(-1, 3)

        object.__setattr__(way, "nats", nats)
        evaluation = replace(OF_PICTURES, likelihood=way, scores=["nll"], chunk=5, weights="raw")
        evaluation.score(model, data, Processes(), Work())
        assert sum(asked) == expected and max(asked) == 5


def test_scores_of_binary_pictures():
    """ELBO and likelihood beside each other, in nats of a picture, with intervals; -log p = -ELBO - KL."""
    data, model = tiny.TinyImages(), tiny.image_variational()
    evaluation = replace(OF_PICTURES, likelihood=WAY.of(model), scores=TERMS, chunk=5, weights="raw")
    kinds = evaluation.kinds(data)
    assert list(kinds) == TERMS and kinds["nll"].better == "lower" and kinds["negative_elbo"].better == "none"
    said = evaluation.protocol(data).estimators["nll"]
    assert (said["k"], said["binarisation"], said["looked at"], said["unit"]) == (20, "fixed", 12, "nats")
    found = {name: score.estimate for name, score in evaluation.score(model, data, Processes(), Work()).items()}
    value = {name: estimate.value for name, estimate in found.items()}
    assert value["negative_elbo"] == pytest.approx(value["elbo_reconstruction"] + value["elbo_kl"])
    assert value["nll"] == pytest.approx(value["negative_elbo"] - value["posterior_kl"])
    assert value["posterior_kl"] > 0 and 30 < value["nll"] < 60
    assert all(estimate.low < estimate.value < estimate.high for estimate in found.values())


def test_likelihoods_are_made_at_the_end_and_not_while_training():
    """Of pictures and of points: all else is there while training, too."""
    pictures = replace(OF_PICTURES, likelihood=WAY.of(tiny.image_variational()), scores=[*TERMS, "kid"], chunk=5)
    plane = replace(OF_POINTS, likelihood=WAY.of(tiny.variational()), scores=["nll", "w1"])
    of_both = ((pictures, tiny.image_variational(), tiny.TinyImages()), (plane, tiny.variational(), tiny.points()))
    for evaluation, model, data in of_both:
        evaluation = replace(evaluation, weights="raw")
        made = evaluation.score_while_training(model, data, Processes()).keys()
        assert made and made == evaluation.kinds(data).keys() - evaluation.at_the_end(data)


def test_another_binarisation_is_another_protocol():
    data = tiny.TinyImages()
    hashes = set()
    for kind in ("fixed", "dynamic", "threshold"):
        model = tiny.image_variational(objective=of(tiny.BINARY, Bernoulli(binarise=kind)))
        evaluation = replace(OF_PICTURES, likelihood=WAY.of(model), scores=["nll"])
        hashes.add(evaluation.protocol(data).hash_of("nll"))
    for way in (replace(WAY, k=21), replace(WAY, pictures=13)):
        evaluation = replace(OF_PICTURES, likelihood=way.of(model), scores=["nll"])
        hashes.add(evaluation.protocol(data).hash_of("nll"))
    assert len(hashes) == 5


@pytest.mark.parametrize("observation", [Categorical(), Gaussian(noise=1.0, dequantise=True)], ids=str)
def test_bytes_in_bits(observation):
    """A decoder of equal logits has 8 bits a byte; N(0, 1) that of its density, by hand."""
    given = torch.zeros(observation.outputs(1), 8, 8)
    model = tiny.image_variational(encoder=prior, decoder=lambda: Blind(given), objective=of(tiny.BINARY, observation))
    data = tiny.TinyImages()
    evaluation = replace(OF_PICTURES, likelihood=WAY.of(model), scores=["bits_per_dim"], chunk=5, weights="raw")
    found = evaluation.score(model, data, Processes(), Work())["bits_per_dim"].estimate.value
    if isinstance(observation, Categorical):
        assert found == pytest.approx(8, abs=1e-5)
    else:
        x = torch.from_numpy(data.pixels).double() / 127.5 - 1
        expected = 0.5 * float((x.square() + (2 / 255) ** 2 / 12).mean()) + 0.5 * math.log(2 * math.pi)
        assert found == pytest.approx((expected - math.log(2 / 255)) / math.log(2), abs=0.1)


def test_points_beside_the_true_density():
    """A model that is the data's own mixture but for its latent space: 8 Gaussians around 0 are one Gaussian to it."""
    data = tiny.points()
    model = tiny.variational(
        encoder=lambda: prior(2), decoder=lambda: Blind(torch.zeros(2)),
        objective=of(tiny.NUMBERS, Gaussian(noise=1.0, dequantise=False)),
    )  # fmt: skip
    score = replace(OF_POINTS, likelihood=WAY.of(model)).score(model, data, Processes())["nll"]
    modes = torch.from_numpy(data.distribution.modes)
    square = float(modes.square().sum(1).mean()) + 2 * data.distribution.sigma**2
    assert score.estimate.value == pytest.approx(math.log(2 * math.pi) + square / 2, abs=0.02)
    assert score.floor.estimate.value < score.estimate.value


def test_weights_are_those_that_are_asked_for_of_encoder_and_decoder():
    """An averaged decoder beside a raw encoder would be a model that nobody trained."""
    model, x = tiny.image_variational(), torch.zeros(3, 1, 8, 8)
    way = WAY.of(model)
    first = way.nats(model, x, None, weights="ema", rng=Rng(0), as_bytes=True)
    for network in model.networks().values():
        with torch.no_grad():
            for weight in network.parameters():
                weight.mul_(2)
        raw, ema = (way.nats(model, x, None, weights=name, rng=Rng(0), as_bytes=True) for name in ("raw", "ema"))
        assert not torch.equal(raw, ema) and torch.equal(ema, first)
    assert set(model.averages.networks(model.averages.names[0])) == {"encoder", "decoder"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (tiny.gan, "likelihood=importance: Adversarial has no posterior of latent vectors, .*; take such a model"),
        (tiny.flow, "likelihood=importance: DenoisingModel has no posterior"),
        (
            lambda: tiny.image_variational(
                objective=Reconstruction(observation=tiny.BINARY.observation),
                encoder=lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 4)),
            ),
            "likelihood=importance: VariationalModel has no posterior .* objective=elbo",
        ),
        (
            lambda: tiny.image_variational(objective=of(tiny.BINARY, Bernoulli(binarise="grey"))),
            "likelihood=importance: grey values under a Bernoulli have no likelihood; train with .*binarise=fixed",
        ),
    ],
)
def test_what_has_no_such_likelihood(make, said):
    with pytest.raises(UserError, match=said):
        WAY.of(make())


def test_numbers_are_no_likelihood_of_pictures():
    model = tiny.image_variational(objective=of(tiny.BINARY, Gaussian(noise=1.0, dequantise=False)))
    with pytest.raises(UserError, match=r"a density of numbers, .* objective.observation.dequantise=true"):
        replace(OF_PICTURES, likelihood=WAY.of(model)).kinds(tiny.TinyImages())


def test_settings_that_make_no_sense():
    with pytest.raises(UserError, match="k=0: expected a number above 0"):
        replace(WAY, k=0)
    with pytest.raises(UserError, match="pictures=1"):
        replace(WAY, pictures=1)


def test_iwae_is_scored_as_elbo_is():
    model = tiny.image_variational(objective=IWAE(observation=tiny.BINARY.observation, k=3))
    assert WAY.of(model).observes == ("binary",)

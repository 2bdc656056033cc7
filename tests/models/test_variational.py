"""Variational models: what the two networks are, what they train, and what is refused."""

import json
import re
from dataclasses import replace

import pytest
import tiny
import torch
from small_runs import checked, composed
from torch import nn

from kantor.callbacks.clock import Clock
from kantor.callbacks.watch import watch
from kantor.config.compose import compose
from kantor.engine.assembly import assemble
from kantor.engine.check import check_model
from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.models.health import LOOKS, SETTLED, History
from kantor.models.variational_health import ACTIVE, LARGEST, MEDIAN, SMALLEST, posterior_collapse, use
from kantor.nets.conv_pair import ConvDecoder, ConvEncoder
from kantor.nets.flat import FromImages, ToPixels
from kantor.nets.noise import LearnedNoise
from kantor.nets.normalisation import grouped
from kantor.objectives.elbo import ELBO, IWAE, Reconstruction
from kantor.objectives.observation import Bernoulli, Categorical, Gaussian
from kantor.objectives.posterior import Posterior
from kantor.report.health import health_json
from kantor.runs.directory import RunDirectory


def grouped_by_4(channels):
    return grouped(channels, groups=4)


def test_the_lectures_networks_have_their_weights():
    """784-400-20: 784·400 + 400, twice 400·20 + 20, 20·400 + 400, 400·784 + 784."""
    run = checked("experiment=mnist_vae")
    assert sum(run.model.parameter_counts().values()) == 652_824
    assert run.model.parameter_counts() == {"encoder": 314_000 + 2 * 8_020, "decoder": 8_400 + 314_384}


def test_the_lectures_experiment_has_the_lectures_settings():
    plain = composed("experiment=mnist_vae").plain
    optimizer = plain["optimisation"]["optimizer"]
    assert (optimizer["_target_"], optimizer["lr"], optimizer["betas"]) == ("torch.optim.Adam", 1e-3, [0.9, 0.999])
    assert plain["data"]["batch_size"] == 64 and plain["budget"]["steps"] == 10_000
    assert plain["data"]["image_size"] == 28 and plain["model"]["latent"]["dim"] == 20
    assert plain["objective"]["beta"] == 1 and plain["objective"]["observation"]["binarise"] == "fixed"
    assert plain["ema"]["_target_"] is None and plain["likelihood"] == {
        "_target_": "kantor.evaluation.importance.Importance", "k": 1000, "pictures": None,
    }  # fmt: skip


@pytest.mark.parametrize("size", [32, 64])
def test_the_convolutional_pair_has_the_sizes_of_its_pictures(size):
    encoder = ConvEncoder(channels=3, image_size=size, width=4, outputs=10, normalise=grouped_by_4)
    decoder = ConvDecoder(latent_dim=5, channels=6, image_size=size, width=4, normalise=grouped_by_4)
    x = torch.rand(2, 3, size, size)
    assert encoder(x).shape == (2, 10) and decoder(torch.zeros(2, 5)).shape == (2, 6, size, size)
    torch.testing.assert_close(encoder(x)[1:], encoder(x[1:]), rtol=1e-4, atol=1e-5)  # samples do not meet
    with pytest.raises(UserError, match="image_size=28: expected 8, 16, 32, 64"):
        ConvEncoder(channels=1, image_size=28, width=4, outputs=10, normalise=grouped_by_4)


@pytest.mark.parametrize("shape", [[1], [3, 4, 4]])
def test_learned_noise_is_of_the_data_and_not_of_a_sample(shape):
    decoder = LearnedNoise(
        network=ToPixels(network=nn.Linear(2, 48), channels=3, image_size=4), shape=shape, start=-1.0
    )
    given = decoder(torch.randn(5, 2))
    assert given.shape == (5, 6, 4, 4) and bool((given[:, 3:] == -1).all())
    given[:, 3:].sum().backward()
    assert decoder.log_variance.grad.shape == tuple(shape)
    with pytest.raises(UserError, match=r"shape=\[0\]"):
        LearnedNoise(network=nn.Identity(), shape=[0], start=0.0)


def test_the_bound_rises_in_training_and_its_terms_are_told():
    model, data = tiny.image_variational(optimizer=tiny.ADAM), tiny.TinyImages()
    tiny.fit(model, data, 1)
    first = float(model.values["train/elbo"])
    tiny.fit(model, data, 60)
    values = {name: float(value) for name, value in model.values.items()}
    assert values["train/elbo"] > first + 5
    assert values["train/loss"] == pytest.approx(values["train/reconstruction"] + values["train/kl"], rel=1e-5)
    assert values["train/elbo"] == pytest.approx(-values["train/loss"], rel=1e-5)


def test_one_variance_for_all_is_learned():
    """A decoder of points without any latent influence is left with the data's own variance."""
    model = tiny.variational(
        decoder=lambda: LearnedNoise(network=Still(2), shape=[1], start=0.0), optimizer=tiny.ADAM,
    )  # fmt: skip
    data = tiny.points(batch_size=256)
    tiny.fit(model, data, 150)
    # 8 modes on a circle of radius √2, ½·(2 + 2σ²) in each dimension
    expected = 1 + data.distribution.sigma**2
    assert float(model.decoder.log_variance.exp()) == pytest.approx(expected, rel=0.05)


class Still(nn.Module):
    """A decoder of one mean for all."""

    def __init__(self, outputs):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(outputs))

    def forward(self, z):
        return self.mean + 0 * z


def test_an_average_covers_encoder_and_decoder():
    model = tiny.image_variational()
    tiny.fit(model, tiny.TinyImages(), 3)
    raw, ema = model.weights("raw"), model.weights("ema")
    for name in ("encoder", "decoder"):
        assert not tiny.same(tiny.state(raw[name]), tiny.state(ema[name]))


def test_samples_of_points_have_the_noise_of_the_likelihood_and_of_pictures_not():
    model = tiny.variational(objective=replace(tiny.NUMBERS, observation=Gaussian(noise=0.7, dequantise=False)),
                             decoder=lambda: Still(2))  # fmt: skip
    drawn = tiny.samples(model, "raw", n=4000)
    assert drawn.std(0).tolist() == pytest.approx([0.7, 0.7], rel=0.05)
    pictures = tiny.image_variational()
    z = pictures.latent(5, Rng(1))
    torch.testing.assert_close(tiny.samples(pictures, "raw"), pictures.decode(z, weights="raw"))


def test_how_much_of_a_latent_space_is_used():
    """By hand: dimension 0 follows the sample, 1 is the prior, 2 is off it but the same for all."""
    mean = torch.stack([torch.linspace(-2, 2, 100), torch.zeros(100), torch.ones(100)], 1)
    found = use(Posterior(mean, torch.zeros(100, 3)))
    assert float(found[ACTIVE]) == 1
    assert float(found[LARGEST]) == pytest.approx(float(mean[:, 0].square().mean()) / 2)
    assert float(found[MEDIAN]) == 0.5 and float(found[SMALLEST]) == 0
    assert use(Posterior(mean[:1], mean[:1])) == {}


def history(active, *, count=SETTLED):
    made = History({}, {}, (), 0)
    for _ in range(max(count, LOOKS)):
        made = made.then({ACTIVE: float(active), LARGEST: 0.001})
    return made


@pytest.mark.parametrize(
    ("dimensions", "active", "collapsed"), [(20, 0, 1), (20, 1, 1), (20, 2, 0), (2, 1, 0), (2, 0, 1)]
)
def test_a_collapse_is_told_from_a_small_latent_space(dimensions, active, collapsed):
    said = posterior_collapse(dimensions, ELBO.remedies, history(active))
    assert (said is not None) == bool(collapsed)
    assert posterior_collapse(dimensions, ELBO.remedies, history(0, count=LOOKS)) is None or SETTLED <= LOOKS


@pytest.mark.parametrize("beta", [1.0, 300.0])
def test_a_posterior_that_has_collapsed_is_a_finding(tmp_path, beta):
    """A KL that costs 300 times itself is not worth it; the bound's own is."""
    directory = RunDirectory(tmp_path / "run")
    directory.create()
    model = tiny.image_variational(objective=replace(tiny.BINARY, beta=beta), optimizer=tiny.ADAM)
    every = 8
    watching = watch(model, directory=directory, clock=Clock(), seed=3, every=every)
    tiny.fit(model, tiny.TinyImages(), every * (LOOKS + SETTLED), *watching)
    path = health_json(directory)
    findings = json.loads(path.read_text())["findings"] if path.is_file() else []
    said = {one["check"]: one["message"] for one in findings if one["gone"] is None}
    if beta == 1:
        assert said == {}
    else:
        assert re.match(
            r"posterior collapse: 0 of 4 latent dimensions .* objective.warm_up", said["posterior_collapse"]
        )


def test_an_autoencoder_has_no_posterior_to_watch():
    model = tiny.image_variational(
        encoder=lambda: FromImages(network=tiny.mlp(64, 4, width=32)),
        objective=Reconstruction(observation=Bernoulli(binarise="grey")),
    )
    data = tiny.TinyImages()
    check_model(model, data)
    tiny.fit(model, data, 2)
    assert set(model.values) == {"train/loss", "train/grey_cross_entropy"}
    assert "posterior_collapse" not in model.checks()


COLOURS = tiny.TinyImages(channels=3)


@pytest.mark.parametrize(
    ("changed", "data", "said"),
    [
        (
            {}, COLOURS,
            "objective.observation: a Bernoulli likelihood is of grey pictures, and the data are pictures with 3 "
            "channels; take kantor.objectives.observation.Gaussian",
        ),
        (
            {"objective": replace(tiny.BINARY, observation=Categorical())}, tiny.TinyImages(),
            r"model.decoder: of (4,) it makes (1, 8, 8), expected (256, 8, 8)",
        ),
        (
            {"encoder": lambda: FromImages(network=tiny.mlp(64, 4))}, tiny.TinyImages(),
            "model.encoder: of (1, 8, 8) it makes (4,), expected (8,)",
        ),
        (
            {"encoder": lambda: FromImages(network=tiny.mlp(49, 8))}, tiny.TinyImages(),
            "model.encoder: it cannot take (1, 8, 8): ",
        ),
        (
            {"objective": Reconstruction(observation=tiny.BINARY.observation)}, tiny.TinyImages(),
            "model.encoder: of (1, 8, 8) it makes (8,), expected (4,)",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(changed, data, said):
    with pytest.raises(UserError, match=re.escape(said)):
        check_model(tiny.image_variational(**changed), data)


def test_grey_values_are_refused_where_nll_is_primary():
    """With a likelihood in the sentence of the likelihood, without one in that of the primary score."""
    words = ["experiment=mnist_vae", "objective.observation.binarise=grey", "primary_score=nll"]
    with pytest.raises(UserError, match=r"likelihood=importance: grey values .* another primary_score than nll"):
        assemble(compose(["trainer.accelerator=cpu", *words]).replaced("data.identity", "of no files"))
    with pytest.raises(UserError, match=r"primary_score=nll: for data=mnist expected one of kid, .*likelihood="):
        checked(*words, "likelihood=none")


def test_more_weights_are_another_loss_and_the_same_networks():
    model = tiny.image_variational(objective=IWAE(observation=tiny.BINARY.observation, k=4))
    tiny.fit(model, tiny.TinyImages(), 2)
    values = {name: float(value) for name, value in model.values.items()}
    assert values["train/loss"] == pytest.approx(-values["train/importance_bound"])
    assert values["train/importance_bound"] > values["train/elbo"]

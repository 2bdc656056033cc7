"""What data are to a model with a likelihood: the formulas by hand, and each way to binary pictures."""

import math
import re

import numpy as np
import pytest
import tiny
import torch

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.objectives.observation import Bernoulli, Categorical, Gaussian, fixed

GREY = torch.from_numpy(tiny.quadrants(40)[0]).float() / 127.5 - 1  # (40, 1, 8, 8)
FIXED, DYNAMIC, THRESHOLD, GREYS = (Bernoulli(binarise=kind) for kind in ("fixed", "dynamic", "threshold", "grey"))
OBSERVATIONS = [
    FIXED, DYNAMIC, THRESHOLD, GREYS, Gaussian(noise=0.3, dequantise=False), Gaussian(noise=None, dequantise=False),
    Gaussian(noise=0.3, dequantise=True), Categorical(),
]  # fmt: skip
each = pytest.mark.parametrize("observation", OBSERVATIONS, ids=str)


def given(observation, k, seed=0):
    """What a network may give of the grey pictures, (k, 40, …)."""
    torch.manual_seed(seed)
    return torch.randn(k, 40, observation.outputs(1), 8, 8)


@each
def test_it_is_a_sum_over_pixels_of_each_sample_alone(observation):
    x, of = observation.observed(GREY, Rng(0)), given(observation, 3)
    whole = observation.log_prob(x, of)
    assert whole.shape == (3, 40)
    halves = sum(observation.log_prob(x[..., part], of[..., part]) for part in (slice(0, 4), slice(4, 8)))
    torch.testing.assert_close(whole, halves, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(whole[1:2, 7:9], observation.log_prob(x[7:9], of[1:2, 7:9]), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("observation", [FIXED, Categorical()], ids=str)
def test_probabilities_of_all_values_of_a_pixel_sum_to_1(observation):
    values = torch.tensor([0.0, 1.0]) if observation is FIXED else torch.arange(256) / 127.5 - 1
    x = values.view(-1, 1, 1, 1)
    of = given(observation, 1)[:, :1, :, :1, :1].expand(1, len(x), -1, 1, 1)
    assert float(observation.log_prob(x, of).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_a_density_integrates_to_1():
    x = torch.linspace(-4, 4, 4001).view(-1, 1)
    for gaussian, of in (
        (Gaussian(noise=0.3, dequantise=False), torch.tensor([0.4])),
        (Gaussian(noise=None, dequantise=False), torch.tensor([0.4, 2 * math.log(0.5)])),
    ):
        density = gaussian.log_prob(x, of.expand(1, len(x), -1)).exp()[0]
        assert float(torch.trapezoid(density, x[:, 0])) == pytest.approx(1, abs=1e-4)


def test_by_hand():
    """Logits of log 3 say ¾; N(0, ½²) at 1 is 2 standard deviations off."""
    x = torch.tensor([[[[1.0, 0.0]]]])
    logits = torch.full((1, 1, 1, 1, 2), math.log(3))
    assert float(FIXED.log_prob(x, logits)) == pytest.approx(math.log(3 / 4) + math.log(1 / 4))
    half = Gaussian(noise=0.5, dequantise=False)
    expected = -2 - math.log(0.5 * math.sqrt(2 * math.pi))
    assert float(half.log_prob(torch.ones(1, 1), torch.zeros(1, 1, 1))) == pytest.approx(expected)


def test_uniform_bytes_have_8_bits():
    """Of a categorical that knows nothing, and of a uniform density over [-1 - 1/255, 1 + 1/255], spread over bins."""
    x = torch.arange(256).view(1, 1, 16, 16) / 127.5 - 1
    nats = -Categorical().log_prob(x, torch.zeros(1, 1, 256, 16, 16))
    assert float(nats) / (256 * math.log(2)) == pytest.approx(8)
    volume = Gaussian(noise=1.0, dequantise=True).log_volume(256)
    log_density = -256 * math.log(2 + 2 / 255)
    assert -(log_density + volume) / (256 * math.log(2)) == pytest.approx(8)


def test_binary_values():
    for way in (FIXED, DYNAMIC, THRESHOLD):
        assert way.observed(GREY, Rng(0)).unique().tolist() == [0, 1]
    assert torch.equal(GREYS.observed(GREY, Rng(0)), (GREY + 1) / 2)
    edges = torch.tensor([[-1.0, 1.0, 127 / 127.5 - 1, 128 / 127.5 - 1]])
    assert THRESHOLD.observed(edges, Rng(0)).tolist() == [[0, 1, 0, 1]]
    for way in (FIXED, DYNAMIC):
        assert way.observed(edges, Rng(0))[0, :2].tolist() == [0, 1]


def test_a_fixed_picture_is_the_same_wherever_it_is_met():
    """Alone, among others, in another order, from another rng; and other pixels, and other pictures, are decided by
    other numbers."""
    whole = FIXED.observed(GREY, Rng(0))
    assert torch.equal(whole, FIXED.observed(GREY, Rng(1)))
    assert torch.equal(whole[[5, 2]], fixed(GREY[[5, 2]]))
    half = torch.zeros(2000, 1, 8, 8)  # level 127.5 is none: 128
    half[:, 0, 0, 0] = (torch.arange(2000) % 256) / 127.5 - 1
    half[:, 0, 0, 1] = (torch.arange(2000) // 256) / 127.5 - 1
    drawn = fixed(half).flatten(1)[:, 2:]
    assert len(drawn.unique(dim=0)) == 2000
    correlation = np.corrcoef(drawn.numpy().T) - np.eye(62)
    assert np.abs(correlation).max() < 5 / math.sqrt(2000)
    assert not torch.equal(DYNAMIC.observed(GREY, Rng(0)), DYNAMIC.observed(GREY, Rng(1)))


@pytest.mark.parametrize("way", [FIXED, DYNAMIC], ids=str)
def test_pixels_are_1_as_often_as_they_are_grey(way):
    """Over many pictures: a level's share within four standard deviations."""
    pictures = torch.randint(256, (1024, 1, 16, 16), generator=torch.Generator().manual_seed(0)) / 127.5 - 1
    ones = way.observed(pictures, Rng(3))
    grey = (pictures + 1) / 2
    for low in (0.05, 0.3, 0.7):
        there = (grey >= low) & (grey < low + 0.1)
        expected = float(grey[there].mean())
        deviation = math.sqrt(expected * (1 - expected) / int(there.sum()))
        assert float(ones[there].mean()) == pytest.approx(expected, abs=4 * deviation)


def test_bytes_are_spread_over_their_bins():
    """Evenly, half a level to either side; numbers stay as they are."""
    spread = Gaussian(noise=1.0, dequantise=True).observed(GREY, Rng(0)) - GREY
    assert float(spread.abs().max()) <= 1 / 255 + 1e-6
    assert float(spread.var()) == pytest.approx((2 / 255) ** 2 / 12, rel=0.1)
    assert torch.equal(Gaussian(noise=1.0, dequantise=False).observed(GREY, Rng(0)), GREY)


def test_samples_are_data():
    logits = torch.tensor([[0.0, math.log(3), -50.0]])
    assert FIXED.mean(logits).tolist() == [pytest.approx([0, 0.5, -1])]
    levels = torch.full((1, 256, 1, 1), -50.0)
    levels[0, 255] = 50
    assert float(Categorical().mean(levels)) == pytest.approx(1)
    learned = Gaussian(noise=None, dequantise=False)
    drawn = learned.drawn(torch.tensor([1.0, 0.0]).repeat(20000, 1), Rng(0))
    assert drawn.shape == (20000, 1) and float(drawn.mean()) == pytest.approx(1, abs=0.03)
    assert float(drawn.var()) == pytest.approx(1, abs=0.04)
    assert FIXED.mean(given(FIXED, 1)[0]).shape == Categorical().mean(given(Categorical(), 1)[0]).shape == GREY.shape


def test_only_a_likelihood_is_called_one():
    assert GREYS.observes is None and GREYS.cost == "grey_cross_entropy"
    assert all(way.observes == "binary" and way.cost == "reconstruction" for way in (FIXED, DYNAMIC, THRESHOLD))
    assert FIXED.describe()["binarisation"] == "fixed"


@pytest.mark.parametrize(
    ("observation", "shape", "said"),
    [
        (FIXED, (3, 8, 8), "a Bernoulli likelihood is of grey pictures, .* 3 channels; take .*Gaussian"),
        (FIXED, (2,), "a Bernoulli .* the data are points"),
        (Categorical(), (2,), "a categorical likelihood is of pictures"),
        (Gaussian(noise=0.1, dequantise=True), (2,), "points are no bytes"),
    ],
)
def test_data_that_are_not_so_observed(observation, shape, said):
    assert observation.refusal((1, 8, 8)) is None
    assert re.match(said, observation.refusal(shape))


def test_settings_that_make_no_sense():
    with pytest.raises(UserError, match="binarise=often: expected one of fixed, dynamic, threshold, grey"):
        Bernoulli(binarise="often")
    with pytest.raises(UserError, match="noise=0"):
        Gaussian(noise=0.0, dequantise=False)

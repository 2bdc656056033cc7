"""At its optimum the discriminator's value is 2·JS(P, Q) - 2·log 2 (Goodfellow et al. 2014, theorem 1)."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm
from torch import nn

from kantor.data.points import Line
from kantor.metrics.divergences import jensen_shannon
from kantor.nets.activations import ReLU
from kantor.nets.mlp import MLP
from kantor.objectives.adversarial import Minimax, NonSaturating

LOG2 = math.log(2)
GANS = pytest.mark.parametrize("objective", [Minimax(), NonSaturating()], ids=["minimax", "non_saturating"])

# shares in sixteenths over four points
DISCRETE = [([8, 4, 4, 0], [4, 4, 8, 0]), ([16, 0, 0, 0], [1, 5, 5, 5]), ([4, 4, 4, 4], [4, 4, 4, 4]),
            ([8, 8, 0, 0], [0, 0, 4, 12])]  # fmt: skip


def sample_of(counts):
    """A batch that has exactly these shares: the number of the point is the sample."""
    return torch.repeat_interleave(torch.arange(4.0), torch.tensor(counts))[:, None]


def optimal_logit(p, q):
    """log p/q at each point, cut at ±40 where one of them is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.nan_to_num(np.log(p) - np.log(q), nan=0.0, posinf=40.0, neginf=-40.0)
    table = torch.from_numpy(logit)
    return lambda x: table[x[:, 0].long()]


@GANS
@pytest.mark.parametrize(("real", "fake"), DISCRETE)
def test_value_at_the_optimum_of_discrete_distributions(objective, real, fake):
    p, q = np.array(real) / 16, np.array(fake) / 16
    js = jensenshannon(p, q) ** 2  # scipy's is the root
    value = -objective.critic_loss(optimal_logit(p, q), sample_of(real), sample_of(fake)).item()
    assert value == pytest.approx(2 * js - 2 * LOG2, abs=1e-9)
    assert value == pytest.approx(2 * jensen_shannon(p, q) - 2 * LOG2, abs=1e-9)


@GANS
@pytest.mark.parametrize(("real", "fake"), DISCRETE)
def test_every_other_discriminator_has_a_lower_value(objective, real, fake):
    p, q = np.array(real) / 16, np.array(fake) / 16
    best = -objective.critic_loss(optimal_logit(p, q), sample_of(real), sample_of(fake)).item()
    rng = np.random.default_rng(0)
    for _ in range(50):
        table = torch.from_numpy(rng.normal(0, 3, 4))
        value = -objective.critic_loss(lambda x, t=table: t[x[:, 0].long()], sample_of(real), sample_of(fake)).item()
        assert value <= best + 1e-9


@GANS
def test_value_at_the_optimum_of_two_gaussians(objective):
    """N(0, 1) and N(1.5, 1): logit log p - log q = 1.5²/2 - 1.5·x; JS by quadrature."""
    d, n = 1.5, 100_000

    def integrand(x):
        p, q = norm.pdf(x), norm.pdf(x, d)
        m = (p + q) / 2
        return (p * math.log(p / m) + q * math.log(q / m)) / 2

    js = quad(integrand, -12, 14)[0]
    rng = np.random.default_rng(1)
    real, fake = (torch.from_numpy(rng.standard_normal((n, 1)) + shift) for shift in (0.0, d))
    value = -objective.critic_loss(lambda x: d**2 / 2 - d * x[:, 0], real, fake).item()
    # softplus of a logit of deviation 1.5 deviates by less than 1.5: the sum's error is below sqrt(2)·1.5/sqrt(n)
    assert value == pytest.approx(2 * js - 2 * LOG2, abs=3 * 0.0067)


def trained_value(objective, real, fake, *, steps):
    """The value of a small discriminator after `steps` batches of fresh points, measured on 20,000 others."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    critic = MLP(inputs=2, width=16, hidden_layers=1, outputs=None, activation=ReLU, initialise=None)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.05)
    for _ in range(steps):
        x, y = (torch.from_numpy(line.sample(256, rng)).float() for line in (real, fake))
        loss = objective.critic_loss(critic, x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x, y = (torch.from_numpy(line.sample(20_000, rng)).float() for line in (real, fake))
        return -objective.critic_loss(critic, x, y).item()


@GANS
def test_a_trained_discriminator_finds_the_value_of_separate_lines(objective):
    """Disjoint: JS = log 2, value 2·log 2 - 2·log 2 = 0, approached from below as logits grow without bound.

    With logits of ±7 (reached within 200 steps at lr 0.05) it is -2·exp(-7) = -0.002; 0.01 asks for ±5.3.
    """
    value = trained_value(objective, Line(0.0), Line(0.5), steps=200)
    assert -0.01 < value <= 0


@GANS
def test_a_trained_discriminator_finds_the_value_of_equal_lines(objective):
    """Equal: JS = 0, value -2·log 2 at logit 0. A logit l costs about l²/4, and batches of 256 leave |l| below 0.3."""
    value = trained_value(objective, Line(0.0), Line(0.0), steps=200)
    assert value == pytest.approx(-2 * LOG2, abs=0.03)
    assert value < -2 * LOG2 + 0.003  # on fresh points nothing beats the optimum but by the noise of 20,000


def test_nearer_lines_have_the_same_value():
    """What JS says of parallel lines does not depend on their distance."""
    values = [trained_value(Minimax(), Line(0.0), Line(theta), steps=300) for theta in (0.25, 1.0)]
    assert values == pytest.approx([0.0, 0.0], abs=0.02)


def test_an_identity_network_is_not_needed():
    """The critic is any callable: a module, a function, a lambda."""
    module = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    x, y = torch.randn(4, 2), torch.randn(4, 2)
    assert Minimax().critic_loss(module, x, y).item() == Minimax().critic_loss(lambda p: module(p), x, y).item()

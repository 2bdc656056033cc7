"""Gradient penalties against closed forms; each mutation of style.md rule 22 is put in and seen."""

import math

import pytest
import torch
from torch import nn

from kantor import keyed
from kantor.objectives import adversarial, penalties
from kantor.objectives.adversarial import WassersteinGradientPenalty
from kantor.objectives.penalties import gradient_penalty, slopes


def linear(*weights):
    """The critic x·w on points."""
    return lambda x: x @ torch.tensor(weights)


def pairs(n, *shape, seed=0):
    torch.manual_seed(seed)
    return torch.randn(n, *shape) + 1, torch.randn(n, *shape)


def penalty(critic, real, fake, *, one_sided=False, seed=0):
    torch.manual_seed(seed)
    return gradient_penalty(critic, real, fake, torch.rand(len(real)), one_sided=one_sided).item()


@pytest.mark.parametrize(
    ("weights", "two_sided", "above_only"),
    [((3.0, 4.0), 16.0, 16.0), ((0.6, 0.8), 0.0, 0.0), ((0.3, 0.4), 0.25, 0.0), ((-5.0, 12.0), 144.0, 144.0)],
)
def test_the_penalty_of_a_linear_critic_is_known(weights, two_sided, above_only):
    real, fake = pairs(8, 2)
    assert penalty(linear(*weights), real, fake) == pytest.approx(two_sided, abs=1e-5)
    assert penalty(linear(*weights), real, fake, one_sided=True) == pytest.approx(above_only, abs=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.1, 10.0])
def test_lambda_multiplies_the_penalty(weight):
    real, fake = pairs(8, 2)
    objective = WassersteinGradientPenalty(penalty_weight=weight, one_sided=False)
    terms = objective.critic_terms(linear(3.0, 4.0), real, fake)
    assert terms["gradient_penalty"].item() == pytest.approx(16 * weight, rel=1e-5)
    expected = 16 * weight - (real @ torch.tensor([3.0, 4.0])).mean() + (fake @ torch.tensor([3.0, 4.0])).mean()
    assert objective.critic_loss(linear(3.0, 4.0), real, fake).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_constant_critic_is_penalised_by_one_and_its_gradient_is_finite():
    """‖∇f‖ = 0 is where a naive norm has a NaN gradient."""
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    real, fake = pairs(4, 2)
    loss = gradient_penalty(lambda x: critic(x).squeeze(1), real, fake, torch.rand(4))
    assert loss.item() == pytest.approx(1.0)
    loss.backward()
    assert critic.weight.grad.isfinite().all()


def check_images_slope():
    """A critic that adds up all C·H·W entries has slope sqrt(C·H·W) at every image."""
    c, h, w = 3, 4, 5
    real, fake = pairs(6, c, h, w)

    def critic(x):
        return x.sum((1, 2, 3))

    found = penalties.slopes(critic, real, differentiable=False)
    assert found.shape == (6,)
    torch.testing.assert_close(found, torch.full((6,), math.sqrt(c * h * w)))
    value = penalties.gradient_penalty(critic, real, fake, torch.rand(6)).item()
    assert value == pytest.approx((math.sqrt(c * h * w) - 1) ** 2, rel=1e-5)


def test_the_norm_runs_over_all_dimensions_of_an_image():
    check_images_slope()


@pytest.mark.usefixtures("channel_only_norm")
def test_a_channel_only_norm_is_seen():
    """On images the norm is then one per pixel."""
    with pytest.raises(AssertionError):
        check_images_slope()


class Recorder:
    """The critic ½‖x‖², whose slope at x is ‖x‖; it remembers where it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, x):
        self.asked.append(x.detach().clone())
        return x.flatten(1).square().sum(1) / 2


def check_one_epsilon_per_sample(rng):
    """Between fake = 0 and real = 1, x̂ is ε itself: the same over one image, another for the next."""
    n = 16
    critic = Recorder()
    real, fake = torch.ones(n, 2, 3, 3), torch.zeros(n, 2, 3, 3)
    objective = WassersteinGradientPenalty(penalty_weight=1.0, one_sided=False)
    term = objective.critic_terms(critic, real, fake, rng=rng)["gradient_penalty"].item()
    (x_hat,) = (x for x in critic.asked if not ((x == 0) | (x == 1)).all())
    epsilon = x_hat.flatten(1)
    assert (epsilon == epsilon[:, :1]).all()
    epsilon = epsilon[:, 0]
    assert len(epsilon.unique()) == n
    assert epsilon.min() >= 0 and epsilon.max() <= 1
    assert term == pytest.approx((epsilon * math.sqrt(18) - 1).square().mean().item(), rel=1e-5)
    return epsilon


@pytest.mark.parametrize("rng", [None, keyed.Rng(5)], ids=["torch's", "keyed"])
def test_each_sample_has_its_own_epsilon(rng):
    check_one_epsilon_per_sample(rng)


@pytest.mark.parametrize("rng", [None, keyed.Rng(5)], ids=["torch's", "keyed"])
def test_one_epsilon_per_batch_is_seen(monkeypatch, rng):
    """Mutation: `epsilon = torch.rand(1)`, as in widely copied code (and in the lecture)."""

    def one_for_all(critic, real, fake, epsilon, *, one_sided=False):
        return gradient_penalty(critic, real, fake, epsilon[:1].expand(len(real)), one_sided=one_sided)

    monkeypatch.setattr(adversarial, "gradient_penalty", one_for_all)
    with pytest.raises(AssertionError):
        check_one_epsilon_per_sample(rng)


def test_epsilon_comes_from_the_given_key():
    assert torch.equal(check_one_epsilon_per_sample(keyed.Rng(5)), keyed.Rng(5).uniform(16))


def test_ranks_share_the_epsilons_of_one_process():
    """Two processes with half a batch each have together the penalty of one with all of it."""
    real, fake = pairs(8, 2)
    objective = WassersteinGradientPenalty(penalty_weight=2.0, one_sided=False)

    def term(rows, **shares):
        rng = keyed.Rng(11, **shares)
        return objective.critic_terms(Recorder(), real[rows], fake[rows], rng=rng)["gradient_penalty"].item()

    halves = [term(slice(4 * rank, 4 * rank + 4), rank=rank, world=2) for rank in (0, 1)]
    assert sum(halves) / 2 == pytest.approx(term(slice(0, 8)), rel=1e-6)


def test_epsilon_one_is_real_and_zero_is_fake():
    real, fake = pairs(3, 2)
    critic = Recorder()
    gradient_penalty(critic, real, fake, torch.tensor([1.0, 0.0, 0.25]))
    expected = torch.stack([real[0], fake[1], 0.25 * real[2] + 0.75 * fake[2]])
    torch.testing.assert_close(critic.asked[0], expected)


@pytest.mark.parametrize("differentiable", [False, True])
def test_slopes_of_a_quadratic_are_the_distances_from_its_minimum(differentiable):
    points, _ = pairs(5, 3)
    found = slopes(Recorder(), points, differentiable=differentiable)
    torch.testing.assert_close(found.detach(), points.norm(dim=1))
    assert not points.requires_grad


def test_slopes_differentiate_by_the_weights_when_asked():
    """f = w·x: d‖∇f‖/dw = w/‖w‖."""
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    slopes(lambda x: x @ w, torch.randn(6, 2), differentiable=True).mean().backward()
    torch.testing.assert_close(w.grad, torch.tensor([0.6, 0.8]))
    assert not slopes(lambda x: x @ w, torch.randn(6, 2), differentiable=False).requires_grad


def test_slopes_leave_autocast():
    """bf16 has 8 bits of mantissa: the double backward needs full precision."""
    layer = nn.Linear(2, 1, bias=False)
    kinds = []

    def critic(x):
        y = layer(x).squeeze(1)
        kinds.append(y.dtype)
        return y

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(4, 2)).dtype == torch.bfloat16
        found = slopes(critic, torch.randn(4, 2).bfloat16(), differentiable=False)
    assert kinds == [torch.float32] and found.dtype == torch.float32
    torch.testing.assert_close(found, layer.weight.norm().detach().expand(4))


def test_the_penalty_lets_no_gradient_into_the_generator():
    real, fake = pairs(4, 2)
    fake.requires_grad_(True)
    critic = nn.Linear(2, 1)
    gradient_penalty(lambda x: critic(x).squeeze(1), real, fake, torch.rand(4)).backward()
    assert fake.grad is None
    assert critic.weight.grad.abs().max() > 0

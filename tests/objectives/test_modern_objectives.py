"""Hinge, least squares and the relativistic pairing loss: values by hand, gradients, and what the optimum is worth."""

import math

import pytest
import torch
from torch import nn

from kantor.errors import UserError
from kantor.objectives import penalties
from kantor.objectives.hinge import Hinge
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.penalties import zero_centred_penalty
from kantor.objectives.relativistic import Relativistic

LOG2 = math.log(2)
REAL, FAKE = torch.tensor([[2.0], [0.5], [-1.0]]), torch.tensor([[-3.0], [0.0], [1.0]])


def score(x):
    """f(x) = x: the samples are their own scores, of slope 1."""
    return x.sum(1)


def terms(objective, critic=score, real=REAL, fake=FAKE):
    return {name: term.item() for name, term in objective.critic_terms(critic, real, fake).items()}


def gradient_by_scores(loss, n=3, at=None):
    """dLoss/df(x_i) and dLoss/df(G(z_i)) of a loss(critic, real, fake)."""
    f_real = torch.zeros(n) if at is None else at[0].clone()
    f_fake = torch.zeros(n) if at is None else at[1].clone()
    f_real.requires_grad_(True)
    f_fake.requires_grad_(True)
    real, fake = torch.zeros(n, 1), torch.zeros(n, 1)

    def critic(x):  # the penalties ask at copies of the points, which have slope 1 here
        return f_real if x is real else f_fake if x is fake else x.sum(1)

    loss(critic, real, fake).backward()
    return [torch.zeros(n) if f.grad is None else f.grad for f in (f_real, f_fake)]


def test_hinge_by_hand():
    """max(0, 1 - f): 0, ½, 2; max(0, 1 + f): 0, 1, 2; the mean fake score is -⅔."""
    assert terms(Hinge()) == pytest.approx({"real": 2.5 / 3, "fake": 1.0})
    assert Hinge().critic_loss(score, REAL, FAKE).item() == pytest.approx(2.5 / 3 + 1)
    assert Hinge().generator_loss(score, REAL, FAKE).item() == pytest.approx(2 / 3)


def test_hinge_leaves_alone_what_is_beyond_the_margin():
    real, fake = gradient_by_scores(Hinge().critic_loss, at=(REAL[:, 0], FAKE[:, 0]))
    assert real.tolist() == pytest.approx([0, -1 / 3, -1 / 3])
    assert fake.tolist() == pytest.approx([0, 1 / 3, 1 / 3])


def test_the_hinge_generators_gradient_is_the_same_at_every_score():
    real, fake = gradient_by_scores(Hinge().generator_loss, at=(REAL[:, 0], 100 * FAKE[:, 0]))
    assert real.tolist() == [0, 0, 0]
    assert fake.tolist() == pytest.approx([-1 / 3] * 3)


def test_the_hinge_losss_optimum_is_two_minus_twice_the_total_variation():
    """Shares (½, ¼, ¼) against (¼, ¼, ½): the best f is the sign of p - q, and the loss 2 - Σ|p - q| = 1.5."""
    real, fake = torch.tensor([[0.0], [0], [1], [2]]), torch.tensor([[0.0], [1], [2], [2]])

    def loss(table):
        return Hinge().critic_loss(lambda x: torch.tensor(table)[x[:, 0].long()], real, fake).item()

    assert loss([1.0, 0.0, -1.0]) == pytest.approx(1.5)
    torch.manual_seed(0)
    assert min(loss(table) for table in (torch.randn(200, 3) * 2).tolist()) >= 1.5 - 1e-6


def test_least_squares_by_hand():
    """Squares of f - 1: 1, ¼, 4; of f: 9, 0, 1; for the generator 16, 1, 0. Halves of their means."""
    assert terms(LeastSquares()) == pytest.approx({"real": 5.25 / 6, "fake": 10 / 6})
    assert LeastSquares().generator_loss(score, REAL, FAKE).item() == pytest.approx(17 / 6)


def test_least_squares_draw_from_both_sides():
    """A real sample scored above 1 is pushed down, a generated one scored above 1 too."""
    real, fake = gradient_by_scores(LeastSquares().critic_loss, at=(REAL[:, 0], FAKE[:, 0]))
    assert real.tolist() == pytest.approx([1 / 3, -0.5 / 3, -2 / 3])
    assert fake.tolist() == pytest.approx([-1.0, 0, 1 / 3])
    real, fake = gradient_by_scores(LeastSquares().generator_loss, at=(REAL[:, 0], FAKE[:, 0]))
    assert real.tolist() == [0, 0, 0]
    assert fake.tolist() == pytest.approx([-4 / 3, -1 / 3, 0])


def test_the_best_least_squares_score_is_the_share_of_real_samples():
    """f* = p/(p + q) (Mao et al., equation 5 with a = 0, b = 1)."""
    real, fake = torch.tensor([[0.0], [0], [0], [1]]), torch.tensor([[0.0], [1], [1], [1]])

    def loss(table):
        return LeastSquares().critic_loss(lambda x: table[x[:, 0].long()], real, fake)

    best = torch.tensor([0.75, 0.25], requires_grad=True)
    value = loss(best)
    value.backward()
    assert best.grad.abs().max() < 1e-6
    # ½(¾·(¼)² + ¼·(¾)²) twice
    assert value.item() == pytest.approx(0.75 * 0.0625 + 0.25 * 0.5625)
    torch.manual_seed(1)
    assert min(loss(table).item() for table in torch.randn(200, 2)) >= value.item() - 1e-6


def test_relativistic_by_hand():
    """f(x) - f(G(z)): 5, ½, -2; slope 1 everywhere, so that R1 = R2 = γ/2."""
    differences = [5.0, 0.5, -2.0]
    found = terms(Relativistic(gamma=0.3))
    expected = sum(math.log1p(math.exp(-d)) for d in differences) / 3
    assert found == pytest.approx({"pairs": expected, "r1": 0.15, "r2": 0.15})
    assert Relativistic(gamma=0.3).critic_loss(score, REAL, FAKE).item() == pytest.approx(expected + 0.3)
    generator = sum(math.log1p(math.exp(d)) for d in differences) / 3
    assert Relativistic(gamma=0.3).generator_loss(score, REAL, FAKE).item() == pytest.approx(generator)


def test_relativistic_scores_have_no_zero():
    """Only differences count: a constant added to every score changes nothing."""
    objective = Relativistic(gamma=1.0)
    lifted = terms(objective, lambda x: x.sum(1) + 100)
    assert lifted == pytest.approx(terms(objective), rel=1e-5)
    assert objective.generator_loss(lambda x: x.sum(1) + 100, REAL, FAKE).item() == pytest.approx(
        objective.generator_loss(score, REAL, FAKE).item(), rel=1e-5
    )


def test_where_scores_agree_both_players_have_log_two_and_opposite_gradients():
    objective = Relativistic(gamma=0.0)
    assert terms(objective, lambda x: 0 * x.sum(1))["pairs"] == pytest.approx(LOG2)
    assert objective.generator_loss(lambda x: 0 * x.sum(1), REAL, FAKE).item() == pytest.approx(LOG2)
    real, fake = gradient_by_scores(lambda *samples: objective.critic_terms(*samples)["pairs"])
    assert real.tolist() == pytest.approx([-1 / 6] * 3) and fake.tolist() == pytest.approx([1 / 6] * 3)
    real, fake = gradient_by_scores(objective.generator_loss)
    assert real.tolist() == pytest.approx([1 / 6] * 3) and fake.tolist() == pytest.approx([-1 / 6] * 3)


def test_relativistic_pairs_are_pairs():
    """The loss of other pairs is another: it is no function of the two means."""
    objective = Relativistic(gamma=0.0)
    assert terms(objective, fake=FAKE.flip(0))["pairs"] != pytest.approx(terms(objective)["pairs"], rel=0.01)


@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_relativistic_losses_stay_finite_at_extreme_scores(logit):
    objective = Relativistic(gamma=0.0)
    real, fake = torch.full((3, 1), logit), torch.zeros(3, 1)
    assert terms(objective, real=real, fake=fake)["pairs"] == pytest.approx(max(0.0, -logit))
    assert objective.generator_loss(score, real, fake).item() == pytest.approx(max(0.0, logit))


@pytest.mark.parametrize("gamma", [0.0, 1.0, 10.0])
def test_r1_is_at_real_samples_and_r2_at_generated_ones(gamma):
    """f = ½‖x‖² has slope ‖x‖."""
    found = terms(Relativistic(gamma=gamma), lambda x: x.square().sum(1) / 2)
    assert found["r1"] == pytest.approx(gamma / 2 * (4 + 0.25 + 1) / 3)
    assert found["r2"] == pytest.approx(gamma / 2 * (9 + 0 + 1) / 3)


def test_the_penalties_weigh_on_the_critics_weights():
    """f = w·x: R1 + R2 = γ‖w‖², whose gradient is 2γw."""
    w = torch.tensor([3.0, -1.0], requires_grad=True)
    found = Relativistic(gamma=0.5).critic_terms(lambda x: x @ w, torch.randn(4, 2), torch.randn(4, 2))
    assert (found["r1"] + found["r2"]).item() == pytest.approx(0.5 * 10)
    (found["r1"] + found["r2"]).backward()
    torch.testing.assert_close(w.grad, 2 * 0.5 * w.detach())


def test_a_gamma_is_not_negative():
    for gamma in (-0.1, float("nan")):
        with pytest.raises(UserError, match=r"gamma=.*at least 0"):
            Relativistic(gamma=gamma)


def check_zero_centred_penalty():
    """Known slopes: 5 for (3, 4)·x, √60 for the sum over an image of 3·4·5 numbers, 0 for a constant."""
    points, images = torch.randn(6, 2), torch.randn(6, 3, 4, 5)
    assert penalties.zero_centred_penalty(lambda x: x @ torch.tensor([3.0, 4.0]), points).item() == pytest.approx(25.0)
    found = penalties.zero_centred_penalty(lambda x: x.sum((1, 2, 3)), images)
    assert found.shape == () and found.item() == pytest.approx(60.0, rel=1e-5)


def test_the_zero_centred_penalty_is_the_mean_squared_slope():
    check_zero_centred_penalty()


@pytest.mark.usefixtures("channel_only_norm")
def test_a_penalty_per_pixel_is_seen():
    """Mutation: the norm runs over the channels only."""
    with pytest.raises(AssertionError):
        check_zero_centred_penalty()


def test_a_flat_critic_has_no_penalty_and_finite_gradients():
    """‖∇f‖ = 0 is where a naive norm has a NaN gradient."""
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    loss = zero_centred_penalty(lambda x: critic(x).squeeze(1), torch.randn(4, 2))
    assert loss.item() == 0
    loss.backward()
    assert critic.weight.grad.abs().max() == 0


def test_the_penalty_is_computed_without_autocast():
    layer = nn.Linear(2, 1, bias=False)
    kinds = []

    def critic(x):
        kinds.append(layer(x).dtype)
        return layer(x).squeeze(1)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = zero_centred_penalty(critic, torch.randn(4, 2))
    assert kinds == [torch.float32]
    assert found.item() == pytest.approx(layer.weight.square().sum().item(), rel=1e-5)

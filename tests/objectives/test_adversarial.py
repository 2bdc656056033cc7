"""What every adversarial objective keeps to, and their values in closed form."""

import importlib
import inspect
import math
import pkgutil
from dataclasses import fields

import pytest
import torch
from torch import nn

from kantor import keyed, objectives
from kantor.errors import UserError
from kantor.objectives.adversarial import (
    AdversarialObjective,
    Minimax,
    NonSaturating,
    Wasserstein,
    WassersteinClipping,
    WassersteinGradientPenalty,
)
from kantor.objectives.contract import check_probability
from kantor.objectives.critic import without_normalisation
from kantor.objectives.hinge import Hinge
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.relativistic import Relativistic
from kantor.testing import check_objective
from kantor.testing import objectives as testing
from kantor.testing.objectives import Half, losses
from kantor.testing.objectives import smooth_critic as critic

LOG2 = math.log(2)
OBJECTIVES = {
    "non_saturating": NonSaturating(),
    "minimax": Minimax(),
    "wasserstein": Wasserstein(),
    "clipping": WassersteinClipping(clip=0.1, spare_normalisation=False),
    "gradient_penalty": WassersteinGradientPenalty(penalty_weight=10.0, one_sided=False),
    "one_sided": WassersteinGradientPenalty(penalty_weight=0.5, one_sided=True),
    "hinge": Hinge(),
    "least_squares": LeastSquares(),
    "relativistic": Relativistic(gamma=0.5),
}
each = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES.keys())
GANS = [name for name, objective in OBJECTIVES.items() if isinstance(objective, NonSaturating)]
WASSERSTEIN = [name for name, objective in OBJECTIVES.items() if objective.is_wasserstein]


def batch(n=6, *shape):
    return testing.batch(n, *shape)


def test_every_objective_is_tested():
    modules = [
        importlib.import_module(f"kantor.objectives.{entry.name}")
        for entry in pkgutil.iter_modules(objectives.__path__)
    ]
    found = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    kinds = {kind for kind in found if issubclass(kind, AdversarialObjective) and kind is not AdversarialObjective}
    assert kinds == {type(objective) for objective in OBJECTIVES.values()}


@each
def test_every_loss_is_what_the_loop_takes(objective):
    check_objective(objective)


@each
def test_terms_have_the_names_of_what_they_are_of(objective):
    """A pair's term is of both."""
    terms = set(objective.critic_terms(critic, *batch(), rng=Half()))
    assert terms >= ({"pairs"} if isinstance(objective, Relativistic) else {"real", "fake"})


@pytest.mark.parametrize(
    ("name", "critic_loss", "generator_loss"), [("non_saturating", 2 * LOG2, LOG2), ("minimax", 2 * LOG2, -LOG2)]
)
def test_losses_at_logit_zero(name, critic_loss, generator_loss):
    real, fake = batch()
    found = losses(OBJECTIVES[name], real, fake, lambda x: torch.zeros(len(x)))
    assert found["critic"].item() == pytest.approx(critic_loss, rel=1e-6)
    assert found["generator"].item() == pytest.approx(generator_loss, rel=1e-6)


@pytest.mark.parametrize("name", GANS)
def test_gan_losses_are_cross_entropies_of_logits(name):
    real, fake = batch()
    found = losses(OBJECTIVES[name], real, fake)
    d_real, d_fake = torch.sigmoid(critic(real).double()), torch.sigmoid(critic(fake).double())
    assert found["real"].item() == pytest.approx(-d_real.log().mean().item(), rel=1e-5)
    assert found["fake"].item() == pytest.approx(-(1 - d_fake).log().mean().item(), rel=1e-5)
    expected = {"non_saturating": -d_fake.log().mean(), "minimax": (1 - d_fake).log().mean()}[name]
    assert found["generator"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", GANS)
@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_gan_losses_stay_finite_at_extreme_logits(name, logit):
    """log(sigmoid(-1000)) is -inf when computed in two steps; the loss there is 1000."""
    real, fake = batch()
    found = losses(OBJECTIVES[name], real, fake, lambda x: torch.full((len(x),), logit))
    assert found["real"].item() == pytest.approx(max(0.0, -logit))
    assert found["fake"].item() == pytest.approx(max(0.0, logit))
    expected = {"non_saturating": max(0.0, -logit), "minimax": -max(0.0, logit)}[name]
    assert found["generator"].item() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "share"), [("minimax", 0.0), ("non_saturating", 1.0)])
def test_where_the_discriminator_wins_only_the_saturating_gradient_vanishes(name, share):
    real, fake = batch()
    logits = torch.full((6,), -20.0, requires_grad=True)
    OBJECTIVES[name].generator_loss(lambda x: logits, real, fake).backward()
    assert -logits.grad.sum().item() == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("name", WASSERSTEIN)
def test_wasserstein_losses_are_differences_of_means(name):
    real, fake = batch()
    found = losses(OBJECTIVES[name], real, fake)
    assert found["real"].item() == pytest.approx(-critic(real).mean().item(), rel=1e-6)
    assert found["fake"].item() == pytest.approx(critic(fake).mean().item(), rel=1e-6)
    assert found["generator"].item() == pytest.approx(-critic(fake).mean().item(), rel=1e-6)


@pytest.mark.parametrize("name", WASSERSTEIN)
def test_the_optimal_potential_of_a_shift_gives_its_length(name):
    """f(x) = -x₁ has slope 1: no penalty, and -critic_loss is W1 = 0.7."""
    real, _ = batch()
    fake = real + torch.tensor([0.7, 0.0])
    loss = OBJECTIVES[name].critic_loss(lambda x: -x[:, 0], real, fake, rng=Half())
    assert -loss.item() == pytest.approx(0.7, rel=1e-5)


@each
def test_only_penalties_differentiate_a_gradient(objective):
    assert objective.is_wasserstein == isinstance(objective, Wasserstein)
    points_of_penalty = {WassersteinGradientPenalty: 1, Relativistic: 2}.get(type(objective), 0)
    assert objective.double_backward == (points_of_penalty > 0)
    asked = []

    def linear(x):
        asked.append(x.requires_grad)
        return x @ torch.tensor([1.0, 1.0])

    objective.critic_loss(linear, *batch())
    assert asked.count(True) == points_of_penalty


@each
def test_without_a_key_torchs_own_numbers_are_drawn(objective):
    real, fake = batch()
    torch.manual_seed(4)
    first = objective.critic_loss(critic, real, fake).item()
    torch.manual_seed(4)
    assert objective.critic_loss(critic, real, fake).item() == first
    keyed_twice = [objective.critic_loss(critic, real, fake, rng=keyed.Rng(3)).item() for _ in range(2)]
    assert keyed_twice[0] == keyed_twice[1]


@each
def test_after_a_step_only_clipping_touches_the_weights(objective):
    network = nn.Linear(2, 3)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.05, -0.05], [0.1, -0.3], [7.0, -0.1]]))
        network.bias.copy_(torch.tensor([0.2, -0.02, 0.0]))
    before = [weight.clone() for weight in network.parameters()]
    objective.after_critic_step(network)
    for weight, old in zip(network.parameters(), before, strict=True):
        expected = old.clamp(-0.1, 0.1) if isinstance(objective, WassersteinClipping) else old
        assert torch.equal(weight, expected)
        assert weight.requires_grad


@pytest.mark.parametrize("clip", [0, -0.1, float("nan")])
def test_a_clip_is_positive(clip):
    with pytest.raises(UserError, match=r"clip=.*above 0"):
        WassersteinClipping(clip=clip, spare_normalisation=False)


@pytest.mark.parametrize("weight", [-1, float("nan")])
def test_a_penalty_weight_is_not_negative(weight):
    with pytest.raises(UserError, match=r"penalty_weight=.*at least 0"):
        WassersteinGradientPenalty(penalty_weight=weight, one_sided=False)


def test_only_the_scales_and_shifts_of_a_normalisation_are_spared():
    critic = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.LayerNorm(4), nn.Linear(4, 1))
    for weight in critic.parameters():
        nn.init.constant_(weight, 3.0)
    WassersteinClipping(clip=0.5, spare_normalisation=True).after_critic_step(critic)
    kept = {name: weight.unique().tolist() for name, weight in critic.named_parameters()}
    assert {name for name, values in kept.items() if values == [3.0]} == {"1.weight", "1.bias"}
    assert {name for name, values in kept.items() if values == [0.5]} == set(kept) - {"1.weight", "1.bias"}


def test_probabilities_are_of_logits_and_neither_a_potential_nor_a_margin_has_any():
    """σ(0) and σ(log 3)."""
    for name in GANS:
        assert OBJECTIVES[name].probability(torch.tensor([0.0, math.log(3)])).tolist() == pytest.approx([0.5, 0.75])
    for name in (*WASSERSTEIN, "hinge", "relativistic"):
        assert OBJECTIVES[name].probability(torch.zeros(2)) is None


def test_losses_estimate_distances():
    """A discriminator at a loss: JS 0; one that tells all apart: log 2. A critic's loss is minus W1."""
    for name in GANS:
        estimates = [OBJECTIVES[name].distance_estimate(loss) for loss in (2 * LOG2, 0.0)]
        assert [found.name for found in estimates] == ["JS", "JS"]
        assert [found.value for found in estimates] == pytest.approx([0, LOG2])
    for name in WASSERSTEIN:
        found = OBJECTIVES[name].distance_estimate(-3.0)
        assert (found.name, found.value) == ("W1", 3.0)
    for name in ("hinge", "least_squares", "relativistic"):
        assert OBJECTIVES[name].distance_estimate(1.0) is None


def test_what_makes_a_critic_without_normalisation_is_named_where_it_stands():
    class Normalised(nn.Sequential):
        def __init__(self, normalise="batch"):
            super().__init__(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    inner = nn.Module()
    inner.network = Normalised()
    assert without_normalisation(nn.Linear(2, 1)) is None
    assert without_normalisation(Normalised()) == "model.critic.normalise=null"
    assert without_normalisation(nn.Sequential(*Normalised())) is None  # there is no such key
    assert without_normalisation(inner) == "model.critic.network.normalise=null"


@pytest.mark.parametrize("normalise", [torch.nn.utils.spectral_norm, torch.nn.utils.parametrizations.weight_norm])
def test_weights_that_are_normalised_afterwards_are_not_clipped(normalise):
    critic = torch.nn.Sequential(normalise(torch.nn.Linear(2, 1)))
    with pytest.raises(UserError, match="so that nothing is clipped"):
        WassersteinClipping(clip=0.1, spare_normalisation=False).check_critic(critic)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_another_loss_of_the_critic_inherits_no_meaning_of_its_numbers(name):
    kind = type(OBJECTIVES[name])

    class Other(kind):
        def critic_terms(self, critic, real, fake, *, rng=None):
            return {"real": (critic(real) - 1).square().mean(), "fake": critic(fake).square().mean()}

    class Variant(kind):
        def generator_loss(self, critic, real, fake):
            return 2 * super().generator_loss(critic, real, fake)

    settings = {field.name: getattr(OBJECTIVES[name], field.name) for field in fields(kind)}
    values = torch.tensor([0.17])
    other, variant = Other(**settings), Variant(**settings)
    assert other.probability(values) is None and other.distance_estimate(1.0) is None
    assert not other.has_zero and not other.unbounded
    assert variant.probability(values) == OBJECTIVES[name].probability(values)
    assert variant.distance_estimate(1.0) == OBJECTIVES[name].distance_estimate(1.0)
    assert (variant.has_zero, variant.unbounded) == (kind.has_zero, kind.unbounded)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_d_is_a_half_where_nothing_can_be_told(name):
    check_probability(OBJECTIVES[name])


def test_a_probability_that_is_none_of_its_loss_is_found():
    class Sigmoid(LeastSquares):
        def probability(self, values):
            return values.sigmoid()

    with pytest.raises(UserError, match=r"Sigmoid\.probability \(.*, line \d+\) gives 0\.62 where .* expected ½"):
        check_probability(Sigmoid())

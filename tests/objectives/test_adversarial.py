"""What every adversarial objective keeps to, and their values in closed form."""

import importlib
import inspect
import math
import pkgutil

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
from kantor.objectives.critic import without_normalisation
from kantor.objectives.hinge import Hinge
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.relativistic import Relativistic

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


def batch(n=6, *shape, seed=0):
    torch.manual_seed(seed)
    return torch.randn(n, *(shape or (2,))) + 1, torch.randn(n, *(shape or (2,)))


def critic(x):
    """A smooth critic, one number per sample."""
    return x.flatten(1).sin().sum(1) + 0.3 * x.flatten(1)[:, 0] ** 2


class FixedEpsilon(keyed.Rng):
    """ε = ½ for everyone: a penalty that is a function of the batch."""

    def __init__(self):
        super().__init__(0)

    def uniform(self, n, *shape):
        return torch.full((n, *shape), 0.5)


def losses(objective, real, fake, f=critic):
    return {
        **objective.critic_terms(f, real, fake, rng=FixedEpsilon()),
        "critic": objective.critic_loss(f, real, fake, rng=FixedEpsilon()),
        "generator": objective.generator_loss(f, real, fake),
    }


def test_every_objective_is_tested():
    modules = [
        importlib.import_module(f"kantor.objectives.{entry.name}")
        for entry in pkgutil.iter_modules(objectives.__path__)
    ]
    found = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    kinds = {kind for kind in found if issubclass(kind, AdversarialObjective) and kind is not AdversarialObjective}
    assert kinds == {type(objective) for objective in OBJECTIVES.values()}


@each
def test_losses_and_terms_are_scalars(objective):
    for shape in ((2,), (3, 4, 4)):
        assert {loss.shape for loss in losses(objective, *batch(6, *shape)).values()} == {torch.Size([])}


@each
def test_the_critics_loss_is_the_sum_of_its_terms(objective):
    real, fake = batch()
    terms = objective.critic_terms(critic, real, fake, rng=FixedEpsilon())
    total = objective.critic_loss(critic, real, fake, rng=FixedEpsilon())
    assert total.item() == pytest.approx(sum(term.item() for term in terms.values()), rel=1e-5)
    # a pair's term is of both
    assert {"pairs"} <= set(terms) if isinstance(objective, Relativistic) else {"real", "fake"} <= set(terms)


@each
def test_losses_are_means_over_the_batch(objective):
    """Repeating the batch changes nothing; a sum would double."""
    real, fake = batch()
    once, twice = losses(objective, real, fake), losses(objective, torch.cat([real, real]), torch.cat([fake, fake]))
    for name in once:
        assert twice[name].item() == pytest.approx(once[name].item(), rel=1e-5), name


@each
def test_the_mean_of_two_halves_is_the_whole(objective):
    real, fake = batch(8)
    whole = losses(objective, real, fake)
    first, second = losses(objective, real[:4], fake[:4]), losses(objective, real[4:], fake[4:])
    for name in whole:
        assert (first[name] + second[name]).item() / 2 == pytest.approx(whole[name].item(), rel=1e-5), name


@each
def test_the_order_of_samples_does_not_matter(objective):
    real, fake = batch(7)
    order = torch.randperm(7)
    here, there = losses(objective, real, fake), losses(objective, real[order], fake[order])
    for name in here:
        assert there[name].item() == pytest.approx(here[name].item(), rel=1e-5), name


@each
def test_losses_push_the_right_way(objective):
    """A critic's step raises f(real) - f(fake); a generator's step raises f(fake)."""
    real, fake = batch()
    f_real, f_fake = torch.full((6,), 0.5, requires_grad=True), torch.full((6,), 0.5, requires_grad=True)

    def scores(x):  # numbers of their own for these samples, so that gradients can be read off
        values = x.sum(1)
        for samples, own in ((real, f_real), (fake, f_fake)):
            for sample, number in zip(samples, own, strict=True):
                values = torch.where((x == sample).all(1), number, values)
        return values

    objective.critic_loss(scores, real, fake, rng=FixedEpsilon()).backward()
    assert (f_real.grad < 0).all() and (f_fake.grad > 0).all()
    f_fake.grad = None
    objective.generator_loss(scores, real, fake).backward()
    assert (f_fake.grad < 0).all()


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
    loss = OBJECTIVES[name].critic_loss(lambda x: -x[:, 0], real, fake, rng=FixedEpsilon())
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
    def normalised():
        return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    inner = nn.Module()
    inner.network = normalised()
    assert without_normalisation(nn.Linear(2, 1)) is None
    assert without_normalisation(normalised()) == "model.critic.normalise=null"
    assert without_normalisation(inner) == "model.critic.network.normalise=null"


@pytest.mark.parametrize("normalise", [torch.nn.utils.spectral_norm, torch.nn.utils.parametrizations.weight_norm])
def test_weights_that_are_normalised_afterwards_are_not_clipped(normalise):
    critic = torch.nn.Sequential(normalise(torch.nn.Linear(2, 1)))
    with pytest.raises(UserError, match="so that nothing is clipped"):
        WassersteinClipping(clip=0.1, spare_normalisation=False).check_critic(critic)

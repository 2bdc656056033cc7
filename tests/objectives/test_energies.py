"""Losses of energies against gradients that are counted, and the known mistakes."""

import dataclasses

import numpy as np
import pytest
import torch
from machines import joint, machine, states
from sklearn.neural_network import BernoulliRBM
from torch import nn

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.nets.rbm import RBM
from kantor.objectives import contrastive
from kantor.objectives.contrastive import Contrastive
from kantor.objectives.energies import Kept
from kantor.objectives.score_matching import DenoisingScoreMatching, SlicedScoreMatching
from kantor.samplers.chains import Walk
from kantor.samplers.kernels import Gibbs, Place, UnadjustedLangevin
from kantor.samplers.spaces import Bits, Box, Unbounded

BITS = Bits(binarise="threshold")
PLANE = Unbounded(deviation=1.0)
FROM_DATA = Contrastive(kernel=Gibbs(), steps=1, chains=None, data_noise=0.0, regularisation=0.0)


def gradients(made, loss):
    return dict(
        zip((name for name, _ in made.named_parameters()), torch.autograd.grad(loss, made.parameters()), strict=True)
    )


def likelihood_gradient(made, x):
    """Of -mean log p(x), by counting: E_p[∂ log f] - E_data[∂ log f], term by term of the joint law."""
    p, v, h = joint(made), states(made.visible).double(), states(made.hidden).double()
    given = p / p.sum(1, keepdim=True)  # (states of v, states of h)
    rows = (x.double() @ (2.0 ** torch.arange(made.visible - 1, -1, -1)).double()).long()
    of_data = torch.zeros_like(p).index_add(0, rows, given[rows]) / len(x)
    return {
        "weight": torch.einsum("vh,hj,vi->ji", p - of_data, h, v),
        "visible_bias": ((p - of_data).sum(1)) @ v,
        "hidden_bias": ((p - of_data).sum(0)) @ h,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arriving(Gibbs):
    """Wherever chains begin, they come to one state."""

    state: torch.Tensor

    def step(self, energy, at, space, rng):
        return Place(self.state.expand_as(at.x))


def endless(made, x):
    """The loss of chains that have taken infinitely many steps: of every state, as often as the law has it."""
    weights = joint(made).sum(1).detach()
    ends = [dataclasses.replace(FROM_DATA, kernel=Arriving(state=v)) for v in states(made.visible).double()]
    losses = [one.terms(made, x, BITS, None, Rng(0)).loss for one in ends]
    return (weights * torch.stack(losses)).sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_contrastive_divergence_of_infinitely_many_steps_is_the_gradient_of_the_likelihood(seed):
    made = machine(seed).double()
    x = states(4)[[0, 3, 3, 9, 15]].double()
    found, expected = gradients(made, endless(made, x)), likelihood_gradient(made, x)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-13)


def test_many_long_chains_come_near_it():
    made, x = machine(0), states(4)[[0, 3, 3, 9, 15]]
    many = dataclasses.replace(FROM_DATA, steps=60)
    found = gradients(made, many.terms(made, x.repeat(8000, 1), BITS, None, Rng(0)).loss)
    for name, expected in likelihood_gradient(made.double(), x).items():
        torch.testing.assert_close(found[name].double(), expected, rtol=0, atol=0.015)


def test_one_step_is_the_update_that_is_worked_out():
    """h·v of data minus h·v of the chain, h its probabilities: Hinton's rule, of states that the same numbers draw."""
    made, x, rng = machine(3), states(4)[:6], Rng(7)
    hidden = (Rng(7).uniform(6, 3) < made.hidden_inputs(x).sigmoid()).float()
    again = Rng(7)
    again.uniform(6, 3)
    v = (again.uniform(6, 4) < made.visible_inputs(hidden).sigmoid()).float()
    p, p_v = made.hidden_inputs(x).sigmoid(), made.hidden_inputs(v).sigmoid()
    found = gradients(made, FROM_DATA.terms(made, x, BITS, None, rng).loss)
    torch.testing.assert_close(found["weight"], -(p.T @ x - p_v.T @ v).detach() / 6)
    torch.testing.assert_close(found["visible_bias"], -(x - v).mean(0))
    torch.testing.assert_close(found["hidden_bias"], -(p - p_v).detach().mean(0))


def attached_walk(kernel, energy, x, space, *, steps, rng):
    """The mistake: where chains have come to is taken for a function of the weights, as probabilities are."""
    for _ in range(steps):
        x = torch.sigmoid(energy.visible_inputs(torch.sigmoid(energy.hidden_inputs(x))))
    return Walk(x, None)


def test_gradients_through_the_chains_are_seen(monkeypatch):
    made, x = machine(0), states(4)
    terms = FROM_DATA.terms(made, x, BITS, None, Rng(0))
    assert not terms.chains.requires_grad
    right = gradients(made, made(x).mean() - made(terms.chains).mean())
    torch.testing.assert_close(gradients(made, terms.loss), right)
    monkeypatch.setattr(contrastive, "walk", attached_walk)
    wrong = FROM_DATA.terms(made, x, BITS, None, Rng(0))
    detached = gradients(made, made(x).mean() - made(wrong.chains.detach()).mean())
    assert (gradients(made, wrong.loss)["weight"] - detached["weight"]).abs().max() > 0.05


class Quadratic(nn.Module):
    """E(x) = w·‖x - m‖²/2."""

    def __init__(self, weight=1.0, mean=0.0):
        super().__init__()
        self.weight, self.mean = nn.Parameter(torch.tensor(weight)), nn.Parameter(torch.tensor(mean))

    def forward(self, x):
        return self.weight * (x - self.mean).square().flatten(1).sum(1) / 2


LANGEVIN = Contrastive(
    kernel=UnadjustedLangevin(step_size=0.1), steps=3, chains=Kept(size=4, fresh=0.0), data_noise=0.0,
    regularisation=0.0,
)  # fmt: skip


def test_phases_and_regularisation_are_worked_out_by_hand():
    """Chains that do not move far: energies 2 and 8 of data, 0.5 of chains at 1."""
    still = dataclasses.replace(LANGEVIN, kernel=UnadjustedLangevin(step_size=1e-12), regularisation=0.1)
    x, chains = torch.tensor([[2.0], [4.0]]), torch.ones(2, 1)
    terms = still.terms(Quadratic(), x, PLANE, chains, Rng(0))
    assert float(terms.values["positive_phase"]) == pytest.approx(5)
    assert float(terms.values["negative_phase"]) == pytest.approx(0.5, abs=1e-4)
    assert float(terms.loss) == pytest.approx(4.5 + 0.1 * (34 + 0.25), abs=1e-3)


def test_chains_go_on_or_begin_at_the_data():
    x, kept = torch.full((4, 1), 100.0), torch.full((4, 1), -100.0)
    still = dataclasses.replace(LANGEVIN, kernel=UnadjustedLangevin(step_size=1e-12))
    assert still.terms(Quadratic(), x, PLANE, kept, Rng(0)).chains.mean() < -99
    assert dataclasses.replace(still, chains=None).terms(Quadratic(), x, PLANE, None, Rng(0)).chains.mean() > 99


def test_a_share_of_the_chains_begins_anew():
    kept = torch.full((4000, 1), -100.0)
    fresh = dataclasses.replace(
        LANGEVIN, kernel=UnadjustedLangevin(step_size=1e-12), chains=Kept(size=4000, fresh=0.05)
    )
    found = fresh.terms(Quadratic(), kept, PLANE, kept, Rng(0)).chains
    assert float((found > -50).float().mean()) == pytest.approx(0.05, abs=0.012)


def test_noise_of_the_data_stays_in_their_space():
    seen = []

    def energy(x):
        seen.append(x.detach())
        return x.square().sum(1)

    noisy = dataclasses.replace(LANGEVIN, data_noise=0.5, chains=None)
    noisy.terms(energy, torch.ones(50, 2), Box(low=-1.0, high=1.0), None, Rng(0))
    x = seen[-1][:50]
    assert x.max() == 1 and x.min() < 0.5


NOISE = 0.4
MATCHINGS = {
    "sliced": (SlicedScoreMatching(projections=4), 0.0),
    "denoising": (DenoisingScoreMatching(noise=NOISE), NOISE),
}
"""Each with the deviation of the noise in the law that it learns."""
each_matching = pytest.mark.parametrize(("matching", "noise"), MATCHINGS.values(), ids=MATCHINGS)


def test_losses_of_score_matching_are_worked_out_of_a_square():
    """Of E = w·‖x - m‖²/2: sliced w²·E‖x - m‖²/2 - w·d, denoising (w²·σ²·E‖x - m‖² + (1 - w·σ²)²·d)/2."""
    x, w, m = 3.0 + 0.5 * Rng(0).normal(20_000, 2), 1.7, 2.0
    square = float((x - m).square().sum(1).mean())
    expected = {
        "sliced": w**2 * square / 2 - w * 2,
        "denoising": ((1 - w * NOISE**2) ** 2 * 2 + w**2 * NOISE**2 * square) / 2,
    }
    for name, (matching, _) in MATCHINGS.items():
        found = matching.terms(Quadratic(weight=w, mean=m), x, PLANE, None, Rng(1)).loss
        assert float(found) == pytest.approx(expected[name], abs=0.05)  # 4 deviations of what is drawn


@each_matching
def test_score_matching_finds_the_normal_law_of_the_data(matching, noise):
    """The least loss is at their mean, and at one over their variance and that of the noise."""
    x = 3.0 + 0.5 * Rng(0).normal(20_000, 2)
    optimum = Quadratic(weight=float(1 / (x.var() + noise**2)), mean=float(x.mean()))
    at_best = matching.terms(optimum, x, PLANE, None, Rng(1)).loss
    for gradient in torch.autograd.grad(at_best, optimum.parameters()):
        assert abs(float(gradient)) < 0.05


@each_matching
def test_score_matching_differs_from_the_score_error_by_a_constant(matching, noise):
    """Hyvärinen 2005, Vincent 2011: of two energies the difference of the losses is that of E‖s - ∇log p‖²/2, p the law
    of the data with the noise, which the denoising one takes times the variance of the noise."""
    x, variance = Rng(0).normal(50_000, 1), 1 + noise**2

    def error(network):
        place = (x * variance**0.5).requires_grad_()
        (gradient,) = torch.autograd.grad(network(place).sum(), place)
        return float((gradient - place / variance).square().sum(1).mean() / 2) * (noise**2 or 1)

    ones = Quadratic(weight=0.6, mean=0.2), Quadratic(weight=1.5, mean=-0.1)
    losses = [float(matching.terms(one, x, PLANE, None, Rng(2)).loss) for one in ones]
    assert losses[0] - losses[1] == pytest.approx(error(ones[0]) - error(ones[1]), abs=0.02)


@each_matching
def test_an_energy_without_a_gradient_is_refused(matching, noise):
    for energy in (lambda x: x.detach().sum(1), lambda x: torch.ones(len(x), requires_grad=True)):
        with pytest.raises(UserError, match=r"^energy: it has no gradient at a sample"):
            matching.terms(energy, torch.zeros(2, 2), PLANE, None, Rng(0))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: dataclasses.replace(FROM_DATA, steps=0), "steps=0: expected at least 1"),
        (lambda: Kept(size=0, fresh=0.0), "size=0: expected at least 1"),
        (lambda: Kept(size=5, fresh=1.5), r"fresh=1.5: expected a share in \[0, 1\]"),
        (lambda: SlicedScoreMatching(projections=0), "projections=0: expected at least 1"),
        (lambda: DenoisingScoreMatching(noise=0.0), "noise=0.0: expected a number above 0"),
        (lambda: Bits(binarise="grey"), "bits are not grey; take fixed, dynamic or threshold"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_what_an_objective_cannot_train_is_refused():
    made = machine(0)
    assert FROM_DATA.refusal(made, BITS) is None
    assert "bits with noise are none" in dataclasses.replace(FROM_DATA, data_noise=0.1).refusal(made, BITS)
    for matching, _ in MATCHINGS.values():
        assert "bits have no scores" in matching.refusal(made, BITS) and matching.refusal(Quadratic(), PLANE) is None
    assert "take gibbs" in LANGEVIN.refusal(made, BITS)


def test_the_updates_are_those_of_scikit_learn():
    """`BernoulliRBM` with the numbers that it draws: its step is ours of one persistent Gibbs step and plain descent,
    whose sign, scale by the batch and learning rate are these."""
    rng = np.random.RandomState(0)
    x = (rng.rand(10, 6) < 0.4).astype(np.float64)
    peer = BernoulliRBM(n_components=4, learning_rate=0.1, batch_size=10, random_state=1)
    peer.partial_fit(x)  # makes the weights, and takes a first step
    made = RBM(visible=6, hidden=4, deviation=0.0).double()
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(peer.components_))
        made.hidden_bias.copy_(torch.from_numpy(peer.intercept_hidden_))
        made.visible_bias.copy_(torch.from_numpy(peer.intercept_visible_))
    hidden = torch.from_numpy(peer.h_samples_.copy())
    draws = np.random.RandomState(5)
    peer._fit(x, draws)
    again = np.random.RandomState(5)
    v = (torch.from_numpy(again.random_sample((10, 6))) < made.visible_inputs(hidden).sigmoid()).double()
    loss = made(torch.from_numpy(x)).mean() - made(v.detach()).mean()
    found = gradients(made, loss)
    torch.testing.assert_close(
        made.weight - 0.1 * found["weight"], torch.from_numpy(peer.components_), rtol=0, atol=1e-12
    )
    for name, theirs in (("hidden_bias", peer.intercept_hidden_), ("visible_bias", peer.intercept_visible_)):
        ours = getattr(made, name) - 0.1 * found[name]
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=0, atol=1e-12)

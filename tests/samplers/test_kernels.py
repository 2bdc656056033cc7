"""Every kernel leaves its law as it is, and none of the known mistakes does."""

from dataclasses import replace

import pytest
import torch
from machines import joint, machine, states

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.samplers import kernels
from kantor.samplers.chains import ChainSampler, Lost, walk
from kantor.samplers.kernels import AdjustedLangevin, Gibbs, Hamiltonian, NoisyDescent, Place, UnadjustedLangevin
from kantor.samplers.spaces import Bits, Box, Unbounded

PLANE = Unbounded(deviation=1.0)
MANY = 200_000


def normal(x):
    """The energy of N(0, 1)."""
    return x.square().flatten(1).sum(1) / 2


ETA, STEP, NOISE = 0.5, 0.6, 0.8
KERNELS = {
    "langevin": (UnadjustedLangevin(step_size=ETA), 1 / (1 - ETA / 2)),
    "adjusted langevin": (AdjustedLangevin(step_size=ETA), 1.0),
    "hamiltonian": (Hamiltonian(step_size=0.7, leapfrogs=3), 1.0),
    "noisy descent": (
        NoisyDescent(step_size=STEP, noise=NOISE, bound=100.0), (1 - STEP) ** 2 * NOISE**2 / (1 - (1 - STEP) ** 2),
    ),
}  # fmt: skip
"""Each with the variance of the law that it leaves as it is, of the energy x²/2."""
each_kernel = pytest.mark.parametrize(("kernel", "variance"), KERNELS.values(), ids=KERNELS)


def flows(kernel, variance):
    """Chains that begin in the law, and how many of them go from one of three states to another in a step, (3, 3)."""
    edges = torch.tensor([-0.5, 0.8]) * variance**0.5
    before = variance**0.5 * Rng(1).normal(MANY, 1)
    after = walk(kernel, normal, before, PLANE, steps=1, rng=Rng(2)).x
    from_, to = (torch.bucketize(x[:, 0].contiguous(), edges) for x in (before, after))
    return torch.bincount(3 * from_ + to, minlength=9).view(3, 3), after


def check_balance(counts):
    """As many there as back: their difference has the variance of their sum; 4 standard deviations."""
    assert (counts > 100).all()
    assert ((counts - counts.T).abs() <= 4 * (counts + counts.T).float().sqrt()).all(), counts


@each_kernel
def test_a_step_is_in_detailed_balance(kernel, variance):
    """Between three states, of each kernel's own law, which of Metropolis' is p whatever the step is."""
    counts, after = flows(kernel, variance)
    check_balance(counts)
    error = 4 * variance * (2 / MANY) ** 0.5
    assert float(after.var()) == pytest.approx(variance, abs=error)


def law(made):
    return joint(made).sum(1)


def gibbs_matrix(made):
    """Σ_h p(v' | h)·p(h | v), (v, v'), of the joint law alone."""
    p = joint(made)
    return (p / p.sum(1, keepdim=True)) @ (p / p.sum(0, keepdim=True)).T


def test_a_gibbs_step_is_the_joint_laws_and_in_detailed_balance():
    """All steps from each of four states of two bits, counted."""
    made = machine(0, visible=2, hidden=2)
    begin = states(2).repeat_interleave(MANY // 4, 0)
    after = walk(Gibbs(), made, begin, Bits(binarise="threshold"), steps=1, rng=Rng(3)).x
    found = torch.bincount(4 * (begin @ BASE).long() + (after @ BASE).long(), minlength=16).view(4, 4) / (MANY // 4)
    expected = gibbs_matrix(made)
    error = 4.5 * (expected * (1 - expected) / (MANY // 4)).sqrt()
    assert ((found - expected).abs() <= error).all()
    flow = law(made)[:, None] * expected
    torch.testing.assert_close(flow, flow.T, rtol=0, atol=1e-12)


BASE = torch.tensor([2.0, 1.0])


def long_run(kernel, made):
    x = walk(kernel, made, torch.zeros(MANY // 4, 2), Bits(binarise="threshold"), steps=20, rng=Rng(5)).x
    return torch.bincount((x.round() @ BASE).long(), minlength=4) / len(x)


class OfProbabilities(Gibbs):
    """The mistake: probabilities stand for states."""

    def step(self, energy, at, space, rng):
        hidden = torch.sigmoid(energy.hidden_inputs(at.x))
        return Place(torch.sigmoid(energy.visible_inputs(hidden)).view_as(at.x))


def test_gibbs_chains_of_probabilities_have_another_law():
    made = machine(3, visible=2, hidden=2, deviation=2.0)
    assert (long_run(Gibbs(), made) - law(made)).abs().max() < 0.02
    assert (long_run(OfProbabilities(), made) - law(made)).abs().max() > 0.2
    x = walk(Gibbs(), made, torch.zeros(50, 2), Bits(binarise="threshold"), steps=3, rng=Rng(0)).x
    assert Bits(binarise="threshold").holds(x).all()


def test_noise_of_the_root_of_eta_is_seen(monkeypatch):
    """The mistake: √η for √(2η); the variance is half of it."""
    monkeypatch.setattr(kernels, "_towards", lambda x, g, eta, z: x - eta * g + eta**0.5 * z)
    counts, after = flows(*KERNELS["langevin"])
    assert float(after.var()) < 0.8 * KERNELS["langevin"][1]
    with pytest.raises(AssertionError):
        check_balance(counts)


@pytest.mark.parametrize("kernel", [AdjustedLangevin(step_size=1.0), Hamiltonian(step_size=1.0, leapfrogs=3)])
def test_everything_is_accepted_as_the_step_goes_to_0(kernel):
    shares = []
    for size in (1.5, 0.5, 0.05, 0.001):
        found = walk(replace(kernel, step_size=size), normal, Rng(1).normal(4000, 3), PLANE, steps=2, rng=Rng(2))
        shares.append(float(found.acceptance))
    assert shares == sorted(shares) and shares[-1] > 0.9995 and shares[0] < 0.9


def test_leapfrog_steps_can_be_gone_back():
    """With the momentum turned round one is back: what Metropolis' rule asks of a trajectory."""
    kernel = Hamiltonian(step_size=0.3, leapfrogs=7)

    class Thrown:
        def __init__(self, momentum):
            self.momentum = momentum

        def normal(self, *shape):
            return self.momentum

        def uniform(self, *shape):
            return torch.zeros(*shape)

    def energy(x):
        return (x**4).sum(1) / 4 + x.prod(1)

    x, momentum = Rng(1).normal(50, 2).double(), Rng(2).normal(50, 2).double()
    there = kernel.step(energy, Place(x), PLANE, Thrown(momentum)).x
    arrived = (there - kernel.step(energy, Place(x), PLANE, Thrown(momentum)).x).abs().max()
    assert arrived == 0 and not torch.equal(there, x)
    # the momentum at the end, by one more half step from where the last full step came
    back = kernel.step(energy, Place(there), PLANE, Thrown(-_momentum_at_end(kernel, energy, x, momentum))).x
    torch.testing.assert_close(back, x, rtol=0, atol=1e-9)


def _momentum_at_end(kernel, energy, x, momentum):
    for _ in range(kernel.leapfrogs):
        momentum = momentum - kernel.step_size / 2 * kernels.slope(energy, x).gradient
        x = x + kernel.step_size * momentum
        momentum = momentum - kernel.step_size / 2 * kernels.slope(energy, x).gradient
    return momentum


@pytest.mark.parametrize("kernel", [AdjustedLangevin(step_size=0.3), Hamiltonian(step_size=0.4, leapfrogs=2)])
def test_what_is_no_state_is_never_taken(kernel):
    box = Box(low=-0.5, high=1.0)
    x = walk(kernel, normal, torch.zeros(500, 2), box, steps=30, rng=Rng(0)).x
    assert box.holds(x).all() and x.std() > 0.2


@pytest.mark.parametrize(
    "kernel", [UnadjustedLangevin(step_size=0.3), NoisyDescent(step_size=1.0, noise=2.0, bound=0.1)]
)
def test_steps_without_a_rule_end_at_the_bounds(kernel):
    """Where the energy leads out of the box."""
    box = Box(low=-0.5, high=1.0)
    x = walk(kernel, lambda x: -normal(x), torch.zeros(500, 2), box, steps=3, rng=Rng(0)).x
    assert box.holds(x).all() and (x == 1.0).any() and (x == -0.5).any()


def test_noise_comes_before_a_descent():
    """A step so long that it leads to the middle leaves none: the tutorial's samples end with a step without noise."""
    kernel = NoisyDescent(step_size=1.0, noise=0.3, bound=100.0)
    x = walk(kernel, normal, Rng(0).normal(20, 2), PLANE, steps=1, rng=Rng(1)).x
    torch.testing.assert_close(x, torch.zeros(20, 2), rtol=0, atol=1e-6)


def test_a_gradient_is_cut_number_by_number():
    kernel = NoisyDescent(step_size=2.0, noise=0.0, bound=0.5)
    x = walk(kernel, normal, torch.tensor([[3.0, -0.2]]), PLANE, steps=1, rng=Rng(0)).x
    torch.testing.assert_close(x, torch.tensor([[2.0, 0.2]]))


@each_kernel
def test_a_walk_keeps_no_graph_and_is_keyed(kernel, variance):
    weight = torch.ones((), requires_grad=True)

    def energy(x):
        return weight * normal(x)

    begin = Rng(4).normal(6, 2)
    first, again, other = (walk(kernel, energy, begin, PLANE, steps=2, rng=Rng(key)).x for key in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not first.requires_grad and weight.grad is None


@pytest.mark.parametrize(
    "kernel", [UnadjustedLangevin(step_size=5.0), NoisyDescent(step_size=5.0, noise=0.0, bound=1e30)]
)
def test_chains_that_leave_all_bounds_are_named_with_what_to_lower(kernel):
    with pytest.raises(
        Lost, match=rf"^chains diverged in step \d+ of 200 of {kernel.name}, from an energy of \d"
    ) as lost:
        walk(kernel, normal, torch.ones(3, 2), PLANE, steps=200, rng=Rng(0))
    assert str(lost.value).endswith(": lower step_size=5.0")


@pytest.mark.parametrize(
    ("energy", "step", "named"),
    [
        (lambda x: x.sum(1) * torch.nan, 1, "nan"),  # nothing is known of where they began
        (lambda x: x.pow(3).sum(1) * 1e25, 2, "2e\\+25"),  # from 1 in steps of 3e25, whose square is no float32
        (lambda x: x.square().sum(1) * 1e37, 2, "2e\\+37"),
        (lambda x: x.square().sum(1) * 1e38, 1, "2e\\+38"),  # x itself
    ],
)
def test_the_energy_from_which_chains_are_lost_is_the_last_that_was_known(energy, step, named):
    kernel = UnadjustedLangevin(step_size=10.0 if named == "2e\\+38" else 1.0)
    with pytest.raises(Lost, match=rf"in step {step} of 5 of unadjusted_langevin, from an energy of {named}: lower"):
        walk(kernel, energy, torch.ones(3, 2), PLANE, steps=5, rng=Rng(0))


def test_what_a_kernel_cannot_move_is_refused():
    assert "bits have none; take gibbs" in UnadjustedLangevin(step_size=1.0).refusal(machine(0), Bits(binarise="fixed"))
    assert "no layers; take adjusted_langevin" in Gibbs().refusal(normal, PLANE)
    assert Gibbs().refusal(machine(0), Bits(binarise="fixed")) is None
    for energy in (lambda x: x.detach().sum(1), lambda x: torch.ones(len(x), requires_grad=True)):
        with pytest.raises(UserError, match=r"^energy: it has no gradient"):
            walk(UnadjustedLangevin(step_size=1.0), energy, torch.zeros(2, 2), PLANE, steps=1, rng=Rng(0))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: UnadjustedLangevin(step_size=0.0), "step_size=0.0: expected a number above 0"),
        (lambda: Hamiltonian(step_size=1.0, leapfrogs=0), "leapfrogs=0: expected at least 1"),
        (lambda: NoisyDescent(step_size=1.0, noise=-1.0, bound=1.0), "noise=-1.0: expected at least 0"),
        (lambda: ChainSampler(kernel=Gibbs(), steps=0, start="noise"), "steps=0: expected at least 1"),
        (lambda: ChainSampler(kernel=Gibbs(), steps=1, start="data"), "start=data: expected one of noise, kept"),
        (lambda: Box(low=1.0, high=1.0), "expected low below high"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_evaluations_are_counted():
    class Counted:
        asked = 0

        def __call__(self, x):
            self.asked += 1
            return normal(x)

    for kernel, _ in KERNELS.values():
        energy, sampler = Counted(), ChainSampler(kernel=kernel, steps=3, start="noise")
        walk(kernel, energy, torch.zeros(2, 2), PLANE, steps=3, rng=Rng(0))
        assert energy.asked == sampler.nfe == sampler.describe()["nfe"]


@pytest.mark.parametrize("kernel", [one for one, _ in KERNELS.values() if one.proposes], ids=lambda one: one.name)
def test_nothing_is_asked_twice_of_a_place(kernel):
    """What is known of where a chain is, is the energy there, whether the step was taken or not."""
    asked = []

    def energy(x):
        asked.append(x)
        return x.pow(4).sum(1)

    at, rng = Place(Rng(1).normal(100, 2)), Rng(2)
    for _ in range(5):
        at = kernel.step(energy, at, PLANE, rng)
        assert 0 < int(at.accepted.sum()) < 100
        for known, true in zip(at.slope, kernels.slope(lambda x: x.pow(4).sum(1), at.x), strict=True):
            assert torch.equal(known, true)
    assert len(asked) == kernel.evaluations(5)

"""Annealed importance sampling against partition functions that are counted."""

import math

import pytest
import torch
from machines import joint, log_z, machine, states

from kantor.keyed import Rng, seed
from kantor.metrics.partition import log_mean
from kantor.samplers.annealing import base_of, log_weights_down, log_weights_up, log_z_of_base

MACHINES = 20
LEAST = 17
"""Of 20 intervals of 95% that hold the truth: fewer do in 1.6% of all trials, of which this is one."""


@pytest.fixture(scope="module")
def found():
    """Of 20 machines the truth, weights of chains up, and of chains down from samples of the machine."""
    results = []
    for k in range(MACHINES):
        made = machine(k, visible=6, hidden=4)
        base = base_of(torch.rand(6, generator=torch.Generator().manual_seed(k)))
        up = log_weights_up(made, base, chains=100, temperatures=25, rng=Rng(seed(0, "up", k)))
        p = joint(made).sum(1)
        chosen = torch.multinomial(p, 100, replacement=True, generator=torch.Generator().manual_seed(k))
        down = log_weights_down(made, base, states(6)[chosen], temperatures=25, rng=Rng(seed(0, "down", k)))
        results.append((log_z(made), up, down))
    return results


T = 1.984217
"""Of 95%, with 99 degrees of freedom: there are 100 chains."""


def covered(truths, estimates):
    return sum(abs(one.value - truth) <= T * one.variance**0.5 for truth, one in zip(truths, estimates, strict=True))


def test_intervals_from_below_hold_the_truth_as_often_as_they_say(found):
    truths, ups, _ = zip(*found, strict=True)
    assert covered(truths, [log_mean(up) for up in ups]) >= LEAST


def test_intervals_from_above_hold_it_too(found):
    """A chain down has a weight whose mean is 1/Z."""
    truths, _, downs = zip(*found, strict=True)
    assert covered([-truth for truth in truths], [log_mean(-down) for down in downs]) >= LEAST


def test_the_two_are_bounds_from_either_side_on_average(found):
    """By Jensen: the mean of logarithms is below log Z upwards, and above it downwards."""
    above = [float(down.mean()) - truth for truth, _, down in found]
    below = [float(up.mean()) - truth for truth, up, _ in found]
    assert sum(above) / MACHINES > 0.02 and sum(below) / MACHINES < -0.02


def test_a_chain_down_from_v_estimates_how_probable_annealing_ends_there():
    """RAISE with one temperature: annealing is a draw of the base, and one step of the machine at β = 1."""
    made, base = machine(2, visible=3, hidden=2), torch.tensor([0.3, -0.5, 1.0])
    v = states(3)
    joint_law = joint(made)
    kernel = (joint_law / joint_law.sum(1, keepdim=True)) @ (joint_law / joint_law.sum(0, keepdim=True)).T
    of_base = torch.where(v == 1, base.sigmoid(), 1 - base.sigmoid()).prod(1).double()
    ends = of_base @ kernel  # of annealing
    chains = 40_000
    down = log_weights_down(made, base, v.repeat_interleave(chains, 0), temperatures=1, rng=Rng(0)).view(8, chains)
    estimate = (-made(v).double()[:, None] - down).exp()
    error = 4.5 * estimate.std(1) / math.sqrt(chains)
    assert ((estimate.mean(1) - ends).abs() <= error).all()


def test_without_weights_every_chain_knows_z_to_all_digits():
    """From the machine's own seen bits: what is left are sums over many small steps, which float32 would round."""
    made = machine(0, visible=5, hidden=3, deviation=0.0)
    base = made.visible_bias.detach()
    for weights in (
        log_weights_up(made, base, chains=4, temperatures=300, rng=Rng(0)),
        log_weights_down(made, base, states(5)[:4], temperatures=300, rng=Rng(0)),
    ):
        torch.testing.assert_close(weights, torch.full((4,), log_z(made), dtype=torch.float64), rtol=0, atol=1e-9)


def test_where_annealing_begins_z_is_known():
    """Two fair bits and a hidden one: 2·2·2 states."""
    assert log_z_of_base(torch.zeros(2), 1) == pytest.approx(math.log(8))
    assert base_of(torch.tensor([0.5, 0.0, 1.0])).isfinite().all()


def test_chains_are_keyed():
    made, base = machine(0), torch.zeros(4)
    first, again, other = (log_weights_up(made, base, chains=3, temperatures=5, rng=Rng(k)) for k in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)

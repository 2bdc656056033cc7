import math

import pytest
import torch
from machines import log_z, machine

from kantor.keyed import Rng
from kantor.metrics.partition import log_integral, log_mean, log_sum_of_states
from kantor.nets.rbm import RBM

T = 1.984217
"""Of 95%, with 99 degrees of freedom."""


def test_both_sides_of_a_machine_have_one_partition_function():
    made = machine(1, visible=13, hidden=5)
    exact = RBM(visible=13, hidden=5, deviation=0.0).double()
    exact.load_state_dict(made.state_dict())
    with torch.no_grad():
        of_visible = log_sum_of_states(exact, 13)
        of_hidden = log_sum_of_states(exact.free_energy_of_hidden, 5)
    assert of_visible == pytest.approx(of_hidden, abs=1e-12)
    assert of_visible == pytest.approx(log_z(made), abs=1e-10)


def test_independent_bits_have_a_product():
    """Energies of 0: 2^n states."""
    assert log_sum_of_states(lambda s: torch.zeros(len(s)).double(), 14) == pytest.approx(14 * math.log(2))


def test_the_integral_of_a_normal_density_is_known():
    found = log_integral(lambda x: x.square().sum(1) / 2, 8.0, cells=400)
    assert found == pytest.approx(math.log(2 * math.pi), abs=1e-9)


def test_a_mean_of_weights_is_taken_before_the_logarithm():
    """And not the mean of logarithms, which is below."""
    weights = torch.tensor([1.0, 3.0, 8.0]).double().log()
    assert log_mean(weights).value == pytest.approx(math.log(4))
    assert log_mean(weights + 1000).value == pytest.approx(1000 + math.log(4))


def test_its_variance_is_that_of_a_jackknife_by_hand():
    """Of weights 1 and 3 without each: log 3 and log 1, against log 2."""
    found = log_mean(torch.tensor([1.0, 3.0]).double().log())
    assert found.variance == pytest.approx(0.5 * (math.log(1.5) ** 2 + math.log(2) ** 2))


def test_its_interval_holds_the_truth_at_its_level():
    """Of log-normal weights with mean 1, as those of short annealing: 200 trials of 100 chains."""
    held = 0
    for k in range(200):
        one = log_mean(0.6 * Rng(k).normal(100).double() - 0.18)
        held += abs(one.value) <= T * one.variance**0.5
    assert 180 <= held <= 199

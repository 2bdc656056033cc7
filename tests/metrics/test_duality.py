import numpy as np
import pytest
import torch
from torch import nn

from kantor.metrics.duality import critic_w1, largest_slope
from kantor.metrics.transport import wasserstein
from kantor.nets.mlp import MLP


def cloud(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 2))


def test_no_critic_claims_more_than_the_exact_distance():
    """Kantorovich's duality, for 40 random critics of all kinds and scales, on sets of unequal size."""
    for seed in range(40):
        torch.manual_seed(seed)
        activation = (nn.ReLU, nn.Tanh, nn.SiLU)[seed % 3]
        critic = MLP(inputs=2, width=16, hidden_layers=1 + seed % 3, outputs=None, activation=activation,
                     initialise=None).double()  # fmt: skip
        real, generated = cloud(30, seed), cloud(20 + seed % 20, 500 + seed) * (0.5 + seed / 30) + seed / 50
        with torch.no_grad():
            f_real, f_generated = (
                10.0 ** (seed % 5 - 2) * critic(torch.from_numpy(x)).numpy() for x in (real, generated)
            )
        claimed = critic_w1(real, generated, f_real, f_generated)
        assert claimed <= wasserstein(real, generated, order=1) * (1 + 1e-9)


@pytest.mark.parametrize("slope", [0.01, 1.0, 250.0])
@pytest.mark.parametrize("shift", [(0.7, 0.0), (-0.3, 0.4), (1e-4, 0.0)])
def test_the_optimal_potential_of_a_shift_claims_its_length(slope, shift):
    real, direction = cloud(40, 0), np.array(shift) / np.hypot(*shift)
    generated = real + np.array(shift)
    claimed = critic_w1(real, generated, -slope * real @ direction, -slope * generated @ direction)
    assert claimed == pytest.approx(float(np.hypot(*shift)), rel=1e-9)


def test_a_critic_that_prefers_the_generated_points_claims_a_negative_distance():
    real = cloud(20, 0)
    generated = real + np.array([0.5, 0.0])
    assert critic_w1(real, generated, real[:, 0], generated[:, 0]) == pytest.approx(-0.5)


@pytest.mark.parametrize("height", [0.0, 3.0])
def test_a_constant_critic_claims_nothing(height):
    real, generated = cloud(10, 0), cloud(10, 1) + 5
    assert critic_w1(real, generated, np.full(10, height), np.full(10, height)) == 0


def test_scale_and_offset_of_a_critic_do_not_matter():
    real, generated = cloud(30, 0), cloud(30, 1) + 1
    f_real, f_generated = np.sin(real).sum(1), np.sin(generated).sum(1)
    claimed = critic_w1(real, generated, f_real, f_generated)
    assert critic_w1(real, generated, 4.9 * f_real - 7, 4.9 * f_generated - 7) == pytest.approx(claimed, rel=1e-12)


def test_dividing_by_the_mean_slope_would_bound_nothing():
    """A critic that is steep between the sets and flat on them (as at λ = 0.1): mean slopes see it where it is flat."""
    rng = np.random.default_rng(0)
    real, generated = rng.normal(0, 0.1, (40, 2)), rng.normal(0, 0.1, (40, 2)) + np.array([2.0, 0.0])

    def critic(x):
        return -20 * torch.sigmoid(8 * (x[:, 0] - 1))

    points = torch.from_numpy(np.concatenate([real, generated])).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(points).sum(), points)
    values = critic(points).detach().numpy()
    exact = wasserstein(real, generated, order=1)
    difference = values[:40].mean() - values[40:].mean()
    assert difference / gradient.norm(dim=1).mean().item() > 5 * exact
    assert critic_w1(real, generated, values[:40], values[40:]) <= exact


@pytest.mark.parametrize("n", [3, 255, 256, 257, 600])
def test_the_largest_slope_is_found_among_all_pairs(n):
    """256 rows are taken at a time: the steepest pair is put across the seams."""
    rng = np.random.default_rng(n)
    points, values = rng.standard_normal((n, 2)), rng.standard_normal(n) * 1e-3
    points[-1], points[0] = (50.0, 50.0), (50.0, 50.5)
    values[-1], values[0] = 0.0, 1000.0
    assert largest_slope(points, values) == pytest.approx(2000.0)


def test_the_largest_slope_is_that_of_brute_force():
    points, values = cloud(40, 3), np.random.default_rng(4).standard_normal(40)
    pairs = [abs(values[i] - values[j]) / np.linalg.norm(points[i] - points[j]) for i in range(40) for j in range(i)]
    assert largest_slope(points, values) == pytest.approx(max(pairs), rel=1e-12)


def test_coinciding_points_are_left_out():
    points, values = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]), np.array([0.0, 0.0, 3.0])
    assert largest_slope(points, values) == pytest.approx(3.0)
    assert largest_slope(points[:2], values[:2]) == 0


def test_float32_points_are_compared_in_float64():
    points = np.array([[0.0, 0.0], [1e-30, 0.0]], dtype=np.float32)  # the square underflows in float32
    values = np.array([0.0, 1e-30], dtype=np.float32)
    assert largest_slope(points, values) == pytest.approx(1.0)

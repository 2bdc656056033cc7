"""Gradients: of each network's loss by its weights, and of a critic by its input, which is its slope."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kantor import keyed
from kantor.callbacks.measurement import Measurement
from kantor.models.adversarial import Adversarial
from kantor.objectives.adversarial import WassersteinClipping
from kantor.objectives.penalties import slopes

GENERATOR_GRADIENT = "train/generator_gradient"
SLOPE, CLIPPED = "train/critic_slope", "train/clipped_share"


class Gradients(Measurement):
    """Norms of the gradients that the step left in both networks; of a Wasserstein critic also its mean slope
    E‖∇f(x̂)‖ between real and generated samples, and the share of clipped weights when they are clipped.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements.
    """

    def measure(self, model: Adversarial, block: Tensor, rng: keyed.Rng) -> dict[str, Tensor]:
        """As many of them as the objective has."""
        name, critic = model.critic_name, model.critic
        values = {GENERATOR_GRADIENT: gradient_norm(model.generator), f"train/{name}_gradient": gradient_norm(critic)}
        if model.objective.is_wasserstein:
            values[SLOPE] = mean_slope(model, block[-1], rng)
        if isinstance(model.objective, WassersteinClipping):
            values[CLIPPED] = clipped_share(model.objective.clipped(critic), model.objective.clip)
        return values


def gradient_norm(network: nn.Module) -> Tensor:
    """The Euclidean norm over all weights' gradients of the last backward pass, a scalar."""
    return torch.nn.utils.get_total_norm(
        [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in network.parameters()]
    )


def mean_slope(model: Adversarial, real: Tensor, rng: keyed.Rng) -> Tensor:
    """E‖∇f(x̂)‖ at x̂ = ε·real + (1 - ε)·generated, where a gradient penalty acts, a scalar."""
    fake = model.generator(model.latent(len(real), rng))
    epsilon = rng.uniform(len(real)).reshape(-1, *[1] * (real.dim() - 1))
    with torch.enable_grad():
        return slopes(model.critic, fake + epsilon * (real - fake), differentiable=False).mean()


def clipped_share(weights: Iterable[Tensor], clip: float) -> Tensor:
    """The share of numbers at ±clip, a scalar in [0, 1]."""
    numbers = torch.cat([weight.detach().flatten() for weight in weights])
    return (numbers.abs() >= clip * (1 - 1e-6)).float().mean()  # float32 rounds the boundary itself

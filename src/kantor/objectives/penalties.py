"""Penalties on a critic's slope."""

import torch
from torch import Tensor

from kantor.objectives.critic import Critic


def slopes(critic: Critic, points: Tensor, *, differentiable: bool) -> Tensor:
    """‖∇f(x)‖ at each point, the norm over all dimensions but the first.

    Args:
        critic: f, one number per sample; samples must not influence each other (no batch normalisation).
        points: (B, …).
        differentiable: whether the result can be differentiated by the critic's weights.

    Returns:
        (B,), float32, or float64 of such points. Computed without autocast: the double backward needs full precision.
    """
    with torch.autocast(points.device.type, enabled=False):
        exact = torch.promote_types(points.dtype, torch.float32)
        points = points.detach().to(exact).requires_grad_(True)
        values = critic(points)
        (gradient,) = torch.autograd.grad(values.sum(), points, create_graph=differentiable)
        return gradient.flatten(1).norm(dim=1)


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, epsilon: Tensor, *, one_sided: bool = False) -> Tensor:
    """E[(‖∇f(x̂)‖ - 1)²] at x̂ = ε·real + (1 - ε)·fake (Gulrajani et al. 2017, arXiv:1704.00028, equation 3).

    Args:
        critic: f, one number per sample.
        real: (B, …).
        fake: generated, (B, …).
        epsilon: one in [0, 1] per sample, (B,).
        one_sided: penalise only slopes above 1 (the paper, section 4).

    Returns:
        A scalar: the mean over the batch, without λ.
    """
    epsilon = epsilon.reshape(-1, *[1] * (real.dim() - 1))
    excess = slopes(critic, fake + epsilon * (real - fake), differentiable=True) - 1
    return (excess.clamp(min=0) if one_sided else excess).square().mean()


def zero_centred_penalty(critic: Critic, points: Tensor) -> Tensor:
    """E‖∇f(x)‖² (Mescheder et al. 2018, arXiv:1801.04406, section 4): R1 at real samples, R2 at generated ones.

    Args:
        critic: f, one number per sample.
        points: (B, …).

    Returns:
        A scalar: the mean over the batch, without γ/2.
    """
    return slopes(critic, points, differentiable=True).square().mean()

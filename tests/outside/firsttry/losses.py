"""Least squares, made from the loss that was nearest at hand."""

from dataclasses import dataclass

import torch

from kantor.objectives.adversarial import NonSaturating


@dataclass(frozen=True)
class Squares(NonSaturating):
    """Labels 1 and 0, and a penalty on the slope at real samples that flattens by `view`."""

    slope_weight: float

    def critic_terms(self, critic, real, fake, *, rng=None):
        real = real.clone().requires_grad_(True)
        values = critic(real)
        (slope,) = torch.autograd.grad(values.sum(), real, create_graph=True)
        slope = slope.view(slope.shape[0], -1).norm(2, dim=1)
        return {
            "real": ((values - 1) ** 2).mean(),
            "fake": (critic(fake) ** 2).mean(),
            "slope": self.slope_weight * (slope**2).mean(),
        }

    def generator_loss(self, critic, real, fake):
        return ((critic(fake) - 1) ** 2).mean()

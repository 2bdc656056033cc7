"""A family that draws by a sampler with settings: flow matching (Lipman et al. 2023, arXiv:2210.02747) of points.

One network, no latent space, no surface, no potential; tests/conf has its configurations, whose optimizer is the VAE's.
"""

from dataclasses import dataclass

import torch

from kantor import keyed
from kantor.errors import UserError, require_at_least
from kantor.models.base import GenerativeModel


@dataclass(frozen=True)
class Euler:
    """Euler's method from noise at t = 0 to a sample at t = 1."""

    steps: int

    def __post_init__(self):
        require_at_least(1, steps=self.steps)

    def describe(self):
        return {"sampler": "euler", "nfe": self.steps, "steps": self.steps}

    def __call__(self, velocity, x):
        for k in range(self.steps):
            x = x + velocity(x, k / self.steps) / self.steps
        return x


@dataclass(frozen=True)
class FlowMatching:
    """E‖v(x_t, t) - (x_1 - x_0)‖² on straight lines x_t = (1 - t)·x_0 + t·x_1 from noise to data (equation 23)."""

    def loss(self, velocity, x_1, rng):
        x_0, t = rng.normal(*x_1.shape), rng.uniform(len(x_1), 1)
        return (velocity((1 - t) * x_0 + t * x_1, t) - (x_1 - x_0)).square().sum(1).mean()


class ToyFlow(GenerativeModel):
    """`network`: (B, dim + 1), points and times → (B, dim), velocities."""

    step_is = "one step of the velocity"
    sampler_kind = Euler

    def __init__(self, *, network, dim, objective, optimisation, averaging, schedule, seed):
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=None, seed=seed)
        self.network, self.dim, self.objective = network, dim, objective
        self.make_averages()

    def networks(self):
        return {"velocity": self.network}

    def sampling_networks(self):
        return self.networks()

    def draw(self, networks, n, *, rng, sampler, labels):
        return sampler(velocity_of(networks["velocity"]), rng.normal(n, self.dim))

    def configure_optimizers(self):
        return self.optimisation.optimizer(self.network.parameters())

    def training_step(self, block, batch_idx):
        optimizer, parts = self.optimizers(), self.parts(block)
        self.set_learning_rates(optimizer.optimizer)
        optimizer.zero_grad()
        self.values = {"train/loss": torch.zeros((), device=self.device)}
        for part in parts:
            loss = self.objective.loss(velocity_of(self.network), part.batch(0)[0], part.rng) / len(parts)
            self.manual_backward(loss)
            self.values["train/loss"] += loss.detach()
        self.optimisation.clip(self.network)
        optimizer.step()
        self.count_step(images=block.samples.shape[1])

    def batches_per_step(self, step):
        return 1

    def batches_before(self, step):
        return step

    def check_shapes(self, sample_shape):
        place = next(self.network.parameters()).device
        x = keyed.Rng(0, device=place).normal(2, self.dim)
        if velocity_of(self.network)(x, 0.0).shape[1:] != sample_shape:
            raise UserError(f"dim={self.dim}: the data are {sample_shape}")


def velocity_of(network):
    """v(x, t) of a network of both; t is one number or (B, 1)."""
    return lambda x, t: network(torch.cat([x, torch.zeros_like(x[:, :1]) + t], dim=1))

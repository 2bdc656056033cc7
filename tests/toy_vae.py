"""A family of models of one's own, outside the package: a Gaussian VAE (Kingma & Welling 2014, arXiv:1312.6114).

Whatever the seams of kantor ask of a family, a reader finds here; docs/extending.md has it with its configurations.
"""

from dataclasses import dataclass

import torch

from kantor import keyed
from kantor.errors import UserError
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.optimisation import Optimisation, OptimizerFactory


@dataclass(frozen=True, kw_only=True)
class OneOptimizer(Optimisation):
    """One optimizer for all networks."""

    optimizer: OptimizerFactory


@dataclass(frozen=True)
class NegativeELBO:
    """Nats a sample, of decoded means with Gaussian noise of a given size (up to a constant)."""

    noise: float

    def terms(self, x, decoded, mean, log_variance):
        error = ((x - decoded) / self.noise).square().flatten(1).sum(1) / 2
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return {"reconstruction": error.mean(), "kl": kl.mean()}


class ToyVAE(GenerativeModel):
    """`encoder`: (B, …) → (B, 2·dim), means and logarithms of variances; `decoder`: (B, dim) → (B, …)."""

    step_is = "one step of encoder and decoder together"

    def __init__(
        self,
        *,
        encoder,
        decoder,
        latent,
        objective: NegativeELBO,
        optimisation: OneOptimizer,
        averaging,
        schedule,
        seed,
    ):
        super().__init__(optimisation=optimisation, averaging=averaging, schedule=schedule, classes=None, seed=seed)
        self.encoder, self.decoder, self.latent, self.objective = encoder, decoder, latent, objective
        self.make_averages()

    def networks(self):
        return {"encoder": self.encoder, "decoder": self.decoder}

    def sampling_networks(self):
        return {"decoder": self.decoder}

    def draw(self, networks, n, *, rng, sampler, labels):
        return networks["decoder"](self.latent(n, rng))

    @torch.no_grad()
    def decode(self, z, *, weights, condition=None):
        networks = self.weights(weights)
        with evaluating(networks):
            return networks["decoder"](z)

    def configure_optimizers(self):
        return self.optimisation.optimizer([*self.encoder.parameters(), *self.decoder.parameters()])

    def training_step(self, block, batch_idx):
        optimizer, parts = self.optimizers(), self.parts(block)
        self.set_learning_rates(optimizer.optimizer)
        optimizer.zero_grad()
        self.values = {}
        for part in parts:
            x, _ = part.batch(0)
            mean, log_variance = self.encoder(x).chunk(2, dim=1)
            z = mean + (log_variance / 2).exp() * self.latent(len(x), part.rng)
            terms = self.objective.terms(x, self.decoder(z), mean, log_variance)
            self.manual_backward(sum(terms.values()) / len(parts))
            for name, value in (terms | {"loss": sum(terms.values())}).items():
                self.values[f"train/{name}"] = self.values.get(f"train/{name}", 0) + value.detach() / len(parts)
        for network in self.networks().values():
            self.optimisation.clip(network)
        optimizer.step()
        self.count_step(images=block.samples.shape[1])

    def batches_per_step(self, step):
        return 1

    def batches_before(self, step):
        return step

    def check_shapes(self, sample_shape):
        z = self.latent(2, keyed.Rng(0, device=next(self.decoder.parameters()).device))
        x = z.new_zeros(2, *sample_shape)
        for name, given, expected in (("decoder", z, sample_shape), ("encoder", x, (2 * self.latent.dim,))):
            told = tuple(given.shape[1:])
            try:
                made = tuple(getattr(self, name)(given).shape[1:])
            except RuntimeError as error:
                raise UserError(f"{name}: it cannot take {told}: {str(error).splitlines()[0]}") from error
            if made != expected:
                raise UserError(f"{name}: of {told} it makes {made}, expected {expected} (latent.dim={z.shape[1]})")

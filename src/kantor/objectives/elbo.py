"""Losses of variational models: the evidence lower bound, its importance-weighted form, and plain reconstruction.

log p(x) = ELBO + KL(q(z | x) ‖ p(z | x)), ELBO = E_q log p(x | z) - KL(q(z | x) ‖ p(z)), and p(z) = N(0, I). All
numbers are nats of a sample, sums over pixels and latent dimensions: a mean over pixels beside a sum over dimensions
would be another loss, with a KL of hundreds of times its weight.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from kantor.errors import UserError, require_at_least, require_positive
from kantor.keyed import Rng
from kantor.objectives.observation import Observation
from kantor.objectives.posterior import Posterior, log_standard

Decode = Callable[[Tensor], Tensor]
"""What a decoder gives of latent vectors, (n, d) → (n, …)."""


class Loss(NamedTuple):
    """What samples lose.

    Attributes:
        loss: what is minimised, (B,).
        logged: what is told beside it, each (B,), by name.
    """

    loss: Tensor
    logged: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class VariationalObjective(ABC):
    """A loss of encoder and decoder.

    Attributes:
        observation: what data are, and p(x | z).
    """

    observation: Observation

    remedies: ClassVar[tuple[str, ...]] = ("objective=elbo", "a lower optimisation.optimizer.lr")
    """What can be tried against a posterior that has collapsed."""

    has_posterior = True
    """Whether the encoder gives a distribution, (B, 2d), and not one vector, (B, d)."""

    @abstractmethod
    def loss(self, x: Tensor, encoded: Tensor, decode: Decode, rng: Rng, step: int) -> Loss:
        """Of observed samples.

        Args:
            x: (B, …), as `observation.observed` makes them.
            encoded: what the encoder gives of them, (B, 2d) or (B, d).
            decode: the decoder.
            rng: of the latent noise.
            step: how many training steps there were.
        """

    def bound(self, cost: Tensor, kl: Tensor) -> dict[str, Tensor]:
        """What is logged of -log p(x | z) and KL, each (B,): both, and the ELBO, whatever the loss weighs; of grey
        values, which have no likelihood, under names that say so."""
        whole = {"elbo": -(cost + kl)} if self.observation.observes is not None else {"grey_sum": cost + kl}
        return {**whole, self.observation.cost: cost, "kl": kl}


def decoded(decode: Decode, z: Tensor) -> Tensor:
    """What a decoder gives of (K, B, d), (K, B, …)."""
    return decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])


def noise_of(q: Posterior, k: int, rng: Rng) -> Tensor:
    """For k latent vectors of each sample, (k, B, d)."""
    b, d = q.mean.shape
    return rng.normal(b, k, d).transpose(0, 1)


@dataclass(frozen=True, kw_only=True)
class ELBO(VariationalObjective):
    """-E_q log p(x | z) + w·KL, with one z of each sample (Kingma & Welling 2014, arXiv:1312.6114, equation 10).

    Attributes:
        beta: the weight of the KL (Higgins et al. 2017); 1 for the bound itself.
        warm_up: steps over which the weight rises from 0 to that (Bowman et al. 2016, arXiv:1511.06349); 0 for none.
        free_nats: of each latent dimension and sample, so much KL costs the same (Kingma et al. 2016, arXiv:1606.04934,
            there of a batch's mean, which would make a sample's loss depend on the others); 0 for none.
    """

    remedies = ("objective.warm_up of a tenth of the steps", "objective.free_nats=0.1", "a lower objective.beta")
    beta: float
    warm_up: int
    free_nats: float

    def __post_init__(self) -> None:
        require_at_least(0, beta=self.beta, warm_up=self.warm_up, free_nats=self.free_nats)

    def weight(self, step: int) -> float:
        """Of the KL in a step."""
        return self.beta * (min(1.0, step / self.warm_up) if self.warm_up else 1.0)

    def loss(self, x: Tensor, encoded: Tensor, decode: Decode, rng: Rng, step: int) -> Loss:
        """With the KL in closed form."""
        q = Posterior.of(encoded)
        given = decoded(decode, q.at(noise_of(q, 1, rng)))
        cost, kl = -self.observation.log_prob(x, given)[0], q.kl()
        charged = kl.clamp(min=self.free_nats) if self.free_nats else kl
        return Loss(cost + self.weight(step) * charged.sum(1), self.bound(cost, kl.sum(1)))


@dataclass(frozen=True, kw_only=True)
class IWAE(VariationalObjective):
    """-log 1/k Σ p(x, z_i)/q(z_i | x), the importance-weighted bound (Burda et al. 2016, arXiv:1509.00519, equation 8).

    Attributes:
        k: latent vectors of each sample; 1 is the ELBO, with the KL of one z.
    """

    k: int

    def __post_init__(self) -> None:
        require_positive(k=self.k)
        if self.observation.observes is None:
            raise UserError(
                "observation: grey values have no likelihood that importance weights could be made of; take "
                "objective.observation.binarise=fixed, or objective=elbo"
            )

    def loss(self, x: Tensor, encoded: Tensor, decode: Decode, rng: Rng, step: int) -> Loss:
        """By k latent vectors of each sample."""
        q = Posterior.of(encoded)
        noise = noise_of(q, self.k, rng)
        cost, log_weights = importance(self.observation, x, q, noise, decode)
        loss = -mean_weight(log_weights)
        return Loss(loss, {**self.bound(cost.mean(0), q.kl().sum(1)), "importance_bound": -loss})


def importance(
    observation: Observation, x: Tensor, q: Posterior, noise: Tensor, decode: Decode
) -> tuple[Tensor, Tensor]:
    """-log p(x | z) and log w = log p(x | z) + log p(z) - log q(z | x) of the z that q makes of noise (K, B, d), in
    nats, each (K, B)."""
    z = q.at(noise)
    cost = -observation.log_prob(x, decoded(decode, z))
    return cost, log_standard(z) - q.log_prob(noise) - cost


def mean_weight(log_weights: Tensor) -> Tensor:
    """log 1/K Σ w of (K, B), (B,): the mean is of weights, and not of their logarithms."""
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


@dataclass(frozen=True, kw_only=True)
class Reconstruction(VariationalObjective):
    """-log p(x | z) of the one z that the encoder gives: an autoencoder, which has no law of z and no likelihood."""

    has_posterior = False

    def loss(self, x: Tensor, encoded: Tensor, decode: Decode, rng: Rng, step: int) -> Loss:
        """Without noise."""
        cost = -self.observation.log_prob(x, decode(encoded)[None])[0]
        return Loss(cost, {self.observation.cost: cost})

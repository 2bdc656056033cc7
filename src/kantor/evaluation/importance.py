"""The likelihood of a latent variable model by importance sampling, log 1/k Σ p(x | z)·p(z)/q(z | x) for z ~ q.

Its expectation is a bound of log p from below, which rises with k and reaches it (Burda et al. 2016, arXiv:1509.00519,
theorem 1): log p = ELBO + KL(q ‖ p(z | x)), and the KL is what k closes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from kantor import global_generators
from kantor.errors import require_positive
from kantor.evaluation.likelihood import Likelihood, Term
from kantor.evaluation.score import Words
from kantor.keyed import Rng
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasPosterior
from kantor.objectives.elbo import importance, mean_weight, noise_of
from kantor.objectives.observation import Observation, Observed
from kantor.objectives.posterior import Posterior

NUMBERS = 1 << 21
"""Of what a decoder gives, at once: 8 MiB, which stay near the processor."""

SOURCE = "Kingma & Welling 2014, arXiv:1312.6114, equation 3"

TERMS = (
    Term(
        name="elbo_reconstruction",
        words=Words(
            meaning="-E log p(x | z), z from the encoder",
            good="low: what the decoder makes of the encoder's z is the sample",
            suspicious="no lower than without any z: the posterior has collapsed",
        ),
        source=SOURCE,
        of_addends=(1.0, 0.0, 0.0),
    ),
    Term(
        name="elbo_kl",
        words=Words(
            meaning="KL from the prior to the encoder's posterior",
            good="above 0, and below what it saves of the reconstruction",
            suspicious="near 0: the posterior has collapsed, the decoder is told nothing",
        ),
        source=SOURCE,
        of_addends=(0.0, 1.0, 0.0),
    ),
    Term(
        name="negative_elbo",
        words=Words(
            meaning="minus the evidence lower bound, the sum of these two",
            good="near the likelihood itself, from above",
            suspicious="far above it: the encoder's posteriors are far from the true ones",
        ),
        source=SOURCE,
        of_addends=(1.0, 1.0, 0.0),
    ),
    Term(
        name="posterior_kl",
        words=Words(
            meaning="KL from the true posterior to the encoder's, log p - ELBO, as far as k closes it",
            good="a few nats of a picture",
            suspicious="as large as elbo_kl: the encoder is a bad fit; growing with k: take a larger k",
        ),
        source="Burda et al. 2016, arXiv:1509.00519, section 3",
        of_addends=(0.0, 0.0, -1.0),
    ),
)
"""Reconstruction, KL, and minus what importance weights take off their sum."""


@dataclass(frozen=True, kw_only=True)
class Importance(Likelihood):
    """By k latent vectors of each sample.

    Attributes:
        k: how many.
        observation: of the model that it is of; None before it is of one.
    """

    name = "importance"
    terms = TERMS
    k: int
    observation: Observation | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(k=self.k)

    @property
    def observes(self) -> tuple[Observed, ...]:
        """What the model observes."""
        assert self.observation is not None and self.observation.observes is not None, "it is of no model yet"
        return (self.observation.observes,)

    def describe(self, dimensions: int) -> dict[str, Any]:
        """Everything but the networks: also what is observed, which other models observe otherwise."""
        assert self.observation is not None
        looked_at = "all" if self.pictures is None else self.pictures
        return {
            "by": "importance sampling from the encoder",
            "bound": "importance-weighted",
            "k": self.k,
            **self.observation.describe(),
            **({"looked at": looked_at} if self.observation.observes != "numbers" else {}),
        }

    def refusal(self, model: GenerativeModel) -> str | None:
        """Of a model without an encoder's posterior, and of grey values."""
        if not isinstance(model, HasPosterior) or not model.has_posterior:
            return (
                f"likelihood={self.name}: {type(model).__name__} has no posterior of latent vectors, as a variational "
                "autoencoder has with objective=elbo or iwae; take such a model, or likelihood=none"
            )
        if model.observation.observes is None:
            return (
                f"likelihood={self.name}: grey values under a Bernoulli have no likelihood; train with "
                "objective.observation.binarise=fixed (or dynamic, or threshold), or take likelihood=none and another "
                "primary_score than nll"
            )
        return None

    def of(self, model: GenerativeModel) -> Self:
        """Of what the model observes."""
        fitting = super().of(model)
        assert isinstance(model, HasPosterior)
        return replace(fitting, observation=model.observation)

    def nats(
        self, model: GenerativeModel, x: Tensor, labels: Tensor | None, *, weights: str, rng: Rng, as_bytes: bool
    ) -> Tensor:
        """Addends are reconstruction, KL, and what importance weights take off."""
        assert isinstance(model, HasPosterior)
        networks, observation = model.weights(weights), model.observation

        def decode(z: Tensor) -> Tensor:
            return model.given(networks, z)

        with torch.no_grad(), evaluating(networks), global_generators.keyed(rng.layers, model.device):
            observed = observation.observed(x.to(model.device), rng)
            q = model.posterior(networks, observed)
            rows = max(1, NUMBERS // decode(q.mean[:1]).numel())
            parts = zip(observed.split(rows), q.mean.split(rows), q.log_variance.split(rows), strict=True)
            found = [self._of(part, Posterior(*of), observation, decode, rows, rng) for part, *of in parts]
        addends = torch.cat(found)
        addends[:, 0] -= observation.log_volume(x[0].numel())
        return addends

    def _of(
        self, x: Tensor, q: Posterior, observation: Observation, decode: Callable[[Tensor], Tensor], rows: int, rng: Rng
    ) -> Tensor:
        """Of samples that a decoder takes at once, (B, 3)."""
        costs, weights = [], []
        for part in torch.arange(self.k).split(max(1, rows // len(x))):
            cost, log_weights = importance(observation, x, q, noise_of(q, len(part), rng), decode)
            costs.append(cost.cpu().double().sum(0))
            weights.append(mean_weight(log_weights.cpu().double()) + math.log(len(part)))
        cost, kl = torch.stack(costs).sum(0) / self.k, q.kl().cpu().double().sum(1)
        nats = math.log(self.k) - torch.stack(weights).logsumexp(0)
        return torch.stack([cost, kl, nats - cost - kl], dim=1)

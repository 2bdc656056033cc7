"""Likelihoods by a denoiser: by the probability flow, and by the bound of ancestral steps."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from kantor import global_generators
from kantor.errors import UserError, require_at_least, require_positive
from kantor.evaluation.likelihood import Likelihood, Term
from kantor.evaluation.score import Words
from kantor.keyed import Rng
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasDenoiser
from kantor.noising.bound import (
    Bound,
    Decoder,
    Reversing,
    gaussian,
    larger_variance,
    learned_variance,
    smaller_variance,
    variational_bound,
)
from kantor.noising.byte_levels import bytes_of_gaussian, dequantised, nats_of_density
from kantor.noising.denoiser import Denoiser, FromAfar, HasVariance
from kantor.noising.levels import Levels
from kantor.noising.path import Path
from kantor.noising.probability_flow import ProbabilityFlow
from kantor.samplers.grids import Trailing

EXACT_UP_TO = 8
"""Dimensions up to which a divergence is summed and not estimated: those of points."""

STEPS = 1000
"""Of a bound on a path that has no steps of its own, where none are asked for."""

WORDS = {
    "prior": Words(
        meaning="what the end of the path costs, L_T",
        good="near 0: the noisiest samples are as the noise that sampling begins with",
        suspicious="far above 0: the end of the path still shows the sample",
    ),
    "steps": Words(
        meaning="what all steps but the last lose, the sum of L_{t-1}",
        good="low: it is what better estimates of the sample lower",
        suspicious="far above the others: the denoiser, or the variance of the steps, is a bad fit",
    ),
    "decoder": Words(
        meaning="what the last step, to the data, costs, L_0",
        good="low; of a density it may be negative",
        suspicious="far above the others: the least noise of the path is too much or too little for the data",
    ),
}
"""What people are told of each field of `Bound`."""

TERMS = tuple(
    Term(
        name=f"bound_{field}",
        words=WORDS[field],
        source="Ho et al. 2020, arXiv:2006.11239, equation 5",
        of_addends=tuple(float(field == each) for each in Bound._fields),
    )
    for field in Bound._fields
)
"""Of a variational bound: each kind of its terms."""


class DenoiserLikelihood(Likelihood):
    """A way by what a denoiser estimates along its path."""

    @abstractmethod
    def of_points(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """-log p of samples (B, …), in nats, float64 (B, K): addends, as `Likelihood.nats` has them."""

    @abstractmethod
    def of_bytes(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """-log P of pictures at 256 levels in [-1, 1], (B, …), in nats, float64 (B, K), likewise."""

    @abstractmethod
    def refusal_of(self, denoiser: Denoiser, path: Path) -> str | None:
        """Why a denoiser of a path has no such likelihood, as `refusal` says it."""

    def refusal(self, model: GenerativeModel) -> str | None:
        """Of a model that does not denoise."""
        if not isinstance(model, HasDenoiser):
            return (
                f"likelihood={self.name}: {type(model).__name__} has no density that could be computed so; take "
                "likelihood=none, or a model that denoises"
            )
        return self.refusal_of(model.denoiser_of(model.weights(model.weights.default)), model.path)

    def nats(
        self, model: GenerativeModel, x: Tensor, labels: Tensor | None, *, weights: str, rng: Rng, as_bytes: bool
    ) -> Tensor:
        """Addends are the fields of `Bound` or, where K = 1, the cost itself."""
        assert isinstance(model, HasDenoiser)
        networks = model.weights(weights)
        with torch.no_grad(), evaluating(networks), global_generators.keyed(rng.layers, model.device):
            denoiser = FromAfar(model.denoiser_of(networks, labels), model.device)
            return (self.of_bytes if as_bytes else self.of_points)(denoiser, model.path, x, rng)


@dataclass(frozen=True, kw_only=True)
class Flow(DenoiserLikelihood):
    """By the probability flow, whose samples are those of the samplers without noise.

    Attributes:
        steps, noise: as in `ProbabilityFlow`.
        probes: for each picture; of points the divergence is exact.
    """

    name = "flow"
    steps: int
    probes: int
    noise: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(probes=self.probes)
        self._flow(EXACT_UP_TO + 1)

    def describe(self, dimensions: int) -> dict[str, Any]:
        """Everything but the model."""
        probes = self._flow(dimensions).probes
        return {
            "by": "probability flow",
            "bound": "none",
            "method": "Runge-Kutta 4 in ln u",
            "steps": self.steps,
            "noise": self.noise,
            "divergence": "exact" if probes is None else "Hutchinson, signs",
            "probes": probes,
        }

    def refusal_of(self, denoiser: Denoiser, path: Path) -> str | None:
        """Of a model with a variance of its own, whose samples the flow does not draw."""
        if not isinstance(denoiser, HasVariance):
            return None
        return (
            "likelihood=flow: the model has learned the variance of its steps, which the probability flow does "
            "without; take likelihood=bound likelihood.variance=learned"
        )

    def of_points(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """Of the density."""
        return -self._flow(x[0].numel()).log_density(denoiser, path, x, rng)[:, None]

    def of_bytes(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """Of the density of pictures that are spread evenly over their bins: a bound of what the bytes cost."""
        dimensions = x[0].numel()
        density = self._flow(dimensions).log_density(denoiser, path, dequantised(x, rng), rng)
        return nats_of_density(density, dimensions)[:, None]

    def _flow(self, dimensions: int) -> ProbabilityFlow:
        probes = None if dimensions <= EXACT_UP_TO else self.probes
        return ProbabilityFlow(steps=self.steps, probes=probes, noise=self.noise)


@dataclass(frozen=True, kw_only=True)
class VariationalBound(DenoiserLikelihood):
    """By the bound of ancestral sampling, whose steps are Gaussian.

    Attributes:
        steps: None for all of a chain's, and `STEPS` on other paths.
        variance: of each step: `beta`, `beta_tilde`, or `learned`, as in ancestral sampling.
    """

    name = "bound"
    terms = TERMS
    steps: int | None
    variance: Literal["beta", "beta_tilde", "learned"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance not in VARIANCES:
            raise UserError(f"variance={self.variance}: expected one of {', '.join(VARIANCES)}")
        if self.steps is not None:
            require_at_least(2, steps=self.steps)

    def describe(self, dimensions: int) -> dict[str, Any]:
        """Everything but the model."""
        return {
            "by": "ancestral steps",
            "bound": "variational",
            "steps": "the chain's" if self.steps is None else self.steps,
            "variance": self.variance,
        }

    def refusal_of(self, denoiser: Denoiser, path: Path) -> str | None:
        """Of a chain that has fewer steps, and where no variance was learned."""
        if self.variance == "learned" and not isinstance(denoiser, HasVariance):
            return "likelihood.variance=learned: the model has learned none; take beta or beta_tilde"
        if self.steps is None or path.steps is None or self.steps <= path.steps:
            return None
        return (
            f"likelihood.steps={self.steps}: the model's chain has {path.steps} steps; take at most as many, or null "
            "for all"
        )

    def of_points(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """With a Gaussian at the end."""
        return self._bound(denoiser, path, x, rng, gaussian)

    def of_bytes(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """With a Gaussian's mass in the bin of each byte at the end."""
        return self._bound(denoiser, path, x, rng, bytes_of_gaussian)

    def _bound(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng, decoder: Decoder) -> Tensor:
        levels = Trailing().levels(path, self.steps or path.steps or STEPS)
        reverse = VARIANCES[self.variance](denoiser, levels)
        return torch.stack(variational_bound(reverse, levels, path.start, x, rng, decoder), dim=1)


VARIANCES: dict[str, Callable[[Denoiser, Levels], Reversing]] = {
    "beta": larger_variance,
    "beta_tilde": smaller_variance,
    "learned": learned_variance,
}

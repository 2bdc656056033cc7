"""Likelihoods as scores: what real samples that were not trained on cost a model, in nats or bits.

They ask a model about given samples, and not for its own. They are made where a way is named: `likelihood=…`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from kantor import global_generators
from kantor.errors import UserError, require_at_least, require_positive
from kantor.keyed import Rng
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasDenoiser
from kantor.noising.bound import (
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


@dataclass(frozen=True, kw_only=True)
class Likelihood(ABC):
    """A way to a likelihood.

    Attributes:
        pictures: how many held-out ones are looked at; of points as many as a score draws.
    """

    name: ClassVar[str]
    """On the command line."""

    pictures: int

    def __post_init__(self) -> None:
        require_at_least(2, pictures=self.pictures)

    @abstractmethod
    def describe(self, dimensions: int) -> dict[str, Any]:
        """How it is computed, for the protocol of a score of samples with so many dimensions."""

    @abstractmethod
    def of_points(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """-log p of samples (B, …), in nats, float64 (B, K): addends, as `Likelihood.nats` has them."""

    @abstractmethod
    def of_bytes(self, denoiser: Denoiser, path: Path, x: Tensor, rng: Rng) -> Tensor:
        """-log P of pictures at 256 levels in [-1, 1], (B, …), in nats, float64 (B, K), likewise."""

    @abstractmethod
    def refusal(self, denoiser: Denoiser, path: Path) -> str | None:
        """Why a denoiser of a path has no such likelihood, and what to take, after the setting that it is about; None
        where it has."""

    def nats(
        self, model: GenerativeModel, x: Tensor, labels: Tensor | None, *, weights: str, rng: Rng, as_bytes: bool
    ) -> Tensor:
        """What samples cost a model with some weights, in nats, float64 (B, K) on the CPU: the sum of K addends, which
        are the fields of `Bound` or, where K = 1, the cost itself.

        Args:
            model: with a denoiser.
            x: (B, …) on the CPU, as the model takes them.
            labels: int64 (B,), of a conditional model.
            weights: as `GenerativeModel.weights` names them.
            rng: of all that is drawn.
            as_bytes: whether the samples are pictures at 256 levels.
        """
        assert isinstance(model, HasDenoiser)
        networks = model.weights(weights)
        with torch.no_grad(), evaluating(networks), global_generators.keyed(rng.layers, model.device):
            denoiser = FromAfar(model.denoiser_of(networks, labels), model.device)
            return (self.of_bytes if as_bytes else self.of_points)(denoiser, model.path, x, rng)


@dataclass(frozen=True, kw_only=True)
class Flow(Likelihood):
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

    def refusal(self, denoiser: Denoiser, path: Path) -> str | None:
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
class VariationalBound(Likelihood):
    """By the bound of ancestral sampling, whose steps are Gaussian.

    Attributes:
        steps: None for all of a chain's, and `STEPS` on other paths.
        variance: of each step: `beta`, `beta_tilde`, or `learned`, as in ancestral sampling.
    """

    name = "bound"
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

    def refusal(self, denoiser: Denoiser, path: Path) -> str | None:
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


def check_likelihood(likelihood: Likelihood | None, model: GenerativeModel) -> None:
    """Check that a model has what a likelihood needs.

    Raises:
        UserError: it has not.
    """
    if likelihood is None:
        return
    if not isinstance(model, HasDenoiser):
        raise UserError(
            f"likelihood={likelihood.name}: {type(model).__name__} has no density that could be computed; "
            "take likelihood=none, or a model that denoises"
        )
    refusal = likelihood.refusal(model.denoiser_of(model.weights(model.weights.default)), model.path)
    if refusal is not None:
        raise UserError(refusal)

"""Denoisers: D(x_t) ≈ E[x | x_t], all that a sampler, a likelihood or a picture needs of a model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from kantor.noising.levels import Levels, at_samples
from kantor.noising.parametrisation import Parametrisation
from kantor.noising.path import Path

Predict = Callable[[Tensor, Tensor], Tensor]
"""F: inputs (B, …) and what they are told of the noise, float32 (B,) → (B, …); labels are given to it before."""


class Denoiser(Protocol):
    """An estimate of the sample behind x_t."""

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """E[x | x_t = x], (B, …) → (B, …).

        Args:
            x: noisy samples.
            level: of all of them, shape (), or of each, (B,); σ > 0.
        """
        ...


@dataclass(frozen=True)
class NetworkDenoiser:
    """That of a network.

    Attributes:
        predict: the network.
        parametrisation: what it gives.
        path: whose times it is told.
    """

    predict: Predict
    parametrisation: Parametrisation
    path: Path

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """skip·x + out·F(into·x, noise)."""
        skip, out, into, noise = self.parametrisation.coefficients(level, self.path)
        told = noise.to(device=x.device, dtype=x.dtype).expand(len(x))
        return at_samples(skip, x) * x + at_samples(out, x) * self.predict(at_samples(into, x) * x, told)

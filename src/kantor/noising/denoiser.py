"""Denoisers: D(x_t) ≈ E[x | x_t], all that a sampler, a likelihood or a picture needs of a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
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


@runtime_checkable
class HasVariance(Protocol):
    """A denoiser that has learned how sure it is."""

    def with_variance(self, x: Tensor, level: Levels) -> tuple[Tensor, Tensor]:
        """D as a call gives it, and v of the same shape: how far the variance of a step is from β̃ (0) to β (1), in
        logarithms (Nichol & Dhariwal 2021, arXiv:2102.09672, equation 15)."""
        ...


class Altered(ABC):
    """A denoiser that makes something of what another one says; what that one knows of variances stays."""

    denoiser: Denoiser

    @abstractmethod
    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """What is said in place of D = `data`, of x_t = `x`."""

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """As `Denoiser` has it."""
        return self.altered(self.denoiser(x, level), x, level)

    def with_variance(self, x: Tensor, level: Levels) -> tuple[Tensor, Tensor]:
        """As `HasVariance` has it."""
        assert isinstance(self.denoiser, HasVariance)
        data, v = self.denoiser.with_variance(x, level)
        return self.altered(data, x, level), v


@dataclass(frozen=True)
class Contiguous(Altered):
    """One that gives tensors in torch's usual order, whatever the network's: samplers of the user's may take views."""

    denoiser: Denoiser

    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """The same numbers."""
        return data.contiguous()


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
        """skip·x + out·F(into·x, noise), of x scaled as the path has it at such a σ/α: it knows no other scales."""
        t = self.path.at(self.path.time(level))
        x = at_samples((t.alpha + t.sigma) / (level.alpha + level.sigma), x) * x
        skip, out, into, noise = self.parametrisation.coefficients(t, self.path)
        told = noise.to(device=x.device, dtype=x.dtype).expand(len(x))
        return at_samples(skip, x) * x + at_samples(out, x) * self.predict(at_samples(into, x) * x, told)


@dataclass(frozen=True)
class VariedDenoiser:
    """That of a network which gives twice as many channels: F, and 2v - 1.

    Attributes:
        predict, parametrisation, path: as in `NetworkDenoiser`.
    """

    predict: Predict
    parametrisation: Parametrisation
    path: Path

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """D alone."""
        return self.with_variance(x, level)[0]

    def with_variance(self, x: Tensor, level: Levels) -> tuple[Tensor, Tensor]:
        """As `HasVariance` has it."""
        shares = []

        def predict(seen: Tensor, told: Tensor) -> Tensor:
            given, v = halves(self.predict(seen, told))
            shares.append(v)
            return given

        data = NetworkDenoiser(predict, self.parametrisation, self.path)(x, level)
        return data, shares[0]


@dataclass(frozen=True)
class FromAfar:
    """A denoiser on its own device, asked from another: likelihoods are counted in float64 on the CPU, since not every
    device has it.

    Attributes:
        denoiser: whose.
        device: where it is.
    """

    denoiser: Denoiser
    device: torch.device

    def __call__(self, x: Tensor, level: Levels) -> Tensor:
        """Its own D, where x is."""
        return self.denoiser(x.to(self.device), level).to(x)

    def with_variance(self, x: Tensor, level: Levels) -> tuple[Tensor, Tensor]:
        """As `HasVariance` has it."""
        assert isinstance(self.denoiser, HasVariance)
        data, v = self.denoiser.with_variance(x.to(self.device), level)
        return data.to(x), v.to(x)


def halves(given: Tensor) -> tuple[Tensor, Tensor]:
    """F and v, (B, C, …) each, of what a network gives, (B, 2·C, …); v is ½ where that is 0."""
    mean, raw = given.chunk(2, dim=1)
    return mean, (raw + 1) / 2

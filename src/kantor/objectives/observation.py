"""Observation models: what data are to a model with a likelihood, and how probable they are under what a network gives.

Data come in [-1, 1] (points in their own units). `observed` makes of them what p is of: binary pixels, bytes, numbers.
`log_prob` is log p(x | given), where `given` is what a decoder or the units of a Boltzmann machine say of each pixel.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import softplus

from kantor.errors import UserError, require_positive
from kantor.keyed import Rng
from kantor.noising.byte_levels import HALF, LEVELS, dequantised, levels_of

Observed = Literal["numbers", "bytes", "binary"]
"""What a likelihood is of: a density of numbers, or probabilities of 256 levels or of two."""

Binarisation = Literal["fixed", "dynamic", "threshold", "grey"]
"""How grey pictures become binary ones: each pixel 1 with probability its grey value, drawn once or anew for each look;
1 where it is at least ½; or not at all."""


class Observation(ABC):
    """p(x | given), and how x is made of data."""

    cost: str = "reconstruction"
    """What -log p(x | given) is called in logs."""

    @property
    @abstractmethod
    def observes(self) -> Observed | None:
        """What the likelihood is of; None where there is none."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What is observed, for a protocol."""

    @abstractmethod
    def outputs(self, channels: int) -> int:
        """How many channels (of points: coordinates) a network gives, of data with so many."""

    @abstractmethod
    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Why data of such a shape are not so observed, and what to take; None where they are."""

    @abstractmethod
    def observed(self, data: Tensor, rng: Rng) -> Tensor:
        """x (B, …) of data (B, …)."""

    @abstractmethod
    def log_prob(self, x: Tensor, given: Tensor) -> Tensor:
        """log p(x | given) in nats, summed over each sample: of x (B, …) and given (K, B, …), float32 (K, B)."""

    @abstractmethod
    def mean(self, given: Tensor) -> Tensor:
        """E[x | given] as data, (n, …): of pixels that are 1 or 0 it is their probability, as a grey value."""

    def drawn(self, given: Tensor, rng: Rng) -> Tensor:
        """x ~ p(x | given) as data, (n, …), of numbers; default: the mean."""
        return self.mean(given)

    def log_volume(self, dimensions: int) -> float:
        """What log p is to be raised by to be of what `observes` says: a density has a volume, 0 otherwise."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Bernoulli(Observation):
    """Independent binary pixels; a network gives their logits.

    Grey values in [0, 1] under the same formula are no likelihood: their cross-entropy has another normalisation at
    every value (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845), and is called so.

    Attributes:
        binarise: how grey pictures become binary ones.
    """

    binarise: Binarisation

    def __post_init__(self) -> None:
        if self.binarise not in get_args(Binarisation):
            raise UserError(f"binarise={self.binarise}: expected one of {', '.join(get_args(Binarisation))}")

    @property
    def cost(self) -> str:  # type: ignore[override]
        """Of grey values it is none of a likelihood."""
        return "grey_cross_entropy" if self.observes is None else "reconstruction"

    @property
    def observes(self) -> Observed | None:
        """Binary pixels."""
        return None if self.binarise == "grey" else "binary"

    def describe(self) -> dict[str, Any]:
        """Which binary pictures."""
        return {"observation": "Bernoulli", "binarisation": self.binarise}

    def outputs(self, channels: int) -> int:
        """A logit for each pixel."""
        return channels

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Colours and points are not black or white."""
        if len(sample_shape) == 3 and sample_shape[0] == 1:
            return None
        what = f"pictures with {sample_shape[0]} channels" if len(sample_shape) == 3 else "points"
        return (
            f"a Bernoulli likelihood is of grey pictures, and the data are {what}; take "
            "kantor.objectives.observation.Gaussian or, of pictures, Categorical"
        )

    def observed(self, data: Tensor, rng: Rng) -> Tensor:
        """Values 0 and 1; grey ones in [0, 1]."""
        if self.binarise == "threshold":
            return (data >= 0).to(data)
        if self.binarise == "fixed":
            return fixed(data)
        grey = (data + 1) / 2
        return grey if self.binarise == "grey" else (rng.uniform(*data.shape) < grey).to(data)

    def log_prob(self, x: Tensor, given: Tensor) -> Tensor:
        """Σ x·l - log(1 + e^l) for logits l."""
        logits = given.float().flatten(2)  # (K, B, D)
        return torch.einsum("bd,kbd->kb", x.float().flatten(1), logits) - softplus(logits).sum(2)

    def mean(self, given: Tensor) -> Tensor:
        """The probabilities, as grey values."""
        return 2 * given.sigmoid() - 1


@dataclass(frozen=True, kw_only=True)
class Gaussian(Observation):
    """Independent Gaussian noise around a mean.

    Attributes:
        noise: its standard deviation, in units of the data; None where the network gives the logarithm of the variance
            behind the mean, as further channels: one for each number, or the same for all (`nets.noise.OneNoise`).
        dequantise: whether data are bytes that are spread evenly over their bins, so that the density bounds their
            probability: log P ≥ E log p(x + noise) + D·log(2/255). A density of bytes themselves has no bound.
    """

    noise: float | None
    dequantise: bool

    def __post_init__(self) -> None:
        if self.noise is not None:
            require_positive(noise=self.noise)

    @property
    def observes(self) -> Observed | None:
        """Bytes where they are spread, else numbers."""
        return "bytes" if self.dequantise else "numbers"

    def describe(self) -> dict[str, Any]:
        """Which noise."""
        spread = {"dequantisation": "uniform"} if self.dequantise else {}
        return {"observation": "Gaussian", **spread}

    def outputs(self, channels: int) -> int:
        """A mean, and the logarithm of a variance where it is learned."""
        return channels if self.noise is not None else 2 * channels

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Points are no bytes."""
        if self.dequantise and len(sample_shape) < 3:
            return "points are no bytes; take objective.observation.dequantise=false"
        return None

    def observed(self, data: Tensor, rng: Rng) -> Tensor:
        """The data, spread over their bins where that is asked for."""
        return dequantised(data, rng) if self.dequantise else data

    def log_prob(self, x: Tensor, given: Tensor) -> Tensor:
        """-½ Σ (x - m)²/v + log v + log 2π."""
        mean, log_variance = self._parts(given.float(), axis=2)
        error = (x.float() - mean).square() * (-log_variance).exp() + log_variance
        return -(error.flatten(2).sum(2) + x[0].numel() * math.log(2 * math.pi)) / 2

    def mean(self, given: Tensor) -> Tensor:
        """m."""
        return self._parts(given, axis=1)[0]

    def drawn(self, given: Tensor, rng: Rng) -> Tensor:
        """m + √v·ε."""
        mean, log_variance = self._parts(given, axis=1)
        return mean + (log_variance / 2).exp() * rng.normal(*mean.shape)

    def log_volume(self, dimensions: int) -> float:
        """D·log(2/255) of bytes."""
        return dimensions * math.log(2 * HALF) if self.dequantise else 0.0

    def _parts(self, given: Tensor, *, axis: int) -> tuple[Tensor, Tensor]:
        if self.noise is not None:
            return given, given.new_tensor(2 * math.log(self.noise))
        mean, log_variance = given.chunk(2, dim=axis)
        return mean, log_variance


@dataclass(frozen=True, kw_only=True)
class Categorical(Observation):
    """Independent bytes; a network gives a logit for each of 256 levels of each number, level after level."""

    @property
    def observes(self) -> Observed | None:
        """Bytes."""
        return "bytes"

    def describe(self) -> dict[str, Any]:
        """Which values."""
        return {"observation": f"categorical, {LEVELS} levels"}

    def outputs(self, channels: int) -> int:
        """256 for each."""
        return LEVELS * channels

    def refusal(self, sample_shape: tuple[int, ...]) -> str | None:
        """Points are no bytes."""
        if len(sample_shape) == 3:
            return None
        return "a categorical likelihood is of pictures, and the data are points; take a Gaussian one"

    def observed(self, data: Tensor, rng: Rng) -> Tensor:
        """The data."""
        return data

    def log_prob(self, x: Tensor, given: Tensor) -> Tensor:
        """Σ of the logarithm of each byte's probability."""
        logits = given.float().unflatten(2, (LEVELS, -1))  # (K, B, 256, C, H, W)
        places = levels_of(x)[None, :, None].expand(len(given), -1, -1, -1, -1, -1)
        chosen = logits.gather(2, places)[:, :, 0] - logits.logsumexp(2)
        return chosen.flatten(2).sum(2)

    def mean(self, given: Tensor) -> Tensor:
        """The expected level."""
        levels = torch.arange(LEVELS, device=given.device, dtype=torch.float32) * (2 * HALF) - 1
        return torch.einsum("bl...,l->b...", given.float().unflatten(1, (LEVELS, -1)).softmax(1), levels)


def fixed(data: Tensor) -> Tensor:
    """Binary pictures of grey ones (B, …) in [-1, 1] at 256 levels: each pixel is 1 with probability its grey value,
    decided by numbers that are a function of the picture's own bytes and the pixel's place, so that a picture is always
    the same binary picture, wherever it is met.

    The numbers are the top 24 bits of SplitMix64 (Steele et al. 2014) from a sum of the bytes, weighted by odd numbers
    of its own.
    """
    levels = levels_of(data).flatten(1)  # (B, D)
    weights, places = _table(levels.shape[1], levels.device)
    key = _mixed((levels * weights).sum(1, keepdim=True))
    numbers = _mixed(key + places).bitwise_right_shift(40).bitwise_and((1 << 24) - 1)
    return (numbers * (LEVELS - 1) < levels.bitwise_left_shift(24)).to(data).view_as(data)


def _signed(number: int) -> int:
    """64 bits as int64 has them."""
    return number - (1 << 64) if number >= 1 << 63 else number


GOLDEN = _signed(0x9E3779B97F4A7C15)
FIRST, SECOND = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's finaliser of int64 numbers; products wrap."""
    for shift, factor in ((30, FIRST), (27, SECOND)):
        z = (z ^ _shifted(z, shift)) * factor
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """To the right, with zeros."""
    return z.bitwise_right_shift(bits).bitwise_and((1 << (64 - bits)) - 1)


@cache
def _table(dimensions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A weight and an addend for each pixel."""
    places = (torch.arange(1, dimensions + 1) * GOLDEN).to(device)
    return _mixed(places).bitwise_or(1), places

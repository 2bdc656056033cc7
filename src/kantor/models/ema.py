"""Moving averages of the weights (Polyak & Juditsky 1992): of which form, and those of one training."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kantor.errors import UserError, as_given

WIDEST = 12**-0.5
"""σ_rel of γ = 0, the plain mean of all weights so far."""


class Averaging(ABC):
    """θ̄ ← θ̄ + w·(θ - θ̄) after each training step, with an average of its own for each of some numbers."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[float, ...]:
        """What tells the averages apart, in the order given."""

    @abstractmethod
    def weight(self, number: float, k: int) -> float:
        """w in [0, 1] of update k, for one of the numbers; update 0 copies the weights, whatever this is."""

    @abstractmethod
    def kept(self, number: float, updates: int) -> float:
        """Π (1 - w_k) over k = 1 … updates - 1, in closed form: the share of the first weights that is left."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is kept, in the same order: `ema:0.999`."""
        return tuple(f"ema:{float(number)!r}" for number in self.numbers)


@dataclass(frozen=True)
class Exponential(Averaging):
    """θ̄ ← d·θ̄ + (1 - d)·θ.

    Attributes:
        decay: d in [0, 1), or several, each of which makes an average of its own; 0 follows the weights at once.
        warm_up: take min(d, (1 + k)/(10 + k)) at update k, so that the start fades.

    Raises:
        UserError: there is no decay, one is outside its range, or one is given twice.
    """

    decay: float | list[float]
    warm_up: bool

    def __post_init__(self) -> None:
        given = f"decay={as_given(self.decay)}"
        if not all(_is_number(decay) and 0 <= decay < 1 for decay in self.numbers):
            raise UserError(f"{given}: expected a number in [0, 1), such as 0.999, or several")
        if not _differ(self.numbers):
            raise UserError(f"{given}: expected a number, or several that differ, such as [0.999,0.9999]")

    @property
    def numbers(self) -> tuple[float, ...]:
        """The decays."""
        return _several(self.decay)

    def weight(self, number: float, k: int) -> float:
        """1 - d."""
        return 1 - (min(number, (1 + k) / (10 + k)) if self.warm_up else number)

    def kept(self, number: float, updates: int) -> float:
        """d^(updates - 1); while it warms up the product of (1 + k)/(10 + k), which is 10!·(m + 1)!/(m + 10)!."""
        below = max(0, math.floor((10 * number - 1) / (1 - number)))  # the last k for which that is at most d
        m = min(updates - 1, below) if self.warm_up else 0
        return float(math.factorial(10) / math.prod(range(m + 2, m + 11)) * number ** (updates - 1 - m))


@dataclass(frozen=True)
class Power(Averaging):
    """θ̄(t) ∝ ∫₀ᵗ τ^γ·θ(τ) dτ: as wide a part of the training at any time, so that its start fades by itself (Karras et
    al. 2024, "Analyzing and improving the training dynamics of diffusion models", eq. 1-3).

    Attributes:
        widths: σ_rel, the standard deviation of that profile over t, or several, each of which makes an average of its
            own; at most 1/√12 ≈ 0.2887, the mean of all.

    Raises:
        UserError: there is no width, one is outside its range, or one is given twice.
    """

    widths: float | list[float]

    def __post_init__(self) -> None:
        given = f"widths={as_given(self.widths)}"
        if not all(_is_number(width) and 0 < width <= WIDEST for width in self.numbers):
            raise UserError(
                f"{given}: expected a number above 0 and at most {WIDEST:.4f}, such as 0.05, a twentieth of the "
                "training, or several"
            )
        if not _differ(self.numbers):
            raise UserError(f"{given}: expected a number, or several that differ, such as [0.05,0.1]")

    @property
    def numbers(self) -> tuple[float, ...]:
        """The widths."""
        return _several(self.widths)

    def weight(self, number: float, k: int) -> float:
        """1 - β_γ(t) = 1 - (1 - 1/t)^(γ + 1), t = k + 1."""
        return 1 - (k / (k + 1)) ** (exponent(number) + 1)

    def kept(self, number: float, updates: int) -> float:
        """All but the last of the factors (k/(k + 1))^(γ + 1) cancel."""
        return float(updates ** -(exponent(number) + 1))


@cache
def exponent(width: float) -> float:
    """γ ≥ 0 of a width: σ_rel² = (γ + 1)/((γ + 2)²·(γ + 3)), a cubic equation."""
    inverse = width**-2
    return max(0.0, float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max()))


Slot = tuple[dict[str, Any], str]
"""What a module keeps its tensors in, and the name of one."""


class Averages(nn.Module):
    """The averages of some networks, one set for each name; they stay in eval mode.

    Buffers (batch-norm statistics) are copied, not averaged.

    Args:
        networks: whose weights are followed, by name: any that sampling or scoring needs.
        averaging: how.

    Attributes:
        updates: how often they have taken in the weights.
    """

    def __init__(self, networks: Mapping[str, nn.Module], averaging: Averaging) -> None:
        super().__init__()
        self.averaging, self.names = averaging, averaging.names
        self.updates = 0  # not on the device, which an update would have to wait for
        self.sets = nn.ModuleList(copy.deepcopy(nn.ModuleDict(networks)) for _ in self.names)
        self._followed = Slots(networks.values())
        self._slots = [Slots([average]) for average in self.sets]
        self.requires_grad_(False)
        super().train(False)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now; the first update copies them."""
        weights, buffers = self._followed.parameters(), self._followed.buffers()
        for slots, number in zip(self._slots, self.averaging.numbers, strict=True):
            if self.updates == 0:
                torch._foreach_copy_(slots.parameters(), weights)
            else:
                torch._foreach_lerp_(slots.parameters(), weights, self.averaging.weight(number, self.updates))
            if buffers:
                torch._foreach_copy_(slots.buffers(), buffers)
        self.updates += 1

    def get_extra_state(self) -> Tensor:
        """How many updates there were, which is part of a checkpoint."""
        return torch.tensor(self.updates)

    def set_extra_state(self, state: Tensor) -> None:
        """Take it back."""
        self.updates = int(state)

    def networks(self, name: str) -> dict[str, nn.Module]:
        """The networks with one of the averages as their weights."""
        average = self.sets[self.names.index(name)]
        assert isinstance(average, nn.ModuleDict)
        return dict(average.items())

    def train(self, mode: bool = True) -> "Averages":
        """Stay in eval mode, whatever the model around it does."""
        return super().train(False)


class Slots:
    """Where networks keep their tensors: found once, since to walk through modules takes longer than to average them,
    and read each time, since `to` and code of the user's put others in their place. Shared ones are there once.

    Args:
        networks: any.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self._parameters: list[Slot] = []
        self._buffers: list[Slot] = []
        seen: set[Tensor] = set()
        for module in nn.ModuleList(networks).modules():
            for slots, held in ((self._parameters, module._parameters), (self._buffers, module._buffers)):
                for name, tensor in held.items():
                    if tensor is not None and tensor not in seen:
                        slots.append((held, name))
                        seen.add(tensor)

    def parameters(self) -> list[Tensor]:
        """As they are now."""
        return _read(self._parameters)

    def buffers(self) -> list[Tensor]:
        """The same of what is not learned."""
        return _read(self._buffers)


def _read(slots: list[Slot]) -> list[Tensor]:
    return [held[name] for held, name in slots]


def _several(given: float | list[float]) -> tuple[float, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _differ(numbers: tuple[float, ...]) -> bool:
    return 0 < len(numbers) == len(set(numbers))

"""Exponential moving averages of weights (Polyak & Juditsky 1992), one for each decay that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from kantor.errors import UserError

Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class Averaging:
    """θ̄ ← d·θ̄ + (1 - d)·θ after each training step.

    Attributes:
        decay: d in [0, 1), or several, each of which makes an average of its own; 0 follows the weights at once.
        warm_up: take min(d, (1 + k)/(10 + k)) at update k, so that the start fades.

    Raises:
        UserError: there is no decay, one is outside its range, or one is given twice.
    """

    decay: float | list[float]
    warm_up: bool

    def __post_init__(self) -> None:
        for decay in self.decays:
            if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
                raise UserError(f"decay={decay}: expected a number in [0, 1), such as 0.999")
        if not self.decays or len(set(self.decays)) < len(self.decays):
            raise UserError(f"decay={self.decay}: expected a number, or several that differ, such as [0.999,0.9999]")

    @property
    def decays(self) -> tuple[float, ...]:
        """All of them, in the order given; `ema` names the first."""
        return tuple(self.decay) if isinstance(self.decay, list | tuple) else (self.decay,)


class Averages(nn.Module):
    """The averages of some networks, one set for each decay; they stay in eval mode.

    Buffers (batch-norm statistics) are copied, not averaged.

    Args:
        networks: whose weights are followed, by name.
        averaging: how.
    """

    def __init__(self, networks: Mapping[str, nn.Module], averaging: Averaging) -> None:
        super().__init__()
        self.decays = averaging.decays
        self.sets = nn.ModuleList(_averaged(networks, decay, averaging.warm_up) for decay in self.decays)
        self.requires_grad_(False)
        super().train(False)

    def update(self, networks: Mapping[str, nn.Module]) -> None:
        """Take in the weights as they are now."""
        now = nn.ModuleDict(networks)
        for average in self.sets:
            assert isinstance(average, AveragedModel)
            average.update_parameters(now)

    def networks(self, decay: float) -> dict[str, nn.Module]:
        """The networks with the average of one of the decays as their weights."""
        average = self.sets[self.decays.index(decay)]
        assert isinstance(average, AveragedModel) and isinstance(average.module, nn.ModuleDict)
        return dict(average.module.items())

    def train(self, mode: bool = True) -> "Averages":
        """Stay in eval mode, whatever the model around it does."""
        return super().train(False)


def _averaged(networks: Mapping[str, nn.Module], decay: float, warm_up: bool) -> AveragedModel:
    @torch.no_grad()
    def update(averages: Tensors, weights: Tensors, updates: Tensor | int) -> None:
        k = int(updates)
        torch._foreach_lerp_(averages, weights, 1 - (min(decay, (1 + k) / (10 + k)) if warm_up else decay))

    return AveragedModel(nn.ModuleDict(networks), multi_avg_fn=update, use_buffers=False)

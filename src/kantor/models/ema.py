"""The exponential moving average of a network's weights (Polyak & Juditsky 1992), with a warm-up."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from kantor.errors import UserError

Tensors = tuple[Tensor, ...] | list[Tensor]


def check_decay(ema_decay: float) -> None:
    """Check a decay.

    Raises:
        UserError: it is outside [0, 1).
    """
    if not 0 <= ema_decay < 1:
        raise UserError(f"ema_decay={ema_decay}: expected a number in [0, 1), such as 0.999")


class EMA(AveragedModel):
    """θ̄ ← d·θ̄ + (1 - d)·θ with d = min(decay, (1 + k) / (10 + k)) at update k: the start fades.

    Buffers (batch-norm statistics) are copied, not averaged. The average is `ema.module`, it stays in eval mode.

    Args:
        network: whose weights are followed.
        decay: in [0, 1); 0 follows the weights at once.

    Raises:
        UserError: the decay is outside its range.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        check_decay(decay)

        @torch.no_grad()
        def update(averages: Tensors, weights: Tensors, updates: Tensor | int) -> None:
            k = int(updates)
            torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + k) / (10 + k)))

        super().__init__(network, multi_avg_fn=update, use_buffers=False)
        self.requires_grad_(False)
        super().train(False)

    def train(self, mode: bool = True) -> "EMA":
        """Stay in eval mode, whatever the model around it does."""
        return super().train(False)

"""Activations beyond torch's own: for networks whose gradient is itself differentiated, and with dropout."""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from kantor.errors import UserError


class _ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return torch.ops.aten.threshold_backward(gradient, y.detach(), 0)


class ReLU(nn.Module):
    """max(x, 0) with the first and second gradients of `torch.nn.ReLU`, cheaper under a gradient penalty.

    The second derivative of ReLU is 0 almost everywhere. torch's own double backward multiplies by that zero and goes
    on through the whole forward graph, every matrix product in it; this one stops.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return _ReLU.apply(x)


def dropping_leaky_relu(*, dropout: float) -> nn.Sequential:
    """LeakyReLU 0.01, then dropout in training mode: the hidden layer of the Oslo lecture's discriminator.

    Args:
        dropout: the probability with which a unit is put to 0.

    Raises:
        UserError: it is outside [0, 1).
    """
    if not 0 <= dropout < 1:
        raise UserError(f"dropout={dropout}: expected a probability in [0, 1)")
    return nn.Sequential(nn.LeakyReLU(), nn.Dropout(dropout))

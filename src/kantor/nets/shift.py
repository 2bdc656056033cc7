"""The generator with one parameter of the parallel-lines example (Arjovsky et al. 2017, example 1)."""

import torch
from torch import Tensor, nn


class Shift(nn.Module):
    """z ↦ (theta, z): a vertical segment at the learnable place `theta`.

    Args:
        theta: where the segment starts out.

    Shape:
        (B, 1) → (B, 2).
    """

    def __init__(self, *, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(float(theta)))

    def forward(self, z: Tensor) -> Tensor:
        """(B, 1) → (B, 2)."""
        return torch.cat([self.theta.expand_as(z), z], dim=1)

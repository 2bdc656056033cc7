"""How a network of noised samples is told how noisy they are, and of which class.

A level of noise is one number per sample: the time t in [0, 1], or ln(σ)/4 under Karras' preconditioning. As waves of
many lengths (Vaswani et al. 2017, arXiv:1706.03762, section 3.5; of noise levels Ho et al. 2020, arXiv:2006.11239,
appendix B) neighbouring levels differ in the short waves, distant ones in the long.
"""

import math

import torch
from torch import Tensor, nn

from kantor.errors import UserError, require_at_least, require_positive

LONGEST = 10_000
"""The longest wave over the shortest."""


def sinusoids(noise: Tensor, dim: int, *, scale: float) -> Tensor:
    """cos(w·scale·noise), then sin, for dim/2 frequencies w from 1 down towards 1/LONGEST; (B,) → (B, dim), float32.

    Args:
        noise: (B,).
        dim: even.
        scale: 1000 shows the times of a chain of 1,000 steps as their numbers.
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=noise.device) / half
    # float32: bfloat16 keeps 8 bits, and steps 999 and 1000 would be one
    angles = (noise.float() * scale)[:, None] * torch.exp(-math.log(LONGEST) * exponents)  # (B, dim/2)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class NoiseEmbedding(nn.Module):
    """A perceptron of the waves, plus a learned vector of the label (Nichol & Dhariwal 2021, arXiv:2102.09672).

    Args:
        waves: numbers that the level of noise is shown as; even.
        dim: numbers that come out.
        scale: as in `sinusoids`.
        classes: how many there are; the label `classes` itself stands for none. None for a network without labels.

    Shape:
        (B,) and, with classes, int64 (B,) in 0 … classes → (B, dim).

    Raises:
        UserError: a number is out of range.
    """

    def __init__(self, *, waves: int, dim: int, scale: float, classes: int | None) -> None:
        super().__init__()
        require_positive(waves=waves, dim=dim, scale=scale)
        if waves % 2:
            raise UserError(f"waves={waves}: expected an even number, half of them cosines and half sines")
        self.waves, self.scale, self.classes = waves, scale, classes
        self.body = nn.Sequential(nn.Linear(waves, dim), nn.SiLU(), nn.Linear(dim, dim))
        if classes is not None:
            require_at_least(2, classes=classes)
            self.labels = nn.Embedding(classes + 1, dim)

    def forward(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """(B,) and (B,) or None → (B, dim)."""
        waves = sinusoids(noise, self.waves, scale=self.scale)
        embedded = self.body(waves.to(next(self.parameters()).dtype))
        assert (labels is None) == (self.classes is None), (
            "labels are for networks with classes, and the other way round"
        )
        return embedded if labels is None else embedded + self.labels(labels)

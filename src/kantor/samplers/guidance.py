"""Guidance: away from a worse estimate, D = D_worse + w·(D_better − D_worse).

The worse one does not know the label (classifier-free guidance: Ho & Salimans 2022, arXiv:2207.12598, equation 6) or is
that of a smaller or less trained model (autoguidance: Karras et al. 2024, arXiv:2406.02507, equation 5).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from kantor.noising.denoiser import Altered, Denoiser
from kantor.noising.levels import Levels


class Guide(Protocol):
    """A model that is worse than the one that it guides."""

    @property
    def name(self) -> str:
        """What it is called in cards."""
        ...

    @property
    def digest(self) -> str:
        """Of its weights."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one of its samples."""
        ...

    @property
    def classes(self) -> int | None:
        """Of its labels; None of an unconditional model."""
        ...

    def denoiser(self, labels: Tensor | None, device: torch.device) -> Denoiser:
        """Its own; told labels int64 (B,) where it takes them."""
        ...


@dataclass(frozen=True)
class Guided(Altered):
    """Two denoisers as one, of twice the evaluations.

    Attributes:
        denoiser: D_better.
        worse: D_worse.
        guidance: w; 1 is the better one alone, 0 the worse one, above 1 what sets the two apart is exaggerated.
    """

    denoiser: Denoiser
    worse: Denoiser
    guidance: float

    def altered(self, data: Tensor, x: Tensor, level: Levels) -> Tensor:
        """As `Altered` has it."""
        worse = self.worse(x, level)
        return worse + self.guidance * (data - worse)

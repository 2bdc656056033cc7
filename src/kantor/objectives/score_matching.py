"""Score matching of an energy (Hyvärinen 2005): its score -∇E is brought near that of the data without Z and without
chains, by a loss that differs from E‖∇log p + ∇E‖²/2 by a constant.

Its trace of second derivatives is estimated along random directions (Song et al. 2019, "Sliced score matching",
arXiv:1905.07088, equation 8, with the variance reduced).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import require_at_least
from kantor.keyed import Rng
from kantor.objectives.energies import EnergyObjective, Terms
from kantor.samplers.kernels import Energy
from kantor.samplers.spaces import Space


@dataclass(frozen=True, kw_only=True)
class SlicedScoreMatching(EnergyObjective):
    """½‖s(x)‖² + v·∇(v·s(x)) on average, s = -∇E, v ~ N(0, 1).

    Attributes:
        projections: directions v for each sample, over which the mean is taken.
    """

    double_backward = True
    projections: int

    def __post_init__(self) -> None:
        require_at_least(1, projections=self.projections)

    def refusal(self, energy: Energy, space: Space) -> str | None:
        """Bits have no scores."""
        return "bits have no scores; take objective=persistent" if space.is_discrete else None

    def terms(self, energy: Energy, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Terms:
        """The loss, and `positive_phase`, the mean energy of data."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            energies = energy(x)
            (gradient,) = torch.autograd.grad(energies.sum(), x, create_graph=True)
            traces = []
            for _ in range(self.projections):
                v = rng.normal(*x.shape)
                (along,) = torch.autograd.grad(-(v * gradient).sum(), x, create_graph=True)
                traces.append((v * along).flatten(1).sum(1))
        loss = gradient.square().flatten(1).sum(1) / 2 + torch.stack(traces).mean(0)  # (B,)
        return Terms(loss.mean(), {"positive_phase": energies.detach().mean()})

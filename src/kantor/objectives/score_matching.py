"""Score matching of an energy (Hyvärinen 2005): its score -∇E is brought near that of the data without Z and without
chains.

`SlicedScoreMatching` asks for the score of the data themselves, by a loss that differs from E‖∇log p + ∇E‖²/2 by a
constant. Its trace of second derivatives is estimated along random directions (Song et al. 2019, "Sliced score
matching", arXiv:1905.07088, equation 8, with the variance reduced).

`DenoisingScoreMatching` asks for the score of p_σ, the law of x + σ·ε: at each place it is the mean of -ε/σ over all x
and ε that lead there (Vincent 2011, "A connection between score matching and denoising autoencoders", J_DSM; Song &
Ermon 2019, arXiv:1907.05600, equation 5).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import require_at_least, require_positive
from kantor.keyed import Rng
from kantor.objectives.energies import EnergyObjective, Terms
from kantor.samplers.kernels import Energy, differentiated
from kantor.samplers.spaces import Space


class ScoreMatching(EnergyObjective):
    """A loss of an energy's gradient."""

    double_backward = True

    def refusal(self, energy: Energy, space: Space) -> str | None:
        """Bits have no scores."""
        return "bits have no scores; take objective=persistent" if space.is_discrete else None


@dataclass(frozen=True, kw_only=True)
class SlicedScoreMatching(ScoreMatching):
    """½‖s(x)‖² + v·∇(v·s(x)) on average, s = -∇E, v ~ N(0, 1).

    Attributes:
        projections: directions v for each sample, over which the mean is taken.
    """

    projections: int

    def __post_init__(self) -> None:
        require_at_least(1, projections=self.projections)

    def terms(self, energy: Energy, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Terms:
        """The loss, and `positive_phase`, the mean energy of data."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            energies, gradient = differentiated(energy, x, create_graph=True)
            traces = []
            for _ in range(self.projections):
                v = rng.normal(*x.shape)
                (along,) = torch.autograd.grad(-(v * gradient).sum(), x, create_graph=True)
                traces.append((v * along).flatten(1).sum(1))
        loss = gradient.square().flatten(1).sum(1) / 2 + torch.stack(traces).mean(0)  # (B,)
        return Terms(loss.mean(), {"positive_phase": energies.detach().mean()})


@dataclass(frozen=True, kw_only=True)
class DenoisingScoreMatching(ScoreMatching):
    """½‖σ·∇E(x + σ·ε) - ε‖² on average, ε ~ N(0, 1): σ² times the squared error of the score, so that losses of
    several σ can be compared; half the number of dimensions where E is flat.

    What is learned is p_σ, and samples have the noise.

    Attributes:
        noise: σ, in units of the data.
    """

    noise: float

    def __post_init__(self) -> None:
        require_positive(noise=self.noise)

    def terms(self, energy: Energy, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Terms:
        """The loss, and `positive_phase`, the mean energy of data with the noise. Noise may lead out of a box, where
        p_σ is, too."""
        noise = rng.normal(*x.shape)
        with torch.enable_grad():
            noisy = (x + self.noise * noise).detach().requires_grad_(True)
            energies, gradient = differentiated(energy, noisy, create_graph=True)
        loss = (self.noise * gradient - noise).square().flatten(1).sum(1) / 2  # (B,)
        return Terms(loss.mean(), {"positive_phase": energies.detach().mean()})

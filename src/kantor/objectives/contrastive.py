"""The gradient of the likelihood of an energy, ∇log p(x) = -∇E(x) + E_p ∇E: the energy is lowered at data (the positive
phase) and raised at samples of the model (the negative one), which come from chains.

Chains that begin at the data and take k steps: contrastive divergence (Hinton 2002). Chains that go on from where they
were: stochastic maximum likelihood (Younes 1989), persistent contrastive divergence (Tieleman 2008). More of them than
are moved in a step, a few of which begin anew: a replay buffer (Du & Mordatch 2019, arXiv:1903.08689)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import require_at_least
from kantor.keyed import Rng
from kantor.objectives.energies import EnergyObjective, Kept, Terms
from kantor.samplers.chains import Walk, walk
from kantor.samplers.kernels import Energy, Kernel
from kantor.samplers.spaces import Space


@dataclass(frozen=True, kw_only=True)
class Contrastive(EnergyObjective):
    """E(x) - E(x⁻) on average, x⁻ where chains have come to; its gradient takes x⁻ as given.

    Attributes:
        kernel: moves the chains.
        steps: of each chain in each step of the training, k.
        chains: those that are kept; None begins at the data.
        data_noise: the standard deviation of what is added to data, so that an energy of pictures need not be a cliff.
        regularisation: the weight of E(x)² + E(x⁻)², which keeps energies near 0 (Du & Mordatch 2019, section 3.3).

    Raises:
        UserError: a setting is out of its range.
    """

    kernel: Kernel
    steps: int
    chains: Kept | None
    data_noise: float
    regularisation: float

    def __post_init__(self) -> None:
        require_at_least(1, steps=self.steps)
        require_at_least(0, data_noise=self.data_noise, regularisation=self.regularisation)

    @property
    def kept(self) -> Kept | None:
        """`chains`."""
        return self.chains

    def refusal(self, energy: Energy, space: Space) -> str | None:
        """What its kernel says."""
        refusal = self.kernel.refusal(energy, space)
        if refusal is None and space.is_discrete and self.data_noise > 0:
            refusal = f"data_noise={self.data_noise}: bits with noise are none; take 0"
        return refusal

    def terms(self, energy: Energy, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Terms:
        """The loss, both phases and, where not all steps are taken, `acceptance`."""
        if self.data_noise > 0:
            x = space.within(x + self.data_noise * rng.normal(*x.shape))
        moved = self.walk(energy, self._begin(x, space, chains, rng), space, rng)
        positive, negative = energy(torch.cat([x, moved.x])).split([len(x), len(moved.x)])
        loss = positive.mean() - negative.mean()
        if self.regularisation > 0:
            loss = loss + self.regularisation * (positive.square().mean() + negative.square().mean())
        values = {"positive_phase": positive.detach().mean(), "negative_phase": negative.detach().mean()}
        if moved.acceptance is not None:
            values["acceptance"] = moved.acceptance
        return Terms(loss, values, moved.x)

    def walk(self, energy: Energy, x: Tensor, space: Space, rng: Rng) -> Walk:
        """`steps` steps from x (B, …)."""
        return walk(self.kernel, energy, x, space, steps=self.steps, rng=rng)

    def _begin(self, x: Tensor, space: Space, chains: Tensor | None, rng: Rng) -> Tensor:
        if self.chains is None or chains is None:
            return x
        if self.chains.fresh == 0:
            return chains
        fresh = rng.uniform(len(chains)) < self.chains.fresh
        return torch.where(fresh.view(-1, *[1] * (x.dim() - 1)), space.fresh(tuple(chains.shape), rng), chains)

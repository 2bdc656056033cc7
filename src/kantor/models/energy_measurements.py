"""What is measured of an energy beside its loss: energies of data, of chains that were kept, and of fresh ones."""

import numpy as np
import torch
from torch import Tensor

from kantor.data.images import ImageData
from kantor.keyed import Rng
from kantor.models.charts import Chart
from kantor.objectives.contrastive import Contrastive
from kantor.objectives.energies import EnergyObjective
from kantor.samplers.kernels import Energy
from kantor.samplers.spaces import Space

POSITIVE, NEGATIVE, ACCEPTANCE = "train/positive_phase", "train/negative_phase", "train/acceptance"
OF_DATA, OF_KEPT, OF_FRESH = "train/energy_data", "train/energy_kept", "train/energy_fresh"
GAP, MIXING = "train/energy_gap", "train/mixing_gap"

LOOKED_AT = 64
"""Samples and chains, at most."""

AT_ONCE = 4096
"""Pictures whose mean is taken together."""

PHASES = Chart(
    "phases",
    "Mean energy of data and of chains",
    {POSITIVE: "data (positive phase)", NEGATIVE: "chains (negative phase)"},
    meaning="the mean energy of the data and of where the chains have come to, nats up to a constant",
    good="near each other: then the model's samples are as probable to it as the data are",
    suspicious="a gap that grows: the energy runs away from the chains, or the chains from the data",
)
MIXED = Chart(
    "mixing",
    "Mean energy of fresh chains and of kept ones",
    {OF_DATA: "data", OF_KEPT: "chains of the training", OF_FRESH: "fresh chains, as many steps"},
    meaning="the mean energy of the chains that training sees, and of such as began in noise and took as many steps",
    good="the three near each other: then a sample is had from noise in as many steps as the training takes",
    suspicious="fresh chains far above: chains do not mix, and samples take many more steps, or the kept chains",
)
ACCEPTED = Chart(
    "acceptance",
    "Share of steps that are taken",
    {ACCEPTANCE: "accepted"},
    limits=(0, 1),
    meaning="the share of proposed steps of the chains that are taken",
    good="0.4 to 0.9: steps as long as they can be",
    suspicious="near 0: chains stay where they are; near 1: steps are shorter than they could be",
)


def charts(objective: EnergyObjective) -> tuple[Chart, ...]:
    """Of what is measured."""
    if not isinstance(objective, Contrastive):
        return ()
    return (PHASES, MIXED, ACCEPTED) if objective.kernel.proposes else (PHASES, MIXED)


@torch.no_grad()
def energies(
    objective: EnergyObjective, energy: Energy, x: Tensor, space: Space, chains: Tensor, rng: Rng
) -> dict[str, Tensor]:
    """Mean energies, and in units of the standard deviation among data how far those of chains lie above those of data,
    and those of fresh chains above those of the others; scalars. Without chains, of data alone.

    Args:
        objective: whose chains.
        energy: of the model.
        x: states of data, (B, …).
        space: of states.
        chains: that are kept, (N, …); none where they begin at the data.
        rng: for fresh ones.
    """
    of_data = energy(x)
    if not isinstance(objective, Contrastive):
        return {OF_DATA: of_data.mean()}
    kept = chains[: len(x)] if len(chains) else objective.walk(energy, x, space, rng).x
    fresh = objective.walk(energy, space.fresh(tuple(x.shape), rng), space, rng).x
    of_kept, of_fresh = energy(kept), energy(fresh)
    scale = of_data.std().clamp(min=1e-6) if len(x) > 1 else torch.ones_like(of_data[0])
    return {
        OF_DATA: of_data.mean(),
        OF_KEPT: of_kept.mean(),
        OF_FRESH: of_fresh.mean(),
        GAP: (of_kept.mean() - of_data.mean()) / scale,
        MIXING: (of_fresh.mean() - of_kept.mean()) / scale,
    }


def mean_picture(data: ImageData) -> Tensor:
    """The mean of the training pictures, in [0, 1], (C, H, W)."""
    total = torch.zeros(data.sample_shape, dtype=torch.int64)
    for rows in np.split(np.arange(len(data.train)), range(AT_ONCE, len(data.train), AT_ONCE)):
        total += data.train.take(rows).to(torch.int64).sum(0)
    return total.double().div(255 * len(data.train)).float()

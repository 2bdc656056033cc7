"""Loss and regret by level of noise: which levels are learned, and how far each can come down.

The loss of the best denoiser is not 0: what noise has hidden, nobody knows. Where the law of the data is known, so is
that denoiser D*, and what a model loses more is its regret, E w·‖D - D*‖² ≥ 0, since the error of a mean splits:
E‖x - D‖² = E‖x - D*‖² + E‖D - D*‖².
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.keyed import Rng
from kantor.models.charts import Chart
from kantor.noising.coupling import Independent
from kantor.noising.denoiser import Denoiser
from kantor.noising.exact import Exact
from kantor.noising.levels import noised
from kantor.noising.path import Path
from kantor.noising.times import Times
from kantor.objectives.denoising import Denoising

QUARTILES = ("q1", "q2", "q3", "q4")
"""Of the times that training looks at, from the least noise to the most."""

LABELS = dict(zip(QUARTILES, ("least noise", "less", "more", "most noise"), strict=True))

LOSSES = Chart(
    "loss_by_noise",
    "Loss by quartile of noise",
    {f"train/loss_{q}": label for q, label in LABELS.items()},
    meaning="the loss in each quarter of the times that training looks at, from the least noise to the most",
    good="all settling; they differ, as some levels hide more of the sample than others",
    suspicious="one quarter that stays where it began: the network does not use what it is told of the noise",
)
REGRETS = Chart(
    "regret_by_noise",
    "Regret by quartile of noise",
    {f"train/regret_{q}": label for q, label in LABELS.items()},
    meaning="the loss minus that of the exact denoiser, which nobody can beat, in each quarter of the times",
    good="towards 0 in all quarters",
    suspicious="one quarter far above the others: there the samples' errors come from",
)


@dataclass(frozen=True)
class _Spread(Times):
    """As many times in each quarter of a distribution, in rising order; the same on each process."""

    times: Times

    def quantile(self, u: Tensor, path: Path) -> Tensor:
        """Those of the distribution."""
        return self.times.quantile(u, path)

    def draw(self, n: int, rng: Rng, path: Path) -> Tensor:
        """`n` times, float64 (n,)."""
        return self.quantile((torch.arange(n, dtype=torch.float64) + rng.open_uniform(n)) / n, path)


def by_quartile(
    objective: Denoising, denoiser: Denoiser, exact: Exact | None, x: Tensor, rng: Rng
) -> dict[str, Tensor]:
    """`train/loss_q1` … `train/loss_q4`, and where the truth is known `train/regret_q1` …, scalars.

    Args:
        objective: whose weight and times they are.
        denoiser: the model's.
        exact: that of the data; None where it is not known.
        x: samples (B, …), B a multiple of 4.
        rng: of times and noise.
    """
    assert len(x) % len(QUARTILES) == 0
    levels = objective.path.at(_Spread(objective.times).draw(len(x), rng, objective.path))
    x_t = noised(x, objective.coupling(x, rng.normal(*x.shape)), levels)
    weight, given = objective.weight(levels), denoiser(x_t, levels).cpu().double()  # not every device has float64
    found = {"loss": x.cpu().double()}
    if exact is not None and isinstance(objective.coupling, Independent):  # else another denoiser is the best
        found["regret"] = exact.posterior(x_t.cpu(), levels).mean
    return {
        f"train/{name}_{q}": part.mean().float().to(x.device)
        for name, best in found.items()
        for q, part in zip(QUARTILES, (weight * (best - given).square().flatten(1).mean(1)).chunk(4), strict=True)
    }

"""DPM-Solver++ 2M (Lu et al. 2022, arXiv:2211.01095, algorithm 2): of second order with one evaluation a step."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from kantor.keyed import Rng
from kantor.noising.denoiser import Denoiser
from kantor.noising.levels import Levels
from kantor.samplers.base import GridSampler, transitions


@dataclass(frozen=True, kw_only=True)
class DPM2M(GridSampler):
    """Two steps' data predictions, extrapolated to the middle of the step in λ = log(α/σ).

    The first step, the last, and that after a level without data (λ = −∞) take one, as DDIM does. On levels in equal
    steps of u between levels that have both data and noise the order is 2; on those from noise to data it is somewhat
    less, since near both ends steps of λ do not get shorter.
    """

    name: ClassVar[str] = "dpm2m"

    @property
    def evaluations(self) -> int:
        """One a step."""
        return self.steps

    def walk(self, denoiser: Denoiser, x: Tensor, levels: Levels, rng: Rng) -> Tensor:
        """As `DenoisingSampler` has it."""
        before: tuple[Tensor, Tensor] | None = None
        for t, s in transitions(levels):
            data, h = denoiser(x, t), (s.log_snr - t.log_snr) / 2
            ahead = data if before is None else extrapolated(data, h, *before)
            x = s.sigma / t.sigma * x + (s.alpha - t.alpha * s.sigma / t.sigma) * ahead
            before = data, h
        return x


def extrapolated(data: Tensor, h: Tensor, data_before: Tensor, h_before: Tensor) -> Tensor:
    """D in the middle of a step of length h, by the one before; D where one of the two is without end."""
    if not (h.isfinite() and h_before.isfinite()):
        return data
    return data + h / (2 * h_before) * (data - data_before)  # r = h_before/h of the algorithm

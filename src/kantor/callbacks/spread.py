"""Spread: whether generated samples differ from each other as real ones do, and reach where these are."""

import torch
from torch import Tensor

from kantor import keyed
from kantor.callbacks.measurement import Measurement
from kantor.metrics.neighbours import Distances, coverage
from kantor.models.adversarial import Adversarial

SPREAD, COVERAGE = "train/spread", "train/coverage"
SAMPLES = 64
"""Of either kind, at most."""

NEAREST = 5
"""Neighbours in the balls of coverage (Naeem et al. 2020, arXiv:2002.09797)."""


class Spread(Measurement):
    """The mean distance between generated samples over that between real ones, and coverage, both in data space.

    The generator's own weights are asked, in eval mode and with the same noise each time: its average forgets slowly.
    Too small a sample for a score; it is for the health checks, and for the eye.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: generator steps between measurements.
    """

    def measure(self, model: Adversarial, block: Tensor, rng: keyed.Rng) -> dict[str, Tensor]:
        """Both of them; nothing for a batch too small to have neighbours."""
        real = block.flatten(0, 1)[:SAMPLES].flatten(1)
        if len(real) < 2:
            return {}
        fixed = keyed.Rng(keyed.seed(self.seed, "spread"), device=model.device)
        generated = model.sample(len(real), rng=fixed, weights="raw").flatten(1)
        distances = Distances.of(real.double().cpu(), generated.double().cpu())  # not every device has float64
        spread = mean_distance(distances.generated) / mean_distance(distances.real)
        covered = coverage(distances, k=min(NEAREST, len(real) - 1))
        return {SPREAD: spread.float().to(model.device), COVERAGE: torch.tensor(covered, device=model.device)}


def mean_distance(squared: Tensor) -> Tensor:
    """The mean over pairs of different samples, from squared distances (n, n) with infinity on the diagonal; a scalar.

    Never 0, so that it can be divided by.
    """
    n = len(squared)
    return squared.sqrt().fill_diagonal_(0).sum() / (n * (n - 1)) + torch.finfo(torch.float64).tiny

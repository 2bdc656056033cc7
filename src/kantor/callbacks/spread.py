"""Spread: whether generated samples differ from each other as real ones do, and reach where these are."""

import torch
from torch import Tensor

from kantor import keyed
from kantor.callbacks.measurement import Measurement
from kantor.metrics.neighbours import Distances, coverage
from kantor.models.adversarial import Adversarial
from kantor.samplers.direct import Direct

SPREAD, NEAREST_SAMPLE, COVERAGE = "train/spread", "train/nearest_sample", "train/coverage"
SAMPLES = 64
"""Of either kind, at most."""

MOST = 1e6
"""The largest ratio: real samples may all be equal, and nothing here is to become infinite."""

NEAREST = 5
"""Neighbours in the balls of coverage (Naeem et al. 2020, arXiv:2002.09797)."""


class Spread(Measurement):
    """The mean distance between generated samples over that between real ones, the same of the distance to the nearest
    other sample, and coverage; all in data space.

    The mean is small when all samples are one, the nearest also when there are a few that come again and again. It is
    the generator's own weights that are asked, in eval mode and with the same noise each time: its average forgets
    slowly. Too small a sample for a score; it is for the health checks, and for the eye.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements.
    """

    def measure(self, model: Adversarial, block: Tensor, rng: keyed.Rng) -> dict[str, Tensor]:
        """All three; nothing for a batch too small to have neighbours."""
        real = block.flatten(0, 1)[:SAMPLES].flatten(1)
        if len(real) < 2:
            return {}
        fixed = keyed.Rng(keyed.seed(self.seed, "spread"), device=model.device)
        generated = model.sample(len(real), rng=fixed, sampler=Direct(), weights="raw").flatten(1)
        distances = Distances.of(real.double().cpu(), generated.double().cpu())  # not every device has float64
        spread = ratio(mean_distance(distances.generated), mean_distance(distances.real))
        nearest = ratio(nearest_distance(distances.generated), nearest_distance(distances.real))
        covered = coverage(distances, k=min(NEAREST, len(real) - 1))
        values = {SPREAD: spread, NEAREST_SAMPLE: nearest, COVERAGE: torch.tensor(covered)}
        return {name: value.to(model.device) for name, value in values.items()}


def ratio(generated: Tensor, real: Tensor) -> Tensor:
    """generated / real, at most `MOST`; 1 where both are 0; a float32 scalar."""
    return torch.where(generated == real, 1.0, generated / real).clamp(max=MOST).float()


def mean_distance(squared: Tensor) -> Tensor:
    """The mean over pairs of different samples, from squared distances (n, n) with infinity on the diagonal."""
    n = len(squared)
    return squared.sqrt().fill_diagonal_(0).sum() / (n * (n - 1))


def nearest_distance(squared: Tensor) -> Tensor:
    """The mean distance to the nearest other sample, from squared distances (n, n) with infinity on the diagonal."""
    return squared.sqrt().min(1).values.mean()

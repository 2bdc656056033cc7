"""Spread: whether generated samples differ from each other as real ones do, and reach where these are.

For any model that samples cheaply. Too small a sample for a score; it is for health checks, and for the eye.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kantor.metrics.neighbours import Distances, coverage
from kantor.models.charts import Chart

SPREAD, NEAREST_SAMPLE, REACHED = "train/spread", "train/nearest_sample", "train/reached"
SAMPLES = 64
"""Of either kind, at most."""

MOST = 1e6
"""The largest ratio: real samples may all be equal, and nothing here is to become infinite."""

NEAREST = 5
"""Neighbours in the balls around real samples, as in coverage (Naeem et al. 2020, arXiv:2002.09797)."""

CHART = Chart(
    "spread",
    "Generated samples against real ones",
    {SPREAD: "distances", NEAREST_SAMPLE: "nearest", REACHED: "reached"},
    mark=(1.0, "real"),
    meaning=f"of at most {SAMPLES} samples, in data space: their mean distance and that to the nearest other one "
    "over those of real samples, and the share of real samples that they reach",
    good="near 1",
    suspicious="a fall by half or more: the samples become one, or a few",
)


def spread(real: Tensor, sample: Callable[[int], Tensor]) -> dict[str, Tensor]:
    """The mean distance between generated samples over that between real ones, the same of the distance to the nearest
    other sample, and the share of real samples that generated ones reach; all in data space.

    That share is coverage of so few samples that it says nothing of a model: near 1 where its score is far below.

    The mean is small when all samples are one, the nearest also when there are a few that come again and again.

    Args:
        real: samples (N, …), of which the first `SAMPLES` are taken.
        sample: draws n samples (n, …), with the same noise each time, or a change would be the noise's.

    Returns:
        Float32 scalars by log name; none for fewer than two real samples, which have no neighbours.
    """
    real = real[:SAMPLES].flatten(1)
    if len(real) < 2:
        return {}
    generated = sample(len(real)).flatten(1)
    distances = Distances.of(real.double().cpu(), generated.double().cpu())  # not every device has float64
    values = {
        SPREAD: ratio(mean_distance(distances.generated), mean_distance(distances.real)),
        NEAREST_SAMPLE: ratio(nearest_distance(distances.generated), nearest_distance(distances.real)),
        REACHED: torch.tensor(coverage(distances, k=min(NEAREST, len(real) - 1))),
    }
    return {name: value.to(real.device) for name, value in values.items()}


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

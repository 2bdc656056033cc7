"""What is measured of a variational model beside its loss: how much of its latent space says anything of the samples.

A posterior that is the prior for every sample has collapsed: the decoder then makes the same of all.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import Tensor

from kantor.models.charts import Chart
from kantor.models.health import SETTLED, Check, History, advice
from kantor.objectives.posterior import Posterior

ACTIVE, LARGEST, MEDIAN, SMALLEST = (
    "train/active_units",
    "train/kl_largest",
    "train/kl_median",
    "train/kl_smallest",
)

VARIANCE = 0.01
"""Of the posterior's mean over samples, above which a latent dimension is active (Burda et al. 2016, arXiv:1509.00519,
section 5.2)."""

FEW = 0.1
"""Of all dimensions; where fewer are active, the latent space has all but collapsed."""

BOUND = Chart(
    "elbo", "Evidence lower bound, nats of a sample", {"train/elbo": "ELBO"},
    meaning="the bound of log p of a batch, whatever weight the loss gives its KL",
    good="rising, and flat at the end",
    suspicious="falling while the loss falls: the weight of the KL is far from 1",
)  # fmt: skip
KL = Chart(
    "kl", "KL from the prior by latent dimension, nats", {LARGEST: "largest", MEDIAN: "median", SMALLEST: "smallest"},
    meaning="KL(q(z | x) ‖ p(z)) of single latent dimensions, mean over a batch",
    good="the dimensions that are used well above 0",
    suspicious="all at 0: the decoder is told nothing of the sample",
)  # fmt: skip
UNITS = Chart(
    "active_units", "Active latent dimensions", {ACTIVE: "active"},
    meaning=f"latent dimensions whose posterior mean varies by more than {VARIANCE} over a batch",
    good="as many as the data ask for; others cost nothing",
    suspicious="hardly any: the posterior has collapsed to the prior",
)  # fmt: skip


def use(q: Posterior) -> dict[str, Tensor]:
    """How many latent dimensions are active, and the KL of the largest, the middle and the smallest, over samples;
    scalars by log name. None for a single sample, which does not vary."""
    if len(q.mean) < 2:
        return {}
    kl = q.kl().mean(0)
    active = (q.mean.var(0) > VARIANCE).float().sum()
    return {ACTIVE: active, LARGEST: kl.max(), MEDIAN: kl.median(), SMALLEST: kl.min()}


def posterior_collapse(dimensions: int, remedies: Sequence[str], history: History) -> str | None:
    """Hardly any latent dimension says anything of the samples."""
    active, largest = history.last(ACTIVE), history.last(LARGEST)
    if not active or history.count < SETTLED or max(active) >= max(1, FEW * dimensions):
        return None
    return (
        f"posterior collapse: {active[-1]:.0f} of {dimensions} latent dimensions are active, the largest KL of one is "
        f"{largest[-1]:.2g} nats; the decoder hardly uses what it is told. " + advice(*remedies)
    )


def checks(dimensions: int, remedies: Sequence[str]) -> Mapping[str, Check]:
    """All of them by name, for a latent space of so many dimensions and what an objective has against a collapse."""
    return {posterior_collapse.__name__: partial(posterior_collapse, dimensions, remedies)}

"""What is measured of adversarial training beside its losses: gradients, the slope of a critic, D(x) and D(G(z))."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kantor.keyed import Rng
from kantor.models import gradients
from kantor.models.charts import Chart
from kantor.objectives.adversarial import AdversarialObjective, WassersteinClipping
from kantor.objectives.critic import Critic
from kantor.objectives.penalties import slopes

GENERATOR_GRADIENT = "train/generator_gradient"
SLOPE, CLIPPED = "train/critic_slope", "train/clipped_share"
D_REAL, D_FAKE, ACCURACY = "train/d_real", "train/d_fake", "train/discriminator_accuracy"
D_LOWEST, D_HIGHEST = "train/d_lowest", "train/d_highest"

OF_PROBABILITIES = (
    Chart(
        "probabilities",
        "How real the discriminator finds samples",
        {D_REAL: "D(x)", D_FAKE: "D(G(z))", D_LOWEST: "lowest", D_HIGHEST: "highest"},
        mark=(0.5, "½"),
        limits=(0, 1),
        meaning="the mean probability of being real that the discriminator gives to real and to generated samples",
        good="both near ½: neither network can improve",
        suspicious="1 and 0 for long: nothing is left for the generator to learn from",
    ),
    Chart(
        "accuracy",
        "Discriminator's accuracy",
        {ACCURACY: "accuracy"},
        mark=(0.5, "½"),
        limits=(0, 1),
        meaning="the share of real and generated samples that the discriminator takes for what they are",
        good="between ½ and 1, and moving",
        suspicious="1 for long, or below ½",
    ),
)
OF_POTENTIALS = (
    Chart(
        "slope",
        "Slope of the critic between real and generated",
        {SLOPE: "slope"},
        mark=(1.0, "1"),
        meaning="the mean norm of the critic's gradient between real and generated samples",
        good="near 1 with a gradient penalty; without one any value that stays",
        suspicious="near 0: too flat to teach the generator; growth without end",
    ),
    Chart(
        "critic_estimate",
        "Wasserstein-1: exact, and as the critic sees it",
        {"val/w1": "exact W1", "val/critic_w1": "critic's estimate"},
        floor_of="w1",
        meaning="the exact distance between samples of the data and of the model, and what the critic makes of it",
        good="both falling towards what real data score",
        suspicious="an estimate far from the exact distance: the critic is not at its optimum",
    ),
)
OF_CLIPPING = Chart(
    "clipped",
    "Share of the critic's weights at the clip",
    {CLIPPED: "clipped"},
    limits=(0, 1),
    meaning="the share of the critic's weights that lie at the boundary of what clipping allows",
    good="well below 1",
    suspicious="near 1: the critic can learn little more than signs",
)


def charts(objective: AdversarialObjective, networks: Iterable[str], *, has_probabilities: bool) -> tuple[Chart, ...]:
    """Of what is measured with an objective; the networks by their names."""
    return (
        *(OF_PROBABILITIES if has_probabilities else ()),
        gradients.chart(networks),
        *(OF_POTENTIALS if objective.is_wasserstein else ()),
        *((OF_CLIPPING,) if isinstance(objective, WassersteinClipping) else ()),
    )


def of_potential(
    objective: AdversarialObjective, network: nn.Module, critic: Critic, real: Tensor, fake: Tensor, rng: Rng
) -> dict[str, Tensor]:
    """The mean slope of a Wasserstein critic, and the share of clipped weights when they are clipped; scalars.

    Args:
        objective: a Wasserstein one.
        network: the critic's.
        critic: its numbers, (B, …) → (B,).
        real: (B, …).
        fake: generated, (B, …).
        rng: for the places between the two.
    """
    values = {SLOPE: mean_slope(critic, real, fake, rng)}
    if isinstance(objective, WassersteinClipping):
        values[CLIPPED] = clipped_share(objective.clipped(network), objective.clip)
    return values


def mean_slope(critic: Critic, real: Tensor, fake: Tensor, rng: Rng) -> Tensor:
    """E‖∇f(x̂)‖ at x̂ = ε·real + (1 - ε)·fake, where a gradient penalty acts, a scalar."""
    epsilon = rng.uniform(len(real)).reshape(-1, *[1] * (real.dim() - 1))
    with torch.enable_grad():
        return slopes(critic, fake + epsilon * (real - fake), differentiable=False).mean()


def clipped_share(weights: Iterable[Tensor], clip: float) -> Tensor:
    """The share of numbers at ±clip, a scalar in [0, 1]."""
    numbers = torch.cat([weight.detach().flatten() for weight in weights])
    return (numbers.abs() >= clip * (1 - 1e-6)).float().mean()  # float32 rounds the boundary itself


def of_probabilities(d_real: Tensor, d_fake: Tensor) -> dict[str, Tensor]:
    """Mean D(x), mean D(G(z)), the share of both taken for what they are, and the lowest and highest D of both, each of
    (B,) → a scalar.

    When neither network can improve both means are ½ (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1).
    """
    right = torch.cat([d_real > 0.5, d_fake < 0.5])
    return {
        D_REAL: d_real.mean(),
        D_FAKE: d_fake.mean(),
        ACCURACY: right.float().mean(),
        D_LOWEST: torch.minimum(d_real.min(), d_fake.min()),
        D_HIGHEST: torch.maximum(d_real.max(), d_fake.max()),
    }

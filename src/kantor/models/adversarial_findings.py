"""What can be wrong with adversarial training: one check for each ailment, which knows in what setting it stands."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import nn

from kantor.models.adversarial_measurements import ACCURACY, CLIPPED, D_HIGHEST, D_LOWEST, GENERATOR_GRADIENT, SLOPE
from kantor.models.health import SETTLED, Check, History, advice
from kantor.models.spread import NEAREST_SAMPLE, REACHED, SPREAD
from kantor.objectives.adversarial import (
    AdversarialObjective,
    Minimax,
    WassersteinClipping,
    WassersteinGradientPenalty,
)
from kantor.objectives.critic import first_normalisation, without_normalisation

ON_REAL, ON_FAKE = "train/critic_real", "train/critic_fake"
"""The terms of a Wasserstein critic's loss: minus its mean on real samples, and its mean on generated ones."""

STEEP, FLAT = 10.0, 0.1
"""Mean slopes that are far from 1 whatever the penalty allows."""


@dataclass(frozen=True)
class Setting:
    """What of a model decides what is an ailment in it, and which remedies it has left.

    Attributes:
        penalty_weight: λ of its gradient penalty; None without one.
        clipped: whether the critic's weights are.
        without_normalisation: the words that make a critic without the batch normalisation that it has; None where it
            has none.
        saturating: whether the generator minimises log(1 - D).
        logits: whether the discriminator's numbers are logits, so that D is σ of them.
        normalised: whether the critic has batch normalisation.
        own: whether the critic's loss is the user's, of which nothing is known but what it says itself.
    """

    penalty_weight: float | None
    clipped: bool
    without_normalisation: str | None
    saturating: bool
    logits: bool
    normalised: bool
    own: bool

    @classmethod
    def of(cls, objective: AdversarialObjective, critic: nn.Module) -> "Setting":
        """That of an objective and its critic."""
        numbers = torch.tensor([-3.0, 0.0, 1.0])
        found = objective.probability(numbers)
        own = _home(objective.critic_terms) != "kantor"
        penalty = objective.penalty_weight if isinstance(objective, WassersteinGradientPenalty) else None
        return cls(
            penalty_weight=None if own else penalty,
            clipped=isinstance(objective, WassersteinClipping) and not own,
            without_normalisation=without_normalisation(critic),
            saturating=isinstance(objective, Minimax) and _home(objective.generator_loss) == "kantor",
            logits=found is not None and torch.allclose(found, numbers.sigmoid()),
            normalised=first_normalisation(critic) is not None,
            own=own,
        )

    @property
    def penalty(self) -> tuple[str, ...]:
        """The gradient penalty as a remedy, in words for the command line; none when there is one already, or may be,
        or when no word takes the batch normalisation out of the critic."""
        if self.own or (self.normalised and self.without_normalisation is None):
            return ()
        words = ("objective=wasserstein_gp", "optimisation.n_critic.steps=5", self.without_normalisation)
        given = " ".join(word for word in words if word is not None)
        return (given,) if self.penalty_weight is None else ()


def _home(method: Callable[..., object]) -> str:
    """The package that a method is written in."""
    return method.__module__.partition(".")[0]


def mode_collapse(setting: Setting, history: History) -> str | None:
    """All samples are nearly one and do not move apart, or each has a twin; or samples have come closer to each other,
    all or in groups, while coverage fell by half. All on one spot are spread a little while they move to the next.
    """
    spread, nearest, coverage = (history.last(name) for name in (SPREAD, NEAREST_SAMPLE, REACHED))
    if not spread:
        return None
    settled = history.count >= SETTLED
    one = settled and median(spread) < 0.1 and max(spread) < 0.25 and spread[-1] <= 1.25 * spread[0]
    few = settled and max(nearest) < 0.1 and nearest[-1] <= 1.25 * nearest[0]
    fallen = (history.halved(SPREAD) or history.halved(NEAREST_SAMPLE)) and history.halved(REACHED)
    if not (one or few or fallen):
        return None
    return (
        f"mode collapse: generated samples are {spread[-1]:.2g} times as far apart as real ones, the nearest two "
        f"{nearest[-1]:.2g} times, and reach {coverage[-1]:.0%} of them. "
        + advice(
            "a lower optimisation.generator.lr",
            "more critic steps (optimisation.n_critic.steps)",
            *setting.penalty,
        )
    )


def vanishing_gradient(setting: Setting, history: History) -> str | None:
    """The generator's gradient is 10⁻⁴ of what it was at the beginning, or less."""
    norms = history.last(GENERATOR_GRADIENT)
    if not norms or max(norms) > 1e-4 * history.first[GENERATOR_GRADIENT]:
        return None
    remedies = ["objective=non_saturating"] if setting.saturating else []
    remedies += ["a larger objective.clip"] if setting.clipped else []
    return (
        f"vanishing gradient: the norm of the generator's gradient is {norms[-1]:.2g}, it was "
        f"{history.first[GENERATOR_GRADIENT]:.2g}; the generator has stopped learning. "
        + advice(*remedies, *setting.penalty, "a lower optimisation.critic.lr, for a weaker critic")
    )


def perfect_discriminator(setting: Setting, history: History) -> str | None:
    """The discriminator makes no mistake."""
    accuracy = history.last(ACCURACY)
    if not accuracy or min(accuracy) < 0.999:
        return None
    return "perfect discriminator: it tells all real samples from all generated ones. " + advice(
        "a lower optimisation.critic.lr",
        "a higher optimisation.generator.lr",
        "a larger data.batch_size",
        *(f"{given}, for a critic that is meant to be at its optimum" for given in setting.penalty),
    )


def optimal_slope(gap: float, penalty_weight: float) -> float:
    """The slope K that a critic has under a gradient penalty of weight λ, when its mean is higher by `gap` on real
    samples than on generated ones.

    Of K·W1 - λ(K - 1)² the largest is at K = 1 + W1/(2λ), where the gap is K·W1: K = (1 + √(1 + 2·gap/λ))/2.
    """
    return (1 + math.sqrt(1 + 2 * max(gap, 0.0) / penalty_weight)) / 2


def wrong_slope(setting: Setting, history: History) -> str | None:
    """The critic's mean slope is below 0.1, or twice what its penalty allows at its own gap and more (10 without a
    penalty, at most 20 with a small one). A clipped critic need not have slope 1, and what that
    of an own loss is to have is not known.
    """
    slopes = history.last(SLOPE)
    if not slopes or setting.clipped or setting.own:
        return None
    gaps = [-real - fake for real, fake in zip(history.last(ON_REAL), history.last(ON_FAKE), strict=True)]
    wanted = optimal_slope(max(gaps, default=0.0), setting.penalty_weight) if setting.penalty_weight else STEEP / 2
    if min(slopes) > min(2 * wanted, 2 * STEEP):
        trouble = "too steep to stand for a Wasserstein distance"
        remedies = ["a larger objective.penalty_weight"] if setting.penalty_weight is not None else []
    elif max(slopes) < FLAT:
        trouble, remedies = "too flat to teach the generator", ["more critic steps (optimisation.n_critic.steps)"]
    else:
        return None
    return (
        f"critic's slope: on average {slopes[-1]:.2g} between real and generated samples, it should be near "
        f"{wanted if setting.penalty_weight else 1:.2g}; the critic is {trouble}. "
        + advice(*remedies, *setting.penalty, "a lower optimisation.critic.lr")
    )


def clipped_weights(setting: Setting, history: History) -> str | None:
    """Nearly all of the critic's weights are at ±clip."""
    shares = history.last(CLIPPED)
    if not shares or min(shares) < 0.95:
        return None
    return (
        f"clipped weights: {shares[-1]:.0%} of the critic's weights are at the boundary, so that it can learn little "
        "more than their signs. "
        + advice("a larger objective.clip", "a lower optimisation.critic.lr", *setting.penalty)
    )


def constant_critic(setting: Setting, history: History) -> str | None:
    """A clipped critic whose slope is lost in rounding: each clipped layer made it smaller by the same factor."""
    slopes = history.last(SLOPE)
    if not slopes or not setting.clipped or max(slopes) > 1e-6:
        return None
    spared = ["objective.spare_normalisation=true"] if setting.normalised else []
    return (
        f"constant critic: its slope is {slopes[-1]:.2g} between real and generated samples, so that the generator "
        "learns nothing. " + advice(*spared, "a larger objective.clip", *setting.penalty)
    )


def squashed_logits(setting: Setting, history: History) -> str | None:
    """No logit is below 0 and none above 1, in the first batch and over many: D is between ½ and σ(1) for all samples.
    Those of fresh weights without a sigmoid have both signs, even where all are in that range for a while later on."""
    lowest = history.last(D_LOWEST)
    if not setting.logits or not lowest or min(*lowest, history.first[D_LOWEST]) < 0.5:
        return None
    if history.highest[D_HIGHEST] > 1 / (1 + math.exp(-1)) + 1e-6:
        return None
    return (
        "squashed logits: all numbers of the discriminator are between 0 and 1, as if it ended in a sigmoid. The loss "
        "has one of its own, so that nothing can be found more likely generated than real. "
        + advice("a discriminator that ends in a linear layer, without a sigmoid")
    )


CHECKS = (
    mode_collapse,
    vanishing_gradient,
    perfect_discriminator,
    wrong_slope,
    clipped_weights,
    constant_critic,
    squashed_logits,
)


def checks(setting: Setting) -> Mapping[str, Check]:
    """All of them by name, in one setting."""
    return {check.__name__: partial(check, setting) for check in CHECKS}

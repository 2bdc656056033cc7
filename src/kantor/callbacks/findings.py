"""What can be wrong with adversarial training, told from its last measurements: pure functions, one for each ailment.

Each takes a `History` and returns a sentence that says what is wrong and what to try, or None. All look at the last
`LOOKS` measurements together, so that one bad batch is not an ailment; where a measurement is missing they are silent.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kantor.callbacks.gradients import CLIPPED, GENERATOR_GRADIENT, SLOPE
from kantor.callbacks.probabilities import ACCURACY
from kantor.callbacks.spread import COVERAGE, NEAREST_SAMPLE, SPREAD

ON_REAL, ON_FAKE = "train/critic_real", "train/critic_fake"
"""The terms of a Wasserstein critic's loss: minus its mean on real samples, and its mean on generated ones."""

LOOKS = 5
"""Measurements that have to agree."""

SETTLED = 8
"""Measurements after which samples that lie close together are no beginning any more (a fresh generator makes nearly
the same of all noise)."""

STEEP, FLAT = 10.0, 0.1
"""Mean slopes that are far from 1 whatever the penalty allows."""

Look = Mapping[str, float]
"""One measurement: values by log name."""


@dataclass(frozen=True)
class Setting:
    """What of a model decides what is an ailment in it, and which remedies it has left.

    Attributes:
        penalty_weight: λ of its gradient penalty; None without one.
        clipped: whether the critic's weights are.
        normalised: whether the critic has batch normalisation.
        saturating: whether the generator minimises log(1 - D).
    """

    penalty_weight: float | None
    clipped: bool
    normalised: bool
    saturating: bool

    @property
    def penalty(self) -> tuple[str, ...]:
        """The gradient penalty as a remedy, in words for the command line; none when there is one already."""
        without = " model.critic.normalise=null" if self.normalised else ""
        given = f"objective=wasserstein_gp optimisation.n_critic.steps=5{without}"
        return (given,) if self.penalty_weight is None else ()


@dataclass(frozen=True)
class History:
    """What was measured so far.

    Attributes:
        setting: of the model that is measured.
        first: the first value of each name.
        highest: the highest value of each name.
        looks: the last `LOOKS` measurements, the newest last; fewer at the beginning.
        count: how many there were.
    """

    setting: Setting
    first: Look
    highest: Look
    looks: tuple[Look, ...]
    count: int

    def then(self, look: Look) -> "History":
        """With one measurement more."""
        highest = {name: max(value, self.highest.get(name, value)) for name, value in look.items()}
        return replace(
            self,
            first={**look, **self.first},
            highest={**self.highest, **highest},
            looks=(*self.looks, look)[-LOOKS:],
            count=self.count + 1,
        )

    def last(self, name: str) -> list[float]:
        """The last `LOOKS` values of one name, oldest first; none of them when they are not all there."""
        found = [look[name] for look in self.looks if name in look]
        return found if len(found) == LOOKS else []

    def halved(self, name: str) -> bool:
        """Whether the last `LOOKS` values are below half of the highest, or of 1 where that is lower: distances above
        those of real samples are noise that training takes away.
        """
        return max(self.last(name)) < 0.5 * min(1.0, self.highest[name])


def advice(*remedies: str) -> str:
    """`Try this, that, or something else.`, without the full stop."""
    *most, last = remedies
    return f"Try {', '.join(most)}{', or ' if most else ''}{last}"


def mode_collapse(history: History) -> str | None:
    """All samples are nearly one and do not move apart, or each has a twin; or samples have come closer to each other,
    all or in groups, while coverage fell by half.
    """
    spread, nearest, coverage = (history.last(name) for name in (SPREAD, NEAREST_SAMPLE, COVERAGE))
    if not spread:
        return None
    settled = history.count >= SETTLED
    one = settled and max(spread) < 0.1 and spread[-1] <= 1.25 * spread[0]
    few = settled and max(nearest) < 0.1 and nearest[-1] <= 1.25 * nearest[0]
    fallen = (history.halved(SPREAD) or history.halved(NEAREST_SAMPLE)) and history.halved(COVERAGE)
    if not (one or few or fallen):
        return None
    return (
        f"mode collapse: generated samples are {spread[-1]:.2g} times as far apart as real ones, the nearest two "
        f"{nearest[-1]:.2g} times, and reach {coverage[-1]:.0%} of them. "
        + advice(
            "a lower optimisation.generator.lr",
            "more critic steps (optimisation.n_critic.steps)",
            *history.setting.penalty,
        )
    )


def vanishing_gradient(history: History) -> str | None:
    """The generator's gradient is 10⁻⁴ of what it was at the beginning, or less."""
    norms = history.last(GENERATOR_GRADIENT)
    if not norms or max(norms) > 1e-4 * history.first[GENERATOR_GRADIENT]:
        return None
    remedies = ["objective=non_saturating"] if history.setting.saturating else []
    remedies += ["a larger objective.clip"] if history.setting.clipped else []
    return (
        f"vanishing gradient: the norm of the generator's gradient is {norms[-1]:.2g}, it was "
        f"{history.first[GENERATOR_GRADIENT]:.2g}; the generator has stopped learning. "
        + advice(*remedies, *history.setting.penalty, "a lower optimisation.critic.lr, for a weaker critic")
    )


def perfect_discriminator(history: History) -> str | None:
    """The discriminator makes no mistake."""
    accuracy = history.last(ACCURACY)
    if not accuracy or min(accuracy) < 0.999:
        return None
    return "perfect discriminator: it tells all real samples from all generated ones. " + advice(
        "a lower optimisation.critic.lr",
        "a higher optimisation.generator.lr",
        "a larger data.batch_size",
        *(f"{given}, for a critic that is meant to be at its optimum" for given in history.setting.penalty),
    )


def optimal_slope(gap: float, penalty_weight: float) -> float:
    """The slope K that a critic has under a gradient penalty of weight λ, when its mean is higher by `gap` on real
    samples than on generated ones.

    Of K·W1 - λ(K - 1)² the largest is at K = 1 + W1/(2λ), where the gap is K·W1: K = (1 + √(1 + 2·gap/λ))/2.
    """
    return (1 + math.sqrt(1 + 2 * max(gap, 0.0) / penalty_weight)) / 2


def wrong_slope(history: History) -> str | None:
    """The critic's mean slope is below 0.1, or twice what its penalty allows at its own gap and more (10 without a
    penalty, at most 20 with a small one). A clipped critic need not have slope 1.
    """
    slopes, setting = history.last(SLOPE), history.setting
    if not slopes or setting.clipped:
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


def clipped_weights(history: History) -> str | None:
    """Nearly all of the critic's weights are at ±clip."""
    shares = history.last(CLIPPED)
    if not shares or min(shares) < 0.95:
        return None
    return (
        f"clipped weights: {shares[-1]:.0%} of the critic's weights are at the boundary, so that it can learn little "
        "more than their signs. "
        + advice("a larger objective.clip", "a lower optimisation.critic.lr", *history.setting.penalty)
    )


def constant_critic(history: History) -> str | None:
    """A clipped critic whose slope is lost in rounding: each clipped layer made it smaller by the same factor."""
    slopes = history.last(SLOPE)
    if not slopes or not history.setting.clipped or max(slopes) > 1e-6:
        return None
    spared = ["objective.spare_normalisation=true"] if history.setting.normalised else []
    return (
        f"constant critic: its slope is {slopes[-1]:.2g} between real and generated samples, so that the generator "
        "learns nothing. " + advice(*spared, "a larger objective.clip", *history.setting.penalty)
    )


CHECKS: Mapping[str, Callable[[History], str | None]] = {
    "mode_collapse": mode_collapse,
    "vanishing_gradient": vanishing_gradient,
    "perfect_discriminator": perfect_discriminator,
    "wrong_slope": wrong_slope,
    "clipped_weights": clipped_weights,
    "constant_critic": constant_critic,
}

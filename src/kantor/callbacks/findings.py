"""What can be wrong with adversarial training, told from its last measurements: pure functions, one for each ailment.

Each takes a `History` and returns a sentence that says what is wrong and what to try, or None. All look at the last
`LOOKS` measurements together, so that one bad batch is not an ailment; where a measurement is missing they are silent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kantor.callbacks.gradients import CLIPPED, GENERATOR_GRADIENT, SLOPE
from kantor.callbacks.probabilities import ACCURACY
from kantor.callbacks.spread import COVERAGE, SPREAD

LOOKS = 5
"""Measurements that have to agree."""

SETTLED = 8
"""Measurements after which samples that lie close together are no beginning any more (a fresh generator makes nearly
the same of all noise)."""

PENALTY = "objective=wasserstein_gp (with model.critic.normalise=null)"

Look = Mapping[str, float]
"""One measurement: values by log name."""


@dataclass(frozen=True)
class History:
    """What was measured so far.

    Attributes:
        first: the first value of each name.
        highest: the highest value of each name.
        looks: the last `LOOKS` measurements, the newest last; fewer at the beginning.
        count: how many there were.
    """

    first: Look
    highest: Look
    looks: tuple[Look, ...]
    count: int

    def then(self, look: Look) -> "History":
        """With one measurement more."""
        highest = {name: max(value, self.highest.get(name, value)) for name, value in look.items()}
        return History(
            {**look, **self.first}, {**self.highest, **highest}, (*self.looks, look)[-LOOKS:], self.count + 1
        )

    def last(self, name: str) -> list[float]:
        """The last `LOOKS` values of one name, oldest first; none of them when they are not all there."""
        found = [look[name] for look in self.looks if name in look]
        return found if len(found) == LOOKS else []


def mode_collapse(history: History) -> str | None:
    """Samples lie close together and do not move apart; or both their spread and their coverage fell by half."""
    spread, coverage = history.last(SPREAD), history.last(COVERAGE)
    if not spread:
        return None
    close = max(spread) < 0.3 and spread[-1] <= 1.25 * spread[0] and history.count >= SETTLED
    # a spread above 1 is noise that training takes away
    thinner = max(spread) < 0.5 * min(1.0, history.highest[SPREAD])
    if not close and not (thinner and max(coverage) < 0.5 * history.highest[COVERAGE]):
        return None
    return (
        f"mode collapse: generated samples are {spread[-1]:.2g} times as far apart as real ones, and reach "
        f"{coverage[-1]:.0%} of them. Try a lower optimisation.generator.lr, more critic steps "
        f"(optimisation.n_critic), or {PENALTY}"
    )


def vanishing_gradient(history: History) -> str | None:
    """The generator's gradient is 10⁻⁴ of what it was at the beginning, or less."""
    norms = history.last(GENERATOR_GRADIENT)
    if not norms or max(norms) > 1e-4 * history.first[GENERATOR_GRADIENT]:
        return None
    return (
        f"vanishing gradient: the norm of the generator's gradient is {norms[-1]:.2g}, it was "
        f"{history.first[GENERATOR_GRADIENT]:.2g}; the generator has stopped learning. Try objective=non_saturating or "
        f"{PENALTY}, or a weaker discriminator (a lower optimisation.critic.lr)"
    )


def perfect_discriminator(history: History) -> str | None:
    """The discriminator makes no mistake."""
    accuracy = history.last(ACCURACY)
    if not accuracy or min(accuracy) < 0.999:
        return None
    return (
        "perfect discriminator: it tells all real samples from all generated ones. Try a lower "
        "optimisation.critic.lr, a higher optimisation.generator.lr, a larger data.batch_size, or "
        f"{PENALTY}, which wants a critic that is trained to its optimum"
    )


def wrong_slope(history: History) -> str | None:
    """The critic's mean slope is above 10 or below 0.1. A clipped critic need not have slope 1.

    Between them lies what is legitimate: under a penalty of small weight λ the optimal slope is 1 + W1/(2λ).
    """
    slopes = history.last(SLOPE)
    if not slopes or history.last(CLIPPED):
        return None
    if min(slopes) > 10:
        trouble, remedy = "too steep to stand for a Wasserstein distance", "a larger objective.penalty_weight"
    elif max(slopes) < 0.1:
        trouble, remedy = "too flat to teach the generator anything", "more critic steps (optimisation.n_critic)"
    else:
        return None
    return (
        f"critic's slope: on average {slopes[-1]:.2g} between real and generated samples, it should be near 1; the "
        f"critic is {trouble}. Try {remedy}, or a lower optimisation.critic.lr"
    )


def clipped_weights(history: History) -> str | None:
    """Nearly all of the critic's weights are at ±clip."""
    shares = history.last(CLIPPED)
    if not shares or min(shares) < 0.95:
        return None
    return (
        f"clipped weights: {shares[-1]:.0%} of the critic's weights are at the boundary, so that it can learn little "
        f"more than their signs. Try a larger objective.clip, a lower optimisation.critic.lr, or {PENALTY}"
    )


def constant_critic(history: History) -> str | None:
    """A clipped critic whose slope is lost in rounding: each clipped layer made it smaller by the same factor."""
    slopes = history.last(SLOPE)
    if not slopes or not history.last(CLIPPED) or max(slopes) > 1e-6:
        return None
    return (
        f"constant critic: its slope is {slopes[-1]:.2g} between real and generated samples, so that the generator "
        f"learns nothing. Try objective.spare_normalisation=true, a larger objective.clip, or {PENALTY}"
    )


CHECKS: Mapping[str, Callable[[History], str | None]] = {
    "mode_collapse": mode_collapse,
    "vanishing_gradient": vanishing_gradient,
    "perfect_discriminator": perfect_discriminator,
    "wrong_slope": wrong_slope,
    "clipped_weights": clipped_weights,
    "constant_critic": constant_critic,
}

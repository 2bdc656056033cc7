"""How far a score of one draw lies from what other draws of that size would score, the reference held fixed.

Where there are ten draws, their scatter says it. From fewer it is estimated inside each draw: by the delete-a-group
jackknife where a score is a smooth function of the whole draw, by the standard error where it is a mean over samples.
`docs/statistics.md` has what these intervals cover where the truth is known.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.metrics.frechet import frechet_distance
from kantor.metrics.intervals import GROUPS, LEAST_DRAWS, Estimate, groups_of, t_interval, without_interval
from kantor.metrics.kernel import Discrepancy
from kantor.metrics.statistics import Statistics

LEAST = 10
"""Samples from which a variance is taken; as many have to be inside balls and, for a share, outside: with fewer the
normal law is a bad guess."""

MOST = 0.8
"""Of draws, or of groups that are left out: where as many score the same, an interval would rest on the few others."""


@dataclass(frozen=True)
class Spread:
    """The variance of a score of one draw.

    Attributes:
        variance: over draws, estimated from one.
        degrees: of freedom of that estimate.
    """

    variance: float
    degrees: int


CERTAIN = Spread(0.0, 1)
"""Of what is the same in every draw."""


def summed(first: Spread, second: Spread) -> Spread:
    """Of the sum of two independent numbers, with the degrees of freedom of Welch (1947) and Satterthwaite (1946)."""
    variance = first.variance + second.variance
    if variance == 0:
        return first
    parts = math.fsum(one.variance**2 / one.degrees for one in (first, second))
    return Spread(variance, max(1, round(variance**2 / parts)))


Spreads = dict[str, Spread | str]
"""By score: its spread, or the reason why it has none."""


def pooled_interval(values: Sequence[float], spreads: Sequence[Spread]) -> Estimate:
    """Mean and 95% interval of the scores of R draws of equal size: mean ± t √(Σ v_r) / R, with the degrees of freedom
    of all draws together.

    Args:
        values: one score per draw, at least one.
        spreads: of each.
    """
    from scipy.special import stdtrit  # a fifth of a second of import: only where a number is made

    mean = math.fsum(values) / len(values)
    t = float(stdtrit(sum(spread.degrees for spread in spreads), 0.975))
    half = t * math.sqrt(math.fsum(spread.variance for spread in spreads)) / len(values)
    return Estimate(mean, mean - half, mean + half)


def only_over_draws(why: str) -> str:
    """The reason why a score has no interval where draws are few."""
    return f"no interval from fewer than {LEAST_DRAWS} draws: {why}"


def estimated(
    draws: Sequence[float | str], of_draws: Sequence[Spread | str | None], without: str | None
) -> tuple[Estimate | None, str | None]:
    """The mean over draws, its interval, and why it has none; no estimate at all where a draw has no value.

    Args:
        draws: the score of each, or the reason why it has none.
        of_draws: what each draw says of its own spread; empty or None where nothing is known.
        without: why there can be none; None where there can.
    """
    values = [value for value in draws if not isinstance(value, str)]
    if len(values) < len(draws):
        return None, next(value for value in draws if isinstance(value, str))
    if without is not None:
        return without_interval(values), without
    if len(values) >= LEAST_DRAWS:
        if _agree(values) >= MOST * len(values):
            return without_interval(values), f"no interval where most of {len(values)} draws score the same"
        return t_interval(values), None
    reasons = [each for each in of_draws if isinstance(each, str)]
    known = [each for each in of_draws if isinstance(each, Spread)]
    if reasons or len(known) < len(values):
        return without_interval(values), reasons[0] if reasons else None
    return pooled_interval(values, known), None


def _agree(values: Sequence[float]) -> int:
    """How many of them are the most frequent one, to 6 digits."""
    digits = [float(f"{value:.6g}") for value in values]
    return max(digits.count(each) for each in set(digits))


def of_left_out(value: float, left_out: Sequence[float]) -> Spread | str:
    """The delete-a-group jackknife: (G-1)/G Σ (left_out_g - value)² (Kott 2001). The scatter around the value, rather
    than around the mean of the others, is the safe choice where the score is biased, as Fréchet distances are. The bias
    itself is not removed: the interval is for what samples of this size score on average.

    Args:
        value: the score of the whole draw.
        left_out: without group 0, 1, … G-1 of it.

    Returns:
        The spread, or a reason where most groups change nothing.
    """
    groups = len(left_out)
    if _agree(left_out) >= MOST * groups:
        return "no interval where leaving out most groups of samples changes nothing"
    return Spread((groups - 1) / groups * math.fsum((each - value) ** 2 for each in left_out), groups - 1)


def of_mean(values: Tensor) -> Spread | str:
    """The squared standard error of the mean of values float64 (n,), n ≥ 2, or a reason where all are equal."""
    if bool((values == values[0]).all()):
        return "no interval where all samples score the same"
    return Spread(float(values.var()) / len(values), len(values) - 1)


def of_discrepancy(found: Discrepancy) -> Spread | str:
    """The delete-one jackknife over generated features, in closed form; a reason where there are too few."""
    n, m = found.between.shape
    if min(n, m) < LEAST:
        return f"no interval from fewer than {LEAST} features on each side"
    return Spread(found.jackknife_variance, m - 1)


def of_balls(values: Tensor, *, share: bool) -> Spread | str:
    """That of a mean over samples of what real balls hold of them, float64 (n,), 0 for a sample outside all; with
    `share`, 1 inside. A reason instead where too few are inside, or all of a share.
    """
    inside = int((values > 0).sum())
    if inside < LEAST:
        return f"no interval where only {inside} generated samples lie in some ball of a real one"
    if share and len(values) - inside < LEAST:
        return f"no interval where only {len(values) - inside} generated samples lie outside all balls of real ones"
    return of_mean(values)


def of_groups(score: Callable[[Tensor], float], generated: Tensor) -> Spread | str:
    """The jackknife over 20 groups of samples (n, …) for a score of the whole; a reason where n is too small."""
    if len(generated) < 2 * GROUPS:
        return f"no interval from fewer than {2 * GROUPS} generated samples"
    return of_left_out(score(generated), [score(part) for part in without_each_group(generated)])


def without_each_group(generated: Tensor) -> Iterator[Tensor]:
    """Samples (n, …) without the first of 20 groups, without the second, and so on."""
    return (torch.cat([generated[: group.start], generated[group.stop :]]) for group in groups_of(len(generated)))


def of_frechet_distance(real: Tensor, generated: Tensor) -> Spread | str:
    """The jackknife over 20 groups of generated features float64 (n, d), against real ones; their statistics are
    merged, none is computed twice. A reason where a covariance is singular once a group is left out.
    """
    n, d = generated.shape
    largest = -(-n // GROUPS)
    if min(n - largest, len(real)) <= d:
        return f"no interval where n = {min(n, len(real))} is not well above the {d} dimensions"
    reference = Statistics.of(real)
    parts = [Statistics.of(generated[group]) for group in groups_of(n)]
    nothing = Statistics.of(generated[:0])
    after = [nothing]  # of the last 0, 1, 2, … groups
    for part in reversed(parts):
        after.append(part + after[-1])
    before, left_out = nothing, []
    for number, part in enumerate(parts):
        left_out.append(frechet_distance(reference, before + after[GROUPS - 1 - number]))
        before = before + part
    return of_left_out(frechet_distance(reference, before), left_out)

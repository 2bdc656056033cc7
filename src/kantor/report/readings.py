"""What is said of scores: each against what real data score, by two intervals, and by what the other scores say.

A value beyond what real data score is no merit. It is what a few samples that come again and again score, or blur, or
copies of training data, or points that are spread more evenly than chance spreads them; which of these, the other
scores of the evaluation say, or it is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kantor.metrics.intervals import LEAST_DRAWS
from kantor.report import units
from kantor.report.cards import Estimate, Evaluation, Floor, Score
from kantor.report.statistics import Mean, mean_from_interval, welch

LEVEL = 0.01
"""How often real data may be told from real data, by one score. An evaluation has a dozen of them."""

SPEAKS = 100
"""Samples from which a test of variety that sees nothing is a sign of variety; docs/statistics.md has what it sees."""

AS_REAL = "as real data"
WORSE = "worse than real data"

Standing = Literal["as", "nearer", "worse", "beyond"]
"""Against real data: not told apart, told apart but nearer to the target, worse, or further than real data get."""


def readings(evaluation: Evaluation) -> dict[str, str]:
    """What is said of each score of an evaluation, by its name; "" where there is nothing to say."""
    seen = Seen.of(evaluation.scores)
    return {name: reading(score, seen) for name, score in evaluation.scores.items()}


def reading(score: Score, seen: "Seen") -> str:
    """Of one score, knowing what all of them show."""
    if score.value is None:
        return f"not computed: {score.reason or 'no reason given'}"
    if score.aspect in P_VALUES:
        return of_p_value(score, seen)
    if score.aspect == "bound":
        return of_bound(score.value)
    if score.better == "none" or score.floor is None or score.floor.value is None:
        return ""
    found = standing(score)
    if found == "beyond":
        return f"beyond real data: {cause(score, seen)}"
    if found in ("as", "nearer") and score.aspect == "nearness" and seen.uneven:
        return "no merit: real data and samples are off in opposite ways"
    return {"as": AS_REAL, "nearer": "as near to its target as real data", "worse": WORSE}.get(
        found or "", f"no reading: {why_none(score, score.floor)}"
    )


def standing(score: Score) -> Standing | None:
    """A ranked score against its floor; None where nothing can be said."""
    floor = score.floor
    if floor is None or score.value is None or floor.value is None or not comparable(score, floor):
        return None
    apart = differ(score, floor)
    if apart is None:
        return None
    if not apart:
        return "as"
    if score.better == "target":
        assert score.target is not None
        if abs(score.value - score.target) <= abs(floor.value - score.target):
            return "nearer"
        low_is_worse = score.aspect != "nearness"
        return "worse" if (score.value < score.target) == low_is_worse else "beyond"
    return "worse" if (score.value > floor.value) == (score.better == "lower") else "beyond"


def comparable(score: Score, floor: Floor) -> bool:
    """Whether the floor is of as many samples as the score, or of a score that does not depend on how many."""
    return not score.depends_on_n or None in (score.n, floor.n) or score.n == floor.n


def differ(score: Score, floor: Floor) -> bool | None:
    """Whether a score and its floor differ at `LEVEL`: Welch's t-test by their intervals. Where draws are so alike that
    there is none: whether all draws of the one are on one side of all of the other, which of ten and ten happens by
    chance twice in 184,756 times. None where neither can be said."""
    ours, real = mean_behind(score, score.values), mean_behind(floor, floor.values)
    if ours is not None and real is not None:
        return welch(ours, real).p < LEVEL
    values, reals = ([value for value in each.values if value is not None] for each in (score, floor))
    if min(len(values), len(reals)) < LEAST_DRAWS:
        return None
    if {units.number(value) for value in values} == {units.number(value) for value in reals}:
        return False
    return True if max(values) < min(reals) or max(reals) < min(values) else None


def mean_behind(estimate: Estimate, values: tuple[float | None, ...]) -> Mean | None:
    """A mean over draws with its error, from its 95% interval; None where it has none."""
    side = estimate.longer_side
    if estimate.value is None or side is None:
        return None
    return mean_from_interval(estimate.value, side, len(values) or LEAST_DRAWS)


def why_none(score: Score, floor: Floor) -> str:
    """Why a score cannot be held against its floor."""
    if not comparable(score, floor):
        return f"what real data score is of n = {units.count(floor.n)}"
    if not score.has_interval:
        return score.reason or "it has no interval"
    return f"of real data, {floor.reason or 'no interval'}"


@dataclass(frozen=True)
class Seen:
    """What all scores of an evaluation show together; None where they cannot say.

    Attributes:
        narrow: samples reach less than real data do.
        scattered: samples look less real than real ones.
        uneven: some score of nearness is worse than of real data.
        worse: some score of any kind is.
        near: samples are nearer to training data than fresh data of the same place are.
        has_training: there are training data at all, which points have not.
    """

    narrow: bool | None
    scattered: bool | None
    uneven: bool | None
    worse: bool | None
    near: bool | None
    has_training: bool

    @classmethod
    def of(cls, scores: Mapping[str, Score]) -> "Seen":
        """Of an evaluation's scores."""
        there = [score for score in scores.values() if score.value is not None]
        return cls(
            narrow=_any([_narrow(score) for score in there] + [_worse(score, "variety") for score in there]),
            scattered=_any([_worse(score, "fidelity") for score in there]),
            uneven=_any([_worse(score, "nearness") for score in there]),
            worse=_any([_worse(score, score.aspect) for score in there]),
            near=_any([_small(score, "memorised") for score in there]),
            has_training=all(score.floor is None or score.floor.kind != FRESH for score in there),
        )

    @property
    def memorised(self) -> bool:
        """Both agree: samples are too near to training data, and as varied as real ones."""
        return self.near is True and self.narrow is False


FRESH = "fresh draws"
"""Of a distribution that is known: nothing was trained on that could be learned by heart."""


def _any(said: list[bool | None]) -> bool | None:
    known = [each for each in said if each is not None]
    return any(known) if known else None


def _worse(score: Score, aspect: str) -> bool | None:
    found = standing(score) if score.aspect == aspect else None
    return None if found is None else found == "worse"


def _narrow(score: Score) -> bool | None:
    """What a test of variety shows; of few samples, that it sees no want of it shows nothing."""
    small = _small(score, "narrow")
    return small if small or (score.n or 0) >= SPEAKS else None


def _small(score: Score, aspect: str) -> bool | None:
    return None if score.aspect != aspect or score.value is None else score.value < LEVEL


def cause(score: Score, seen: Seen) -> str:
    """Why a score may be beyond what real data score, as the others have it."""
    if score.aspect == "variety" and seen.scattered and seen.has_training:
        return "samples scatter too far"
    if seen.narrow:
        return "too little variety"
    if seen.memorised:
        return "memorised"
    if score.aspect == "fidelity":
        return "samples keep to where real data are dense"
    if not seen.has_training:
        return "more even than independent draws"
    if score.aspect == "nearness":
        return "samples lie nearer to real data than these to one another"
    if seen.near is None or seen.narrow is None:
        return "too little variety or copies, which cannot be told here"
    return "neither copies nor a want of variety are seen"


P_VALUES = {
    "apart": ("told apart from real data", "not told apart from real data"),
    "copied": ("lying on the reference's pictures", "no copies of the reference are seen"),
    "narrow": ("reaching less than real data do", "not seen to reach less than real data do"),
    "memorised": ("", "no copies are seen"),
}
"""Of a p-value below `LEVEL`, and of another."""


def of_p_value(score: Score, seen: Seen) -> str:
    """What a test sees."""
    assert score.value is not None
    small, large = P_VALUES[score.aspect]
    if score.value >= LEVEL and score.aspect == "apart" and seen.worse:
        return "not told apart by its nearest neighbours, but by other scores"
    if score.value >= LEVEL and score.aspect == "narrow" and seen.narrow:
        return "not seen to reach less by this test, but by other scores"
    if score.value >= LEVEL:
        return large
    if score.aspect != "memorised":
        return small
    if seen.memorised:
        return "memorised: as varied as real data, and nearer to the training data"
    if seen.narrow:
        return "nearer to the training data than fresh data, with too little variety: blur, or copies of a few"
    return "nearer to the training data than fresh data; whether as varied cannot be told here"


def of_bound(value: float) -> str:
    """Of a critic's estimate of a distance."""
    if value < 0:
        return (
            "below 0: the critic rates these samples above real data; no distance, but a bound of it that says nothing"
        )
    return "a lower bound of the distance by one function, no distance: it may lie below what real data score"

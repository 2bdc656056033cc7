"""What a search is after: scores, and which way each is better. Plain values, which a plan keeps; knows no Optuna."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kantor.errors import UserError


@dataclass(frozen=True)
class Goal:
    """One score of a search.

    Attributes:
        score: its name.
        better: "lower", "higher" or "target".
        target: the best value, of the last.
    """

    score: str
    better: str
    target: float | None = None

    def __post_init__(self) -> None:
        if self.better == "none":
            raise UserError(
                f"search: no value of {self.score} is better than another; name a score that a search can be after, as "
                "in search.scores=[w1]"
            )

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """In Optuna's word; what has a target is searched by its distance to it."""
        return "maximize" if self.better == "higher" else "minimize"

    def loss(self, scores: Mapping[str, float | None]) -> float | None:
        """What is searched by, of a run's scores by name; None where that is no number."""
        value = scores.get(self.score)
        if value is None or not math.isfinite(value):
            return None
        return value if self.target is None else abs(value - self.target)


def best(goals: Sequence[Goal], losses: Mapping[int, Sequence[float]]) -> list[int]:
    """The best trials: of one score the first with the best loss, of several all that no other is better than.

    Args:
        goals: what is searched for.
        losses: by trial, one for each goal.
    """
    signs = [-1 if goal.direction == "maximize" else 1 for goal in goals]
    signed = {trial: [s * loss for s, loss in zip(signs, those, strict=True)] for trial, those in losses.items()}
    if len(goals) == 1:
        return sorted(signed, key=lambda trial: (signed[trial], trial))[:1]
    return [trial for trial, those in signed.items() if not any(_dominates(other, those) for other in signed.values())]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one is nowhere worse, and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)

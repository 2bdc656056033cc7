"""The terms of a search, as its plan keeps them: how many trials, what they are ranked by, what ends them early."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kantor.runs.shapes import Shape, anything, count, either, listed, mapped, maybe, number, record, text
from kantor.search.goal import Goal

SHAPE: Shape = record(
    {
        "trials": count,
        "goals": listed(
            record({"score": text, "better": either("lower", "higher", "target"), "target": maybe(number)})
        ),
        "pruner": maybe(mapped(anything)),
    }
)


@dataclass(frozen=True)
class Terms:
    """What is said of a search before its first trial.

    Attributes:
        trials: how many, failed ones among them.
        goals: what it is after.
        pruner: the node of what ends trials early; None where nothing does.
    """

    trials: int
    goals: tuple[Goal, ...]
    pruner: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"goals": [asdict(goal) for goal in self.goals]}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Terms":
        """From plain values of the shape."""
        goals = tuple(Goal(one["score"], one["better"], one["target"]) for one in plain["goals"])
        return cls(plain["trials"], goals, plain["pruner"])

"""How what a model logs is drawn: a family says it, and pages draw it without knowing the family."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """Curves of one figure, over training steps.

    Attributes:
        file: its name below figures/, without an ending.
        title: on top.
        lines: labels by column of metrics.csv.
        mark: a value to hold the curves against, and its label; None for none.
        limits: of the y axis; None takes them from the curves.
        floor_of: the score of which is drawn what real data score; None for none.
        meaning: what is seen, in a clause.
        good: how it looks when all is well.
        suspicious: what should make one look twice.
    """

    file: str
    title: str
    lines: Mapping[str, str]
    mark: tuple[float, str] | None = None
    limits: tuple[float, float] | None = None
    floor_of: str | None = None
    meaning: str = ""
    good: str = ""
    suspicious: str = ""

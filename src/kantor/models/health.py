"""Health checks: what a model measures of itself over time, and the sentences that say what is wrong with it.

A check is a pure function of a `History` that returns what is wrong and what to try, or None. It looks at the last
`LOOKS` measurements together, so that one bad batch is not an ailment, and is silent where a measurement is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

LOOKS = 5
"""Measurements that have to agree."""

SETTLED = 8
"""Measurements after which a beginning is over: fresh weights make nearly the same of all noise."""

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
        return replace(
            self,
            first={**look, **self.first},
            highest={**self.highest, **highest},
            looks=(*self.looks, look)[-LOOKS:],
            count=self.count + 1,
        )

    def last(self, name: str) -> list[float]:
        """The last `LOOKS` values of one name, oldest first; none of them when they are not all there."""
        values = [look[name] for look in self.looks if name in look]
        return values if len(values) == LOOKS else []

    def halved(self, name: str) -> bool:
        """Whether the last `LOOKS` values are below half of the highest, or of 1 where that is lower: distances above
        those of real samples are noise that training takes away.
        """
        return max(self.last(name)) < 0.5 * min(1.0, self.highest[name])


Check = Callable[[History], str | None]
"""One ailment: the sentence that says it is there, or None."""


def advice(*remedies: str) -> str:
    """`Try this, that, or something else.`, without the full stop."""
    *most, last = remedies
    return f"Try {', '.join(most)}{', or ' if most else ''}{last}"

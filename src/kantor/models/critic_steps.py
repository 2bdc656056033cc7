"""How many critic steps precede each generator step: a function of the generator step alone."""

from dataclasses import dataclass
from typing import Protocol

from kantor.errors import require_at_least, require_positive


class CriticSteps(Protocol):
    """A schedule of critic steps."""

    def __call__(self, step: int) -> int:
        """Critic steps before generator step `step` (counted from 0)."""
        ...

    def before(self, step: int) -> int:
        """Critic steps before all of the first `step` generator steps together."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same number each time."""

    steps: int

    def __post_init__(self) -> None:
        require_positive(steps=self.steps)

    def __call__(self, step: int) -> int:
        """`steps`."""
        return self.steps

    def before(self, step: int) -> int:
        """`steps` times the generator steps."""
        return self.steps * step


@dataclass(frozen=True)
class Bursts:
    """More critic steps for the first generator steps and at regular intervals, otherwise the ordinary number.

    The published code of Arjovsky et al. 2017: steps 5, burst 100, first 25, every 500.

    Attributes:
        steps: the ordinary number.
        burst: the larger number.
        first: generator steps 0 … first-1 get a burst.
        every: and so does every `every`-th.
    """

    steps: int
    burst: int
    first: int
    every: int

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, burst=self.burst, every=self.every)
        require_at_least(0, first=self.first)

    def __call__(self, step: int) -> int:
        """`burst` or `steps`."""
        return self.burst if step < self.first or step % self.every == 0 else self.steps

    def before(self, step: int) -> int:
        """The sum of the schedule over generator steps 0 … step-1."""
        early = min(step, self.first)
        multiples = -(-step // self.every) - -(-early // self.every)  # of `every` in [early, step)
        bursts = early + multiples
        return self.burst * bursts + self.steps * (step - bursts)

"""Learning rates over training: a factor on each optimizer's own rate, as a function of the step alone.

With warm-up over w steps the factor rises as (k + 1)/w at step k; then it falls from 1 to `final` as the steps go from
w to `steps`, and stays there.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from kantor.errors import UserError, require_at_least
from kantor.models.charts import Chart

LEARNING_RATE = "train/learning_rate_factor"
"""Where there is a schedule: its factor in the last step."""

LEARNING_RATES = Chart(
    "learning_rate",
    "Learning rates, over the optimizers' own",
    {LEARNING_RATE: "factor"},
    meaning="the schedule's factor on each optimizer's own learning rate",
    good="what the configuration says",
    suspicious="near 0 long before the budget ends: nothing is learned any more",
)


class Schedule(ABC):
    """A factor for every step."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The factor of training step `step`, counted from 0; at least 0."""

    @property
    @abstractmethod
    def end(self) -> int:
        """The step from which on the factor does not change any more."""


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A rise to 1, which then lasts.

    Attributes:
        warm_up: steps of the rise.
    """

    warm_up: int

    def __post_init__(self) -> None:
        require_at_least(1, warm_up=self.warm_up)

    @property
    def end(self) -> int:
        """The end of the rise."""
        return self.warm_up

    def __call__(self, step: int) -> float:
        """In (0, 1]."""
        return min(1.0, (step + 1) / self.warm_up)


@dataclass(frozen=True)
class Decay(Schedule):
    """A rise to 1, then a fall.

    Attributes:
        steps: the end of the fall, in training steps.
        warm_up: steps of the rise; 0 for none.
        final: the factor at the end, in [0, 1].
    """

    steps: int | None
    warm_up: int
    final: float

    def __post_init__(self) -> None:
        if self.steps is None:
            raise UserError(
                "steps=null: a budget in images or minutes has no number of steps to decay over; give schedule.steps=…"
            )
        require_at_least(0, warm_up=self.warm_up)
        if not self.steps > self.warm_up:
            raise UserError(
                f"steps={self.steps}: expected more steps than those of warm_up={self.warm_up}; give a larger budget "
                "or a lower schedule.warm_up"
            )
        if not 0 <= self.final <= 1:
            raise UserError(f"final={self.final}: expected a factor in [0, 1], such as 0")

    @property
    def end(self) -> int:
        """The end of the fall."""
        assert self.steps is not None
        return self.steps

    def __call__(self, step: int) -> float:
        """In [0, 1]."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = min(1.0, (step - self.warm_up) / (self.end - self.warm_up))
        return self.final + (1 - self.final) * self.left(done)

    @abstractmethod
    def left(self, done: float) -> float:
        """What is left of the fall, from 1 at done = 0 to 0 at done = 1."""


class Linear(Decay):
    """A straight line from 1 to `final`."""

    def left(self, done: float) -> float:
        """1 - done."""
        return 1 - done


class Cosine(Decay):
    """Half a cosine from 1 to `final` (Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, without restarts)."""

    def left(self, done: float) -> float:
        """(1 + cos(π·done))/2."""
        return (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Stairs(Schedule):
    """A fall by a factor every so many steps, such as those of an epoch.

    Attributes:
        every: steps of a stair.
        factor: from one to the next, in (0, 1].
        steps: the end of the fall, in training steps.
    """

    every: int
    factor: float
    steps: int | None

    def __post_init__(self) -> None:
        if self.steps is None:
            raise UserError("steps=null: a budget in images or minutes has no number of steps; give schedule.steps=…")
        require_at_least(1, every=self.every, steps=self.steps)
        if not 0 < self.factor <= 1:
            raise UserError(f"factor={self.factor}: expected a factor in (0, 1], such as 0.97")

    @property
    def end(self) -> int:
        """`steps`."""
        assert self.steps is not None
        return self.steps

    def __call__(self, step: int) -> float:
        """In (0, 1]."""
        return float(self.factor ** (min(step, self.end) // self.every))

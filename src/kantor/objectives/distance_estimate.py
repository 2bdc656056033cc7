"""What the value of a loss says of the distance between data and samples."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DistanceEstimate:
    """An estimate by a network that is not at its optimum: a lower bound, in expectation.

    Attributes:
        name: of the distance; JS in nats.
        value: the estimate.
    """

    name: Literal["W1", "JS"]
    value: float

"""Drawing in one pass: noise goes through a network once, and a sample comes out. There is nothing to choose."""

from dataclasses import dataclass
from typing import Any, Protocol


class Sampler(Protocol):
    """What every sampler says of itself; how it draws is between it and the family of models it is made for."""

    def describe(self) -> dict[str, Any]:
        """For the card: `sampler` (its name), `nfe` (network evaluations for a sample), and its settings."""
        ...


@dataclass(frozen=True)
class Direct:
    """One evaluation of a generator or decoder."""

    def describe(self) -> dict[str, Any]:
        """`direct`, 1."""
        return {"sampler": "direct", "nfe": 1}

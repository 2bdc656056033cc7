"""Protocol and draw: what was measured, and on which random sample.

Only the protocol is hashed. What all scores of an evaluation share has one hash, each score with its estimator has
another: two scores are comparable when theirs are equal, whatever else was measured beside them.
"""

from dataclasses import asdict, dataclass
from typing import Any

from kantor.digests import sha256


@dataclass(frozen=True)
class Protocol:
    """What two people must share for their scores to be comparable.

    Attributes:
        data: name and identity of the real data.
        split: which part of it, and how the real points were drawn.
        extractor: which features the scores see, with its weights' hash.
        n_real: real samples in each comparison.
        n_generated: generated samples in each comparison.
        estimators: how each score is computed, by its name.
    """

    data: dict[str, Any]
    split: dict[str, Any]
    extractor: str | dict[str, Any]
    n_real: int
    n_generated: int
    estimators: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON without estimators, 64 hex digits."""
        return sha256({**self.plain(), "estimators": {}})

    def hash_of(self, score: str) -> str:
        """SHA-256 of the canonical JSON of a protocol that has this score alone, 64 hex digits."""
        return sha256({**self.plain(), "estimators": {score: self.estimators[score]}})


@dataclass(frozen=True)
class Draw:
    """The random sample taken: chunk c is drawn from the key (seed, "evaluate", c), whole, and then cut."""

    seed: int
    chunk: int
    draws: int

"""Protocol, sampling and draw: what was measured, who was measured, and on which random sample.

Only the protocol is hashed: two scores are comparable when their protocols are equal.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from kantor.digests import sha256
from kantor.metrics.intervals import Estimate

Better = Literal["lower", "higher", "target", "none"]

NO_DRAWS = "no interval from fewer than 10 independent draws"


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
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256(self.plain())


@dataclass(frozen=True)
class Draw:
    """The random sample taken: chunk c is drawn from the key (seed, "evaluate", c), whole, and then cut."""

    seed: int
    chunk: int
    draws: int


@dataclass(frozen=True)
class Score:
    """A number with its error and its floor.

    Attributes:
        estimate: the value and its 95% interval; None where it could not be computed.
        covers: what the interval covers. "draws": the value is for what fresh draws of this size score on average
            against this reference; not covered are another reference and another training seed.
        better: which way is better; "target" comes with `target`.
        meaning: what it is, in a few words.
        floor: what fresh real data score; None where they have no score.
        floor_n: at which sample size.
        floor_draws: from how many draws; from 0 where a score has no floor.
        target: the best value, when neither lower nor higher is better.
        reason: why there is no value or no interval, where it is not for want of draws.
        floor_reason: why the floor has none, likewise.
    """

    estimate: Estimate | None
    covers: str
    better: Better
    meaning: str
    floor: Estimate | None
    floor_n: int
    floor_draws: int
    target: float | None = None
    reason: str | None = None
    floor_reason: str | None = None

    def plain(self) -> dict[str, Any]:
        """As a card holds it."""
        entry = {**_plain(self.estimate), "covers": self.covers, "better": self.better, "meaning": self.meaning}
        if self.floor_draws:
            entry["floor"] = {**_plain(self.floor), "n": self.floor_n, "draws": self.floor_draws}
            if entry["floor"]["low"] is None:
                entry["floor"]["reason"] = self.floor_reason or NO_DRAWS
        if self.target is not None:
            entry["target"] = self.target
        if entry["low"] is None:
            entry["reason"] = self.reason or NO_DRAWS
        return entry


def _plain(estimate: Estimate | None) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None} if estimate is None else asdict(estimate)

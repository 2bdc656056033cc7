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
        estimate: the value and its 95% interval.
        covers: what the interval covers. "draws": the value is for what fresh draws of this size score on average
            against this reference; not covered are another reference and another training seed.
        better: which way is better; "target" comes with `target`.
        floor: what fresh real data score.
        floor_n: at which sample size.
        floor_draws: from how many draws.
        target: the best value, when neither lower nor higher is better.
        reason: why there is no interval, where it is not for want of draws.
        floor_reason: why the floor has none, likewise.
    """

    estimate: Estimate
    covers: str
    better: Better
    floor: Estimate | None
    floor_n: int
    floor_draws: int
    target: float | None = None
    reason: str | None = None
    floor_reason: str | None = None

    def plain(self) -> dict[str, Any]:
        """As a card holds it."""
        entry: dict[str, Any] = {**asdict(self.estimate), "covers": self.covers, "better": self.better}
        if self.floor is not None:
            entry["floor"] = {**asdict(self.floor), "n": self.floor_n, "draws": self.floor_draws}
            if self.floor.low is None:
                entry["floor"]["reason"] = self.floor_reason or NO_DRAWS
        if self.target is not None:
            entry["target"] = self.target
        if self.estimate.low is None:
            entry["reason"] = self.reason or NO_DRAWS
        return entry

"""What draws score: a number with its error, every draw's own, and what real data score beside it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kantor.metrics.intervals import Estimate

Better = Literal["lower", "higher", "target", "none"]

Aspect = Literal["whole", "fidelity", "variety", "nearness", "bound", "apart", "copied", "memorised", "narrow"]
"""What a score speaks of, for readings, which know one score by the others.

"fidelity": whether each sample looks real; "variety": whether all samples together reach everything; "nearness":
whether samples and real data are mixed, so that too low a value is of copies; "bound": a bound of another score. Of
p-values, what is seen where they are small: "apart" from real data, "copied" from the reference, "memorised" training
data, "narrow" beside fresh data. Else "whole".
"""

SHARE = (0.0, 1.0)
NOT_NEGATIVE = (0.0, math.inf)

Value = float | str
"""What one draw scores, or the reason why it has no score."""

NO_DRAWS = "no interval from fewer than 10 independent draws"


@dataclass(frozen=True)
class Kind:
    """How a score is read.

    Attributes:
        better: which way is better.
        target: the best value, when neither lower nor higher is better.
        aspect: what it speaks of.
        depends_on_n: its mean is another one for draws of another size.
        bounds: values that it cannot leave, and neither can its interval.
    """

    better: Better
    target: float | None = None
    aspect: Aspect = "whole"
    depends_on_n: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best so far."""
        if best is None:
            return True
        if self.better == "higher":
            return value > best
        if self.target is not None:
            return abs(value - self.target) < abs(best - self.target)
        return value < best


@dataclass(frozen=True, kw_only=True)
class Words:
    """What people are told of a score wherever it is shown: one short clause each.

    Attributes:
        meaning: what it is.
        good: which values are good.
        suspicious: which should make one look twice, and why.
    """

    meaning: str
    good: str
    suspicious: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a score's formula comes from.

    Attributes:
        function: the dotted name of what computes it.
        source: who wrote it down.
    """

    function: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What some draws score.

    Attributes:
        draws: the value of each, or the reason why it has none.
        estimate: the mean and its 95% interval; None where a draw has no value.
        reason: why there is no value or no interval, where it is not for want of draws.
    """

    draws: Sequence[Value]
    estimate: Estimate | None
    reason: str | None = None

    def plain(self) -> dict[str, Any]:
        """As a card holds it."""
        ends = {"value": None, "low": None, "high": None} if self.estimate is None else asdict(self.estimate)
        values = [None if isinstance(value, str) else value for value in self.draws]
        reason = {"reason": self.reason or NO_DRAWS} if ends["low"] is None else {}
        return {**ends, **reason, "values": values}


@dataclass(frozen=True, kw_only=True)
class Floor(Measured):
    """What draws of fresh real data score against the same reference.

    Attributes:
        n: samples in each draw.
        kind: where the real data come from.
    """

    n: int
    kind: str

    def plain(self) -> dict[str, Any]:
        """As a card holds it."""
        return {**super().plain(), "n": self.n, "draws": len(self.draws), "kind": self.kind}


@dataclass(frozen=True, kw_only=True)
class Score(Measured):
    """A number with its error and what real data score. The interval is for what fresh draws of this size score on
    average against this reference; not covered are another reference and another training seed.

    Attributes:
        kind: how it is read.
        words: what is said of it.
        origin: where its formula comes from.
        floor: what fresh real data score; None where a score has no floor.
        covers: what the interval is over.
    """

    kind: Kind
    words: Words
    origin: Origin
    floor: Floor | None
    covers: str = "draws"

    def plain(self) -> dict[str, Any]:
        """As a card holds it."""
        return {
            **super().plain(),
            "covers": self.covers,
            "better": self.kind.better,
            "aspect": self.kind.aspect,
            "depends_on_n": self.kind.depends_on_n,
            "bounds": [end if math.isfinite(end) else None for end in self.kind.bounds],
            **({} if self.kind.target is None else {"target": self.kind.target}),
            **asdict(self.words),
            **asdict(self.origin),
            **({} if self.floor is None else {"floor": self.floor.plain()}),
        }

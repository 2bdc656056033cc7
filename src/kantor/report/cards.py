"""What card.json says, as values: estimates with intervals, floors, scores, evaluations.

A floor is what fresh real data score against the same reference. What is said of a score beside it stands in
`readings`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from kantor.report import sampling, units

FLOOR_NOTE = (
    "What real data score is what fresh ones score against the same reference, at the n that is named. It "
    "is random itself and no bound: beyond it lie copies, too little variety and points that are too even, never merit."
)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval; any of the three may be missing."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def has_interval(self) -> bool:
        """Whether both ends are there."""
        return self.low is not None and self.high is not None

    @property
    def half_width(self) -> float | None:
        """Half the interval's length."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def longer_side(self) -> float | None:
        """The half-width that the interval had before an end was cut off where the value cannot be."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.high - self.value, self.value - self.low)

    @property
    def value_text(self) -> str:
        """The value to the digits its interval allows; of one that is cut on a side, the shorter side does."""
        if self.value is None or self.low is None or self.high is None:
            return units.number(self.value)
        shorter = min(self.high - self.value, self.value - self.low)
        return units.number(self.value, shorter if shorter > 0 else self.half_width)

    @property
    def interval_text(self) -> str:
        """`[low, high]`, or a dash."""
        return units.interval(self.low, self.high)

    @property
    def text(self) -> str:
        """`0.051 [0.048, 0.054]`, or the value alone."""
        return f"{self.value_text} {self.interval_text}" if self.has_interval else self.value_text

    def ends(self) -> tuple[float, float] | None:
        """The interval, or the value twice when it has none."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        return None if self.value is None else (self.value, self.value)


@dataclass(frozen=True)
class Floor(Estimate):
    """What `n` fresh real data score."""

    n: int | None = None
    kind: str = ""
    """Where the real data come from."""
    reason: str | None = None
    values: tuple[float | None, ...] = ()
    """Of each draw."""

    @property
    def n_text(self) -> str:
        """`n = 1,024`, or nothing."""
        return "" if self.n is None else f"n = {units.count(self.n)}"


@dataclass(frozen=True)
class Score(Estimate):
    """One score of an evaluation: an estimate, what its interval covers, its floor and its direction."""

    name: str = ""
    meaning: str = ""
    good: str = ""
    suspicious: str = ""
    function: str = ""
    """The dotted name of what computes it."""
    source: str = ""
    """Who wrote the formula down."""
    values: tuple[float | None, ...] = ()
    """Of each draw."""
    protocol_hash: str = ""
    """Of this score with its estimator: only scores of equal hash are compared."""
    covers: str = ""
    floor: Floor | None = None
    better: str = "none"
    target: float | None = None
    aspect: str = "whole"
    """What it speaks of, see `kantor.evaluation.score`."""
    depends_on_n: bool = True
    """Its mean is another one for draws of another size."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Values that it cannot leave."""
    reason: str | None = None
    n: int | None = None
    """Generated samples in a draw."""

    @property
    def goal(self) -> str:
        """The direction in words."""
        words = {"lower": "lower is better", "higher": "higher is better", "none": "not ranked"}
        return f"target {units.number(self.target)}" if self.better == "target" else words[self.better]

    def badness(self, value: float | None) -> float | None:
        """`value` on a scale where lower is better; None when it is missing or the score is not ranked."""
        if value is None or self.better == "none":
            return None
        if self.better == "target":
            return None if self.target is None else abs(value - self.target)
        return value if self.better == "lower" else -value

    @property
    def floor_text(self) -> str:
        """`0.025 [0.024, 0.026] (n = 1,024)`, or a dash."""
        if self.floor is None or self.floor.value is None:
            return units.MISSING
        return self.floor.text + (f" ({self.floor.n_text})" if self.floor.n_text else "")


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: the protocol (what is measured), the sampling (who), the draw (which samples), the scores."""

    name: str
    at_step: int | None
    protocol_hash: str
    protocol: dict[str, Any]
    sampling: dict[str, Any]
    draw: dict[str, Any]
    scores: dict[str, Score]
    digest: str = ""
    """SHA-256 of the weights that drew, or of the samples where they come from a file."""
    made_by: dict[str, Any] = field(default_factory=dict)
    """Command and code."""
    error_budget: dict[str, Any] = field(default_factory=dict)
    """As `kantor.evaluation.error_budget` makes it; empty where none was asked for."""

    @property
    def title(self) -> str:
        """`toy at step 500: ema, last, direct, nfe 1`."""
        step = "" if self.at_step is None else f" at step {units.count(self.at_step)}"
        return f"{self.name}{step}: {self.sampling_text}"

    @property
    def sampling_text(self) -> str:
        """How samples were drawn, in one line."""
        return sampling.text(self.sampling)

    @property
    def draws(self) -> int | None:
        """How many fresh draws stand behind a t-interval, when there are at least two."""
        draws = self.draw.get("draws")
        return draws if isinstance(draws, int) and draws >= 2 else None


def finite(value: object) -> float | None:
    """A finite number, or None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def bounds_of(entry: object) -> tuple[float, float]:
    """Bounds out of the card's entry, where null is none."""
    low, high = map(finite, entry) if isinstance(entry, list) and len(entry) == 2 else (None, None)
    return -math.inf if low is None else low, math.inf if high is None else high


def read_score(name: str, entry: dict[str, Any], n: int | None = None) -> Score:
    """A score out of the card's entry, of so many samples in a draw."""
    given = entry.get("floor")
    floor = None
    if given is not None:
        low, high = finite(given.get("low")), finite(given.get("high"))
        floor = Floor(
            finite(given.get("value")),
            low,
            high,
            n=given.get("n"),
            kind=given.get("kind") or "",
            reason=given.get("reason"),
            values=tuple(map(finite, given.get("values") or ())),
        )
    better = entry.get("better")
    return Score(
        finite(entry.get("value")),
        finite(entry.get("low")),
        finite(entry.get("high")),
        name=name,
        meaning=entry.get("meaning") or "",
        good=entry.get("good") or "",
        suspicious=entry.get("suspicious") or "",
        function=entry.get("function") or "",
        source=entry.get("source") or "",
        values=tuple(map(finite, entry.get("values") or ())),
        protocol_hash=str(entry.get("protocol_hash", "")),
        covers=entry.get("covers") or "",
        floor=floor,
        better=better if better in ("lower", "higher", "target") else "none",
        target=finite(entry.get("target")),
        aspect=entry.get("aspect") or "whole",
        depends_on_n=entry.get("depends_on_n", True) is not False,
        bounds=bounds_of(entry.get("bounds")),
        reason=entry.get("reason"),
        n=n,
    )


def read_evaluations(card: dict[str, Any]) -> list[Evaluation]:
    """The evaluations of a card, in its order."""
    return [
        Evaluation(
            name=str(entry.get("name", "")),
            at_step=entry.get("at_step"),
            protocol_hash=str(entry.get("protocol_hash", "")),
            protocol=entry.get("protocol") or {},
            sampling=entry.get("sampling") or {},
            draw=entry.get("draw") or {},
            digest=str(entry.get("digest", "")),
            made_by=entry.get("made_by") or {},
            error_budget=entry.get("error_budget") or {},
            scores={
                name: read_score(name, value, (entry.get("protocol") or {}).get("n_generated"))
                for name, value in (entry.get("scores") or {}).items()
            },
        )
        for entry in card.get("evaluations") or []
    ]


def flatten(value: object, path: str = "") -> dict[str, Any]:
    """Nested dicts as dotted paths; lists and scalars are leaves."""
    if not isinstance(value, dict) or not value:
        return {path: value}
    return {
        dotted: leaf
        for key, child in value.items()
        for dotted, leaf in flatten(child, f"{path}.{key}" if path else str(key)).items()
    }

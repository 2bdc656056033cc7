"""What card.json says, as values: estimates with intervals, floors, scores, evaluations.

A floor is what fresh real data score against the same reference at the same sample size. It is itself random and no
lower bound: a model that has memorised the training data goes below it.
"""

import math
from dataclasses import dataclass
from typing import Any

from kantor.report import units

MEANINGS = {
    "modes_covered": "modes that receive samples",
    "within_3_sigma": "share of samples within 3 sigma of a mode",
    "mode_kl": "KL of the mode histogram, nats",
    "w1": "exact Wasserstein-1 distance",
    "w2": "exact Wasserstein-2 distance",
    "critic_w1": "the critic's own estimate of W1",
    "frechet_distance": "Fréchet distance of features",
    "kid": "kernel distance of features",
    "inception_score": "Inception score",
    "precision": "share of samples inside the real manifold",
    "recall": "share of real data inside the generated manifold",
    "density": "real neighbourhoods around a sample",
    "coverage": "share of real neighbourhoods that are hit",
    "mmd": "maximum mean discrepancy",
    "one_nn_accuracy": "1-nearest-neighbour two-sample accuracy",
    "one_nn_real": "the same, of real pictures alone",
    "one_nn_generated": "the same, of generated pictures alone",
    "one_nn_p_apart": "p-value: told apart from real pictures",
    "one_nn_p_copied": "p-value: lying on the reference's pictures",
    "memorisation": "share of samples nearer to training pictures than held-out ones",
    "memorisation_p": "p-value: nearer to training pictures than held-out ones",
    "frechet_infinity": "Fréchet distance extrapolated to infinitely many samples",
    "mode_score": "mode score",
    "shape_count_tv": "total variation, number of shapes",
    "shape_kind_tv": "total variation, kinds of shapes",
    "shape_colour_w1": "Wasserstein-1 of shapes' colours, levels",
    "shape_area_w1": "Wasserstein-1 of shapes' areas, pixels",
    "tv": "total variation",
    "js": "Jensen-Shannon divergence, nats",
    "nll": "negative log-likelihood (bound), nats",
    "bits_per_dim": "bits per dimension",
}
FLOOR_NOTE = (
    "A floor is what fresh real data score against the same reference, at the n that it names; it is itself random and "
    "no lower bound: a model that memorised its training data goes below it."
)
UNBIASED = frozenset({"kid", "mmd", "density"})
"""Scores whose mean does not depend on n: a floor of another n has the same."""


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
    def value_text(self) -> str:
        """The value to the digits its interval allows."""
        return units.number(self.value, self.half_width)

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
    draws: int | None = None


@dataclass(frozen=True)
class Score(Estimate):
    """One score of an evaluation: an estimate, what its interval covers, its floor and its direction."""

    name: str = ""
    covers: str = ""
    floor: Floor | None = None
    better: str = "none"
    target: float | None = None
    reason: str | None = None
    n: int | None = None
    """Generated samples in a draw."""

    @property
    def meaning(self) -> str:
        """What the score is, in a few words."""
        return MEANINGS.get(self.name, "")

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
    def floor_compares(self) -> bool:
        """Whether the floor is of as many samples as the score, or of a score that does not depend on n."""
        assert self.floor is not None
        return self.name in UNBIASED or None in (self.n, self.floor.n) or self.n == self.floor.n

    @property
    def at_floor(self) -> bool:
        """Whether the interval overlaps the floor's."""
        if self.floor is not None and not self.floor_compares:
            return False
        ours, floors = self.ends(), None if self.floor is None else self.floor.ends()
        return ours is not None and floors is not None and ours[0] <= floors[1] and floors[0] <= ours[1]

    @property
    def reading(self) -> str:
        """The score against its floor, in words."""
        if self.value is None:
            return f"not computed: {self.reason or 'no reason given'}"
        if self.floor is None or self.floor.value is None or self.better == "none":
            return ""
        if not self.floor_compares:
            return f"no reading: the floor is of n = {self.floor.n:,}"
        if self.at_floor:
            return "at the floor"
        ours, floors = self.badness(self.value), self.badness(self.floor.value)
        if ours is None or floors is None or ours > floors:
            return "worse than real data"
        if self.better == "target":
            return "as near to its target as real data"
        return "better than real data: memorised?"


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

    @property
    def draws(self) -> int | None:
        """How many fresh draws stand behind a t-interval, when there are at least two."""
        draws = self.draw.get("draws")
        return draws if isinstance(draws, int) and draws >= 2 else None


def finite(value: object) -> float | None:
    """A finite number, or None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def read_score(name: str, entry: dict[str, Any], n: int | None = None) -> Score:
    """A score out of the card's entry, of so many samples in a draw."""
    given = entry.get("floor")
    floor = None
    if given is not None:
        low, high = finite(given.get("low")), finite(given.get("high"))
        floor = Floor(finite(given.get("value")), low, high, n=given.get("n"), draws=given.get("draws"))
    better = entry.get("better")
    return Score(
        finite(entry.get("value")),
        finite(entry.get("low")),
        finite(entry.get("high")),
        name=name,
        covers=entry.get("covers") or "",
        floor=floor,
        better=better if better in ("lower", "higher", "target") else "none",
        target=finite(entry.get("target")),
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

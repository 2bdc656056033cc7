"""A score: one object that says what it is, how it is read, how it is computed, and how sure one draw is of it.

Definitions are generic in two things: the *setting*, which decides whether a score applies and is told in the protocol,
and the *comparison* of one draw with real data, from which it is computed. What several scores share (a table of
neighbours, say) is a cached property of the comparison.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Generic, TypeVar

from kantor.errors import UserError
from kantor.evaluation.score import Floor, Kind, Origin, Score, Value, Words
from kantor.evaluation.spreads import Spread, estimated
from kantor.metrics.intervals import Estimate
from kantor.user_code import place_of

Setting = TypeVar("Setting")
Comparison = TypeVar("Comparison")


@dataclass(frozen=True, kw_only=True)
class ScoreDefinition(Generic[Setting, Comparison]):
    """A score.

    Attributes:
        name: in cards, tables and logs.
        kind: how it is read.
        words: what people are told of it.
        function: what computes its formula.
        source: where the formula comes from.
        estimator: how it is computed, as plain containers, for the protocol.
        compute: its value for one draw, or the reason why it has none.
        spread: how sure one draw is of it, or the reason why one draw cannot say.
        applies: whether there is such a score.
    """

    name: str
    kind: Kind
    words: Words
    function: Callable[..., Any]
    source: str
    estimator: Callable[[Setting], dict[str, Any]]
    compute: Callable[[Comparison], Value]
    spread: Callable[[Comparison], Spread | str] | str
    applies: Callable[[Setting], bool] = lambda setting: True

    def value_of(self, comparison: Comparison) -> Value:
        """Its value for one draw, or the reason why it has none.

        Raises:
            UserError: it computes something else.
        """
        value = self.compute(comparison)
        if not isinstance(value, Real | str):
            place = place_of(self.compute)
            raise UserError(
                f"evaluation: {self.name}{'' if place is None else f' ({place})'} gives a {type(value).__name__}, "
                "expected a float, or a text that says why there is none"
            )
        return value

    def spread_of(self, comparison: Comparison) -> Spread | str:
        """How sure one draw is, or the reason why it is not."""
        return self.spread if isinstance(self.spread, str) else self.spread(comparison)

    def over_draws(
        self,
        draws: Sequence["DrawScores"],
        floors: Sequence["DrawScores"],
        *,
        floor_n: int,
        floor_kind: str,
        barred: str | None = None,
        floor_barred: str | None = None,
    ) -> Score:
        """The score of several draws with its interval and floor.

        Args:
            draws: what each found.
            floors: what each draw of fresh real data found; none where the score has no floor.
            floor_n: samples in each of these.
            floor_kind: where these come from.
            barred: why there can be no interval; None where there can.
            floor_barred: why the floor can have none.
        """
        floor = None
        if floors:
            real, estimate, reason = self._measured(floors, floor_barred)
            floor = Floor(draws=real, estimate=estimate, reason=reason, n=floor_n, kind=floor_kind)
        values, estimate, reason = self._measured(draws, barred)
        return Score(
            draws=values,
            estimate=estimate,
            reason=reason,
            kind=self.kind,
            words=self.words,
            origin=Origin(function=f"{self.function.__module__}.{self.function.__qualname__}", source=self.source),
            floor=floor,
        )

    def _measured(
        self, draws: Sequence["DrawScores"], barred: str | None
    ) -> tuple[list[Value], Estimate | None, str | None]:
        values, spreads = [draw.values[self.name] for draw in draws], [draw.spreads.get(self.name) for draw in draws]
        estimate, reason = estimated(values, spreads, barred)
        return values, None if estimate is None else estimate.within(self.kind.bounds), reason


@dataclass(frozen=True)
class DrawScores:
    """What one draw scores.

    Attributes:
        values: by score.
        spreads: by score, where they were asked for.
    """

    values: Mapping[str, Value]
    spreads: Mapping[str, Spread | str]

    @classmethod
    def of(
        cls, scores: Iterable[ScoreDefinition[Any, Comparison]], comparison: Comparison, *, with_spreads: bool
    ) -> "DrawScores":
        """All of some scores."""
        scores = tuple(scores)
        values = {score.name: score.value_of(comparison) for score in scores}
        return cls(values, {score.name: score.spread_of(comparison) for score in scores} if with_spreads else {})


D = TypeVar("D", bound=ScoreDefinition[Any, Any])


def applying(scores: Iterable[D], setting: object) -> tuple[D, ...]:
    """Those of some scores that there are in a setting."""
    return tuple(score for score in scores if score.applies(setting))


def kinds(scores: Iterable[ScoreDefinition[Any, Any]]) -> dict[str, Kind]:
    """How each is read, by its name."""
    return {score.name: score.kind for score in scores}


def estimators(scores: Iterable[ScoreDefinition[Setting, Any]], setting: Setting) -> dict[str, Any]:
    """How each is computed, by its name, for the protocol."""
    return {score.name: score.estimator(setting) for score in scores}


def numbers(scores: Iterable[ScoreDefinition[Any, Comparison]], comparison: Comparison) -> dict[str, float]:
    """The values of one draw, by name; scores that it does not have are left out."""
    values = DrawScores.of(scores, comparison, with_spreads=False).values
    return {name: value for name, value in values.items() if not isinstance(value, str)}

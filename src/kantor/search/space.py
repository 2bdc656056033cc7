"""A search space: the words of a sweep that have several values, each a distribution in which a trial has one value.

`a,b` and `choice(a,b)` are categories, `range(1,9,2)` is a grid of numbers, `interval(0,1)` all between two ends, both
of which are in it; `tag(log,…)` makes the logarithm what is even, `int(interval(1,9))` has whole numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from kantor.config.grammar import literal, parse
from kantor.errors import UserError

LOG = "log"
ONE_FOR_ALL = ("seed", "outputs")
"""Keys that are no setting: what was best of one seed says nothing of the others."""


@dataclass(frozen=True)
class Space:
    """What the trials of a search differ in, and what they share.

    Attributes:
        fixed: words with one value.
        distributions: by the key of a word, with the `+` of one that is added.
        given: the words with several values, by the same keys.
    """

    fixed: tuple[str, ...]
    distributions: Mapping[str, BaseDistribution]
    given: Mapping[str, str]

    @classmethod
    def of(cls, words: Sequence[str]) -> "Space":
        """The space of a sweep's words.

        Raises:
            UserError: a word is not in the grammar, or has values that nothing can be asked for; or none has several.
        """
        fixed, distributions, given = [], {}, {}
        for word in (literal(word, several=True) for word in words):
            (override,) = parse([word])
            if override.is_sweep_override():
                key = str(override.get_key_element())
                distributions[key], given[key] = _distribution(override, word), word
            else:
                fixed.append(word)
        if not distributions:
            raise UserError(
                "a search has nothing to search: give a setting several values, as in "
                "'optimisation.generator.lr=tag(log,interval(1e-4,1e-2))' or ema=default,none"
            )
        return cls(tuple(fixed), distributions, given)

    def words(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The words of one trial that are its own."""
        return tuple(f"{key}={values[key]}" for key in self.distributions)

    def corner(self) -> tuple[str, ...]:
        """The words of the trial with the first category and the lowest number of each setting."""
        return self.words({key: _ends(one)[0] for key, one in self.distributions.items()})

    def beside(self) -> dict[str, list[tuple[str, ...]]]:
        """By setting, the trials that differ from the corner in it alone: with each other category, or the highest
        number."""
        every = {key: _ends(one) for key, one in self.distributions.items()}
        first = {key: values[0] for key, values in every.items()}
        return {key: [self.words({**first, key: value}) for value in values[1:]] for key, values in every.items()}

    @property
    def size(self) -> int | None:
        """How many points a grid has; None where an interval has no end of them."""
        steps = [values(one) for one in self.distributions.values()]
        return None if any(one is None for one in steps) else math.prod(len(one) for one in steps if one is not None)


def values(distribution: BaseDistribution) -> list[Any] | None:
    """The values of a distribution, in order; None of an interval."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return None
    numbers = [low + index * step for index in range(round((high - low) / step) + 1)]
    return numbers if isinstance(distribution, IntDistribution) else [round(number, 12) for number in numbers]


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def _distribution(override: Override, word: str) -> BaseDistribution:
    """How a word's values are asked for.

    Raises:
        UserError: they cannot be.
    """
    key, value = override.key_or_group, override.value()
    if key in ONE_FOR_ALL:
        raise UserError(f"{word}: {key} is no setting to search; give one, and train what is found over several seeds")
    if isinstance(value, IntervalSweep):
        return _interval(value, word)
    if isinstance(value, RangeSweep):
        return _range(value, word)
    if not override.is_discrete_sweep() or not hasattr(value, "list"):
        raise UserError(f"{word}: a search has no patterns; name the values, as in {key}=a,b")
    categories = list(override.sweep_string_iterator())
    if len(set(categories)) < len(categories):
        raise UserError(f"{word}: a value stands there twice; leave one of the two out")
    return CategoricalDistribution(categories)


def _interval(given: IntervalSweep, word: str) -> BaseDistribution:
    low, high, log = given.start, given.end, LOG in given.tags
    assert low is not None and high is not None
    if not low < high or not all(map(math.isfinite, (low, high))) or (log and low <= 0):
        raise UserError(f"{word}: expected an interval from a lower to a higher number{', above 0' if log else ''}")
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _range(given: RangeSweep, word: str) -> BaseDistribution:
    numbers, step = list(given.range()), given.step
    if not numbers or step <= 0:
        raise UserError(f"{word}: expected a range that goes up, such as range(1,9,2)")
    if LOG in given.tags:
        return CategoricalDistribution([str(number) for number in numbers])
    if isinstance(step, int) and all(isinstance(number, int) for number in numbers):
        return IntDistribution(int(numbers[0]), int(numbers[-1]), step=step)
    return FloatDistribution(numbers[0], numbers[-1], step=step)

"""A grid: what the words of a sweep stand for, each with one value or several, and every combination of them."""

import itertools
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.types import Glob, Override

from kantor.config.files import options
from kantor.config.grammar import literal, parse
from kantor.errors import UserError


def swept(words: Sequence[str], config_dirs: Sequence[str]) -> list[list[str]]:
    """The `key=value`s that each word stands for, in its order.

    Raises:
        UserError: a word is not in the grammar, stands for a range that no grid goes through, or names a value twice.
    """
    written = [literal(word, several=True) for word in words]
    parsed = [parse([word])[0] for word in written]
    return [_values(override, word, config_dirs) for override, word in zip(parsed, written, strict=True)]


def combinations(grid: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """One value of each word, in every way; the last word changes fastest."""
    return itertools.product(*grid)


def _values(override: Override, word: str, config_dirs: Sequence[str]) -> list[str]:
    if not override.is_sweep_override():
        return [word]
    if override.is_interval_sweep():
        raise UserError(f"{word}: a grid has no values of an interval; name some, or have them searched, search=tpe")
    key, value = override.get_key_element(), override.value()
    if isinstance(value, Glob):
        found = value.filter(options(override.key_or_group, list(config_dirs)))
        if not found:
            raise UserError(f"{word}: there is no such option; `kantor list {override.key_or_group}` shows all")
        return [f"{key}={name}" for name in found]
    values = [f"{key}={one}" for one in override.sweep_string_iterator()]
    if not values:
        raise UserError(f"{word}: expected at least one value")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise UserError(f"{word}: {twice} stands there twice, which would be one job; leave one of the two out")
    return values

"""Words of `kantor train` in Hydra's grammar, in which paths need no quoting: they mean nothing but themselves."""

import shlex
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import OverrideParseException
from omegaconf import OmegaConf

from kantor.config.files import options
from kantor.errors import UserError
from kantor.paths import is_path, path_of


def quoted(text: str) -> str:
    """A text as Hydra's grammar takes it, whatever is in it."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


def search_path(config_dirs: list[str]) -> list[str]:
    """The override that adds directories of groups."""
    if not config_dirs:
        return []
    return [f"hydra.searchpath=[{','.join(quoted(f'file://{path_of(entry).absolute()}') for entry in config_dirs)}]"]


def words_of(hydra: HydraConf) -> list[str]:
    """The overrides that a configuration was composed of, as they were given."""
    task: Any = hydra.overrides.task
    words: Any = OmegaConf.to_container(task, resolve=False)
    return list(words)


def literal(word: str, *, several: bool = False) -> str:
    """A word whose value is a path with that path quoted, unless it is already; any other as it is.

    Args:
        word: `key=value`.
        several: whether commas and choice(…) part the values of a sweep.
    """
    key, equals, value = word.partition("=")
    if not equals or not is_path(key.lstrip("+"), value) or _is_quoted(value):
        return word
    if several and ("," in value or value.endswith(")")):
        return word
    return f"{key}={quoted(value)}"


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def parse(overrides: list[str]) -> list[Override]:
    """Overrides in Hydra's grammar.

    Raises:
        UserError: one does not parse.
    """
    for word in overrides:
        if word.startswith("="):
            raise UserError(f"{word!r}: expected key=value")
        if word in options("experiment", []):
            raise UserError(f"{word!r}: expected key=value, as in experiment={word}")
    parsed = []
    for word in overrides:
        try:
            parsed += OverridesParser.create().parse_overrides([word])
        except OverrideParseException as error:
            raise UserError(f"{word!r} is not in Hydra's grammar key=value: {_remedy(word)}") from error
    return parsed


def _remedy(word: str) -> str:
    """How to write it, where that would be in the grammar."""
    several = word.split()
    if len(several) > 1 and all("=" in one for one in several):
        return f"these are several words, give each by itself: {shlex.join(several)}"
    key, equals, value = word.partition("=")
    if "," in value and not all(part.strip() for part in value.split(",")):
        return f"expected a value on both sides of each comma, as in {key}=0,1"
    better = f"{key}={QuotedString(text=value, quote=Quote.double).with_quotes()}"
    try:
        OverridesParser.create().parse_overrides([better])
    except OverrideParseException:
        equals = ""
    if not equals:
        return "expected a word such as seed=1"
    return f"quote a text with '=', '~', brackets or commas, as in {shlex.quote(better)}"

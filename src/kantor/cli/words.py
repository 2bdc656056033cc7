"""The words of a command line: `key=value` pairs, options, and values as YAML reads them."""

import math
import shlex
from typing import Any

from kantor.errors import UserError, nearest
from kantor.paths import is_path

CONFIG_DIR = "--config-dir"
ALIASES = {"-m": "-m", "--multirun": "-m", "--cfg": "--cfg", "-cd": CONFIG_DIR, CONFIG_DIR: CONFIG_DIR}
"""Options by every way to write them."""


def split(words: list[str], *, known: tuple[str, ...], prefixes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """`key=value` words, split at the first "=", so that paths need no quoting.

    Args:
        words: the command line.
        known: keys that may be given.
        prefixes: "data." admits every key that begins so.

    Raises:
        UserError: a word has no "=", or a key is unknown or given twice.
    """
    keys = ", ".join([*known, *(f"{prefix}*" for prefix in prefixes)])
    pairs: list[tuple[str, str]] = []
    for word in words:
        key, equals, value = word.partition("=")
        twice = [f"{one}={before}" for one, before in pairs if one == key]
        if not equals:
            raise UserError(f"{word!r}: expected key=value, with one of the keys {keys}")
        if key not in known and not key.startswith(prefixes):
            raise UserError(f"{word}: there is no key {key!r} here{nearest(key, known)}: expected one of {keys}")
        if twice:
            raise UserError(f"{twice[0]} {word}: {key}= is given twice; leave one of the two out")
        pairs.append((key, value))
    return pairs


def typed(key: str, value: str) -> Any:
    """A value of the command line as YAML reads it, numbers such as 1e-4 included; a path as it is.

    Raises:
        UserError: it is no YAML.
    """
    if is_path(key, value):
        return value
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))["value"]  # type: ignore[index,call-overload]
    except (YAMLError, OmegaConfBaseException) as error:
        raise UserError(
            f"{key}={value}: expected a value as YAML has them; quote a text, {in_quotes(key, value)}"
        ) from error


def in_quotes(key: str, value: str) -> str:
    """A word of the command line that gives a text, whatever is in it."""
    escaped = value.replace("'", "''")
    return shlex.quote(f"{key}='{escaped}'")


def whole(key: str, value: str) -> int:
    """A whole number.

    Raises:
        UserError: it is none.
    """
    try:
        return int(value)
    except ValueError as error:
        raise UserError(f"{key}={value}: expected a whole number") from error


def number(key: str, value: str) -> float:
    """A finite number.

    Raises:
        UserError: it is none.
    """
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise UserError(f"{key}={value}: expected a number")
    return found


def take_options(words: list[str], known: tuple[str, ...]) -> tuple[list[str], list[str], set[str]]:
    """Take options out of the words of a command.

    Args:
        words: the command line.
        known: the options that the command has, of `-m`, `--cfg` and `--config-dir`.

    Returns:
        The other words; the directories after `--config-dir`; the flags given.

    Raises:
        UserError: an option is unknown or incomplete.
    """
    rest, config_dirs, flags = [], [], set()
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if not word.startswith("-"):
            rest.append(word)
            continue
        written, equals, value = word.partition("=")
        option = ALIASES.get(written)
        if option not in known or (equals and option != CONFIG_DIR):
            raise UserError(f"{word}: there is no such option{_expected(known)}")
        if option != CONFIG_DIR:
            flags.add(option)
        elif equals or pending:
            config_dirs.append(value if equals else pending.pop(0))
        else:
            raise UserError("--config-dir: expected a directory after it")
    return rest, config_dirs, flags


def _expected(known: tuple[str, ...]) -> str:
    options = [f"{option} DIR" if option == CONFIG_DIR else option for option in known]
    return f"; expected one of {', '.join(options)}" if options else " here"

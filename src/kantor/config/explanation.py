"""Why a composition failed, in one sentence that names the key, and the file where it was not the command line."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    GrammarParseError,
    InterpolationKeyError,
    OmegaConfBaseException,
)
from yaml import YAMLError

from kantor.config import choices
from kantor.config.checks import keys
from kantor.config.files import CONF, groups, options, roots
from kantor.config.grammar import search_path
from kantor.config.schema import Budget, Schema, Trainer
from kantor.errors import UserError, nearest

FAILURES = (HydraException, OmegaConfBaseException, YAMLError, ValueError, OSError)
"""What Hydra raises where a file or a word is wrong."""


def explained(error: Exception, parsed: Sequence[Override], overrides: list[str], config_dirs: list[str]) -> UserError:
    """The error of a composition.

    Args:
        error: one of `FAILURES`.
        parsed: the command line.
        overrides: the same as words.
        config_dirs: directories with further groups.
    """
    return (
        unknown_word(parsed, overrides, config_dirs)
        or wrong_choice(error, parsed, config_dirs)
        or wrong_key(error, config_dirs)
        or UserError(f"{told(error)}{because(error)}" if isinstance(error, HydraException) else other(error, overrides))
    )


def of_options(error: Exception, config_dirs: list[str]) -> UserError:
    """The error of composing options of groups by themselves."""
    return wrong_choice(error, [], config_dirs) or UserError(first_line(error))


def first_line(error: BaseException) -> str:
    """Without what libraries add below."""
    return str(error).partition("\n")[0]


KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false", "String": "a text"}
"""OmegaConf's words for kinds of values, and ours."""


def unfit(error: BaseException) -> str:
    """What OmegaConf says of a value that does not fit its key, in words of ours."""
    said = first_line(error)
    value = re.fullmatch(r"Value '(?P<value>.*)' of type '.*' could not be converted to (?P<kind>\w+)", said)
    if value is not None and value["kind"] in KINDS:
        return f"expected {KINDS[value['kind']]}, was given {value['value'] or 'nothing'}"
    truth = re.fullmatch(r"Value '(?P<value>.*)' is not a valid bool.*", said)
    if truth is not None:
        return f"expected {KINDS['Boolean']}, was given {truth['value'] or 'nothing'}"
    if said.startswith("Merge error:"):
        return "expected keys and values below it, was given one value"
    return said


def told(error: Exception) -> str:
    """What Hydra says."""
    return first_line(error).replace("Error merging override ", "")


def other(error: Exception, overrides: list[str]) -> str:
    """What is said of words of which Hydra cannot say what is wrong."""
    return f"{shlex.join(overrides)}: {first_line(error)}; leave out what is no key of `kantor train … --cfg`"


def cause_of(error: BaseException) -> BaseException | None:
    """Hydra raises some errors from their cause, and others while it has one."""
    return error.__cause__ or error.__context__


def because(error: Exception) -> str:
    """What caused it."""
    cause = cause_of(error)
    return "" if cause is None else f": {unfit(cause)}"


def unknown_word(parsed: Sequence[Override], overrides: list[str], config_dirs: list[str]) -> UserError | None:
    """The first word of the command line whose key there is not; None where they are known."""
    of_groups = groups(config_dirs)
    chosen = [text for text, one in zip(overrides, parsed, strict=True) if one.key_or_group in of_groups]
    try:
        known = keys(OmegaConf.to_container(choices.composed("train", [*search_path(config_dirs), *chosen])))
    except FAILURES:
        return None  # the groups themselves do not compose
    for override in parsed:
        key = override.key_or_group
        if key not in known and not key.startswith("hydra") and not override.is_add():
            return UserError(f"{override.input_line}: {unknown_key(key, known)}; `kantor train … --cfg` shows all keys")
    return None


def unknown_key(key: str, known: list[str]) -> str:
    """That a key does not exist, with the nearest that does: among its siblings if it has any."""
    parent = key.rpartition(".")[0]
    beside = [name for name in known if name.rpartition(".")[0] == parent]
    siblings = [name for name in beside if not name.endswith("._target_")]
    if beside and not siblings:
        return f"there is no key {key!r}: the {parent} that is chosen has no settings"
    return f"there is no key {key!r}{nearest(key, siblings or known)}"


def wrong_choice(error: Exception, parsed: Sequence[Override], config_dirs: list[str]) -> UserError | None:
    """An option that there is not, or a group of which none is chosen, by a file; None where it is not that."""
    missing = re.search(r"^(?:In '(?P<where>[^']*)': )?Could not find '(?P<group>.*)/(?P<option>[^/']*)'", str(error))
    if missing is not None:
        group, option = missing["group"], missing["option"]
        known = options(group, config_dirs)
        there = f"{nearest(option, known)}: expected one of {', '.join(known)}" if known else ""
        return UserError(f"{blamed(missing['where'], parsed, config_dirs)}{group}={option} is unknown{there}")
    unchosen = re.search(r"^You must specify '(?P<group>[^']*)'", str(error))
    if unchosen is not None:
        group, experiment = unchosen["group"], experiment_of(parsed)
        path = file_of(f"experiment/{experiment}", config_dirs)
        header = (
            ""
            if path is None or "@package _global_" in path.read_text(encoding="utf-8")
            else ("; its first line has to be `# @package _global_`")
        )
        where = f"experiment={experiment}" if path is None else str(path)
        return UserError(
            f"{where} chooses no {group}: its defaults need `override /{group}: NAME`, one of "
            f"{', '.join(options(group, config_dirs))}{header}"
        )
    return None


def wrong_key(error: Exception, config_dirs: list[str]) -> UserError | None:
    """A key or a value that does not fit, in a file or in a component; None where it is not that."""
    within = cause_of(error)
    cause = within if isinstance(within, OmegaConfBaseException) else error
    if isinstance(cause, GrammarParseError):
        return UserError(f"{told(error)}: {INTERPOLATION}")
    path = file_of(in_file(error), config_dirs)
    where = "" if path is None else f"{path}: "
    if not isinstance(cause, OmegaConfBaseException) or not cause.full_key:
        return UserError(f"{where}{unfit(cause)}") if where else None
    key, component = cause.full_key, cause.full_key.rpartition(".")[0]
    if "is not in struct" in str(cause):
        return UserError(
            f"{where}{key}: there is no such key; another component is named by {component}._target_=…, with +{key}=… "
            f"for what it takes and ~{component}.SETTING for what it does not"
        )
    if path is None:
        return None
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return UserError(f"{where}{unknown_key(key, of_schema())}")
    return UserError(f"{where}{key}: {unfit(cause)}")


def of_schema() -> list[str]:
    """The keys that there are whatever is chosen."""
    inner = {"trainer": Trainer, "budget": Budget}
    of_groups = [f"{name}.{field.name}" for name, group in inner.items() for field in fields(group)]
    return [*(field.name for field in fields(Schema)), *of_groups]


INTERPOLATION = "`${` begins the name of another key, as in ${seed}, and is none of a path or text"


def unresolved(error: OmegaConfBaseException) -> UserError:
    """That a value refers to a key that there is not."""
    if not error.full_key:
        return UserError(f"{first_line(error)}: {INTERPOLATION}")
    what = "there is no such key" if isinstance(error, InterpolationKeyError) else "it cannot be resolved"
    return UserError(
        f"{error.full_key}: {first_line(error)} ({what}); give {error.full_key}=…, or choose another option"
    )


def in_file(error: Exception) -> str | None:
    """The file, without its ending, that Hydra names."""
    named = re.match(r"In '([^']*)': ", str(error))
    return None if named is None else named[1]


def file_of(name: str | None, config_dirs: list[str]) -> Path | None:
    """A file of the user's or of ours by its group and name; None where there is none."""
    places = [] if name is None else [root / f"{name}.yaml" for root in reversed(roots(config_dirs))]
    return next((place for place in places if place.is_file()), None)


def experiment_of(parsed: Sequence[Override]) -> str:
    """The one that is named."""
    return next((str(one.value()) for one in parsed if one.key_or_group == "experiment"), "")


def blamed(where: str | None, parsed: Sequence[Override], config_dirs: list[str]) -> str:
    """The file that makes a wrong choice, and a colon: Hydra names the one that the choice is made for."""
    path = file_of(f"experiment/{experiment_of(parsed)}" if where == "train" else where, config_dirs)
    return "" if path is None or path.is_relative_to(CONF / "train.yaml") else f"{path}: "

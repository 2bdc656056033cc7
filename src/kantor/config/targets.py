"""`_target_`s: the callables that a configuration names, found, checked by their signatures, and called."""

import collections.abc
import functools
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from kantor.errors import UserError, as_given, nearest

RESERVED = ("_target_", "_partial_")

LISTS = (list, collections.abc.Sequence)
"""What a list of a configuration can stand for; tuples, whose length matters, are taken on trust."""


Path = tuple[str, ...]
"""Where a node stands: the keys on the way to it."""


def named(tree: object, path: Path = ()) -> list[tuple[Path, object]]:
    """Every node of nested containers that has a `_target_`, and what stands there; nulls are left out."""
    if isinstance(tree, list):
        return [found for index, value in enumerate(tree) for found in named(value, (*path, str(index)))]
    if not isinstance(tree, Mapping):
        return []
    own = [(path, tree["_target_"])] if tree.get("_target_") is not None else []
    return own + [found for name, value in tree.items() for found in named(value, (*path, str(name)))]


def names(tree: object) -> list[str]:
    """All `_target_`s in nested containers."""
    return [str(name) for _, name in named(tree)]


def locate(name: object, *, key: str) -> Callable[..., Any]:
    """The callable of a dotted name.

    Raises:
        UserError: there is none, or it is kantor's and defined elsewhere.
    """
    if not isinstance(name, str):
        raise UserError(f"{key}._target_={as_given(name)}: expected the dotted name of a class or a function")
    module_name, _, attribute = name.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise UserError(f"{key}._target_={name}: cannot import {module_name!r} ({error})") from error
    if not hasattr(module, attribute):
        public = [entry for entry in vars(module) if not entry.startswith("_")]
        raise UserError(f"{key}._target_={name}: {module_name} has no {attribute!r}{nearest(attribute, public)}")
    found = getattr(module, attribute)
    if not callable(found):
        raise UserError(f"{key}._target_={name}: expected a class or a function")
    if name.startswith("kantor.") and home_of(found) != name:
        raise UserError(f"{key}._target_={name}: it is {home_of(found)}; name it there")
    return found


def home_of(target: Callable[..., Any]) -> str:
    """The dotted name by which a callable was defined."""
    own = target if hasattr(target, "__qualname__") else type(target)
    return f"{getattr(own, '__module__', '')}.{own.__qualname__}"


def instantiate(node: Any, *, key: str, **injected: object) -> Any:
    """Call the `_target_` of a node with its arguments, inner nodes first.

    Lists and plain mappings pass through, and what is injected goes through a mapping to each target in it; a target of
    null makes None, whatever else its node says.
    """
    if isinstance(node, list):
        return [instantiate(value, key=f"{key}[{index}]") for index, value in enumerate(node)]
    if not isinstance(node, dict):
        return node
    arguments = {name: value for name, value in node.items() if name not in RESERVED}
    if "_target_" in node and node["_target_"] is None:
        return None
    if "_target_" not in node:
        return {name: instantiate(value, key=f"{key}.{name}", **injected) for name, value in arguments.items()}
    target = locate(node["_target_"], key=key)
    partial = bool(node.get("_partial_", False))
    check_arguments(target, arguments, injected, key=key, partial=partial)
    made = {name: instantiate(value, key=f"{key}.{name}") for name, value in arguments.items()}
    check_objects(target, made, injected, key=key)
    if partial:
        return functools.partial(target, **made, **injected)
    try:
        return target(**made, **injected)
    except UserError as error:
        if str(error).startswith(tuple(f"{name}=" for name in injected)):
            raise  # it stands at the top level of the configuration
        named = re.match(r"\w*", str(error))
        joint = "." if named is not None and named[0] in arguments else ": "
        raise UserError(f"{key}{joint}{error}") from error
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        others = [name for name in [node["_target_"], *names(arguments)] if not name.startswith("kantor.")]
        if not others:
            raise  # our own mistake, not the user's
        why = str(error).partition("\n")[0]
        given = "" if others[0] == node["_target_"] else f", {', '.join(dict.fromkeys(others))} among them"
        raise UserError(f"{key}: {node['_target_']} does not take these settings{given}: {why}") from error


def check_arguments(
    target: Callable[..., Any], arguments: dict[str, Any], injected: dict[str, object], *, key: str, partial: bool
) -> None:
    """Check arguments against the target's signature: names, and types of plain values.

    Raises:
        UserError: one is unknown, missing or of another type.
    """
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:  # of some functions that are built into torch
        return
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    hints = type_hints(target)
    for name, value in arguments.items():
        if name in injected:
            raise UserError(
                f"{key}.{name}: {target.__qualname__} gets its {name!r} from the top level of the configuration; take "
                "it out here"
            )
        if name not in parameters and not open_ended:
            known = [one for one in parameters if one not in injected]
            takes = f"; it takes {', '.join(known)}" if known else "; take it out"
            raise UserError(f"{key}.{name}: {target.__qualname__} takes no {name!r}{nearest(name, known)}{takes}")
        if not fits(value, hints.get(name, Any)):
            given = repr(value) if isinstance(value, str) else as_given(value)
            raise UserError(f"{key}.{name}={given}: expected {describe(hints[name])}{within(key, name, value, hints)}")
    named = {p.name for p in parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    required = [name for name in named if parameters[name].default is inspect.Parameter.empty]
    missing = [name for name in required if name not in arguments and name not in injected]
    if missing and not partial:
        raise UserError(f"{key}: {target.__qualname__} needs {missing[0]!r}: give {key}.{missing[0]}=…")


def check_objects(target: Callable[..., Any], made: dict[str, Any], injected: dict[str, object], *, key: str) -> None:
    """Check the objects that a target gets against the classes in its signature.

    Raises:
        UserError: one is of another class, such as the loss of another family of models.
    """
    hints = type_hints(target)
    for name, value in {**made, **injected}.items():
        if is_a(value, hints.get(name, Any)):
            continue
        wanted = f"{target.__qualname__} expects {describe(hints[name])}"
        given = "null" if value is None else type(value).__name__
        if name in injected:
            raise UserError(
                f"{key}: {wanted} for its {name!r}, and was given {given}: take another {name}, or another {key}"
            )
        raise UserError(f"{key}.{name}: {wanted}, and was given {given}: name another {key}.{name}._target_")


def type_hints(target: Callable[..., Any]) -> dict[str, Any]:
    """The annotated types of a callable's parameters; none where they cannot be resolved."""
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError, AttributeError):
        return {}


def fits(value: object, hint: Any) -> bool:
    """Whether a plain value of a configuration can stand for a hint; nodes with a `_target_` are taken on trust."""
    if isinstance(value, dict):
        return "_target_" in value or hint not in (int, float, bool, str)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin in LISTS:
        return isinstance(value, list) and all(fits(one, *typing.get_args(hint)) for one in value)
    if hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    needs_an_object = inspect.isclass(hint) and hint not in (object, list, tuple, Any)  # Any is a class
    return not needs_an_object and origin is not collections.abc.Callable


def is_a(value: object, hint: Any) -> bool:
    """Whether an object is of the class that a hint asks for; numbers, texts and hints that are no class (protocols,
    callables, containers of something) are taken on trust."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(is_a(value, option) for option in typing.get_args(hint))
    if (
        not inspect.isclass(hint)
        or hint is Any
        or typing.Protocol in hint.__bases__
        or isinstance(value, int | float | str)
    ):
        return True
    return isinstance(value, hint)


def within(key: str, name: str, value: object, hints: dict[str, Any]) -> str:
    """How to set one setting of a component, where a component is wanted and a number was given; how to name one thing
    where a list is wanted."""
    if not isinstance(value, list) and fits([value], hints[name]):
        return f"; one alone is {key}.{name}=[{as_given(value)}]"
    if inspect.isclass(hints[name]) and hints[name] not in (int, float, bool, str):
        return f", a component with a _target_; a setting of it is {key}.{name}.SETTING={as_given(value)}"
    return ""


def describe(hint: Any) -> str:
    """A hint in a user's words."""
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(str(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is collections.abc.Callable:
        return "a component with a _target_"
    if typing.get_origin(hint) in LISTS:
        (one,) = typing.get_args(hint)
        return "a list of " + {int: "whole numbers", float: "numbers", str: "texts"}.get(one, "components")
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))

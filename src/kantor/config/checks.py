"""Checks of a whole configuration: ranges and contradictions that no single component can see."""

import math
import re
from collections.abc import Mapping
from typing import Any

from kantor.data.share import check_shares
from kantor.errors import UserError, as_given, require_positive
from kantor.visible import visible

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu", "mps")
MATMUL_PRECISIONS = ("highest", "high", "medium")

CODE = ("refuse", "accept", "rerun")
"""What can become of a finished run that other code has made."""

NAME = re.compile(r"\w[\w .,+=@-]{0,127}")
NAME_IS = "a name that begins with a letter or digit, of at most 128 letters, digits, spaces and . , + = @ - _"
"""Of what becomes part of a path: it leads nowhere else."""
MOST = 1 << 63
"""Above any count and any seed."""


def keys(tree: object, prefix: str = "") -> list[str]:
    """All dotted keys of nested containers, inner nodes included."""
    if not isinstance(tree, dict):
        return []
    found = []
    for name, value in tree.items():
        found += [f"{prefix}{name}", *keys(value, f"{prefix}{name}.")]
    return found


def at(tree: Any, key: str) -> object:
    """The value at a dotted key."""
    for part in key.split("."):
        tree = tree[part]
    return tree


def dotted(path: tuple[str, ...]) -> str:
    """A path of keys as one, fit to be printed."""
    return visible(".".join(path))


def check_plain(tree: object, path: tuple[str, ...] = ()) -> None:
    """Check that nested containers hold plain values and are resolved: what is checked is what is made of them.

    Raises:
        UserError: a key is no text or has dots, a value is none of YAML's plain ones, or a text would be replaced by
            another.
    """
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if not isinstance(name, str) or "." in name:
                raise UserError(f"{dotted(path)}: its key {name!r}: expected a text without dots")
            check_plain(value, (*path, name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            check_plain(value, (*path, str(index)))
    elif isinstance(tree, str):
        if "${" in tree:
            raise UserError(f"{dotted(path)}={tree!r}: expected a value without ${{, since a configuration is resolved")
    elif not isinstance(tree, int | float | None):
        raise UserError(f"{dotted(path)}={tree!r}: expected a text, number, true, false, null, list or mapping")


def check_values(plain: dict[str, Any]) -> None:
    """Check what no single component can see.

    Raises:
        UserError: the budget is not exactly one, or a value is out of its range.
    """
    for key in keys(plain):
        value = at(plain, key)
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            raise UserError(f"{key}={as_given(value)}: expected finite numbers")
    check_names(plain)
    check_code(plain["code"])
    check_budget(plain["budget"])
    trainer = plain["trainer"]
    for name in ("threads", "devices"):
        if not isinstance(trainer[name], int) or isinstance(trainer[name], bool):
            raise UserError(f"trainer.{name}={as_given(trainer[name])}: expected a whole number or auto")
    counts = ("nodes", "devices", "threads", "log_every", "checkpoint_every")
    require_positive(**{f"trainer.{name}": trainer[name] for name in counts})
    for name, known in (
        ("precision", PRECISIONS),
        ("accelerator", ACCELERATORS),
        ("matmul_precision", MATMUL_PRECISIONS),
    ):
        if trainer[name] not in known:
            raise UserError(f"trainer.{name}={trainer[name]}: expected one of {', '.join(known)}")
    batch_size = plain["data"].get("batch_size")
    if isinstance(batch_size, int) and batch_size > 0:
        check_shares(batch_size, trainer["nodes"] * trainer["devices"])


def check_names(plain: dict[str, Any]) -> None:
    """Check what becomes part of a path.

    Raises:
        UserError: it could lead somewhere else.
    """
    check_name("experiment", plain["experiment"])
    check_name("evaluation.name", plain["evaluation"].get("name", "none"))
    if abs(plain["seed"]) >= MOST:
        raise UserError(f"seed={plain['seed']}: expected a whole number of at most 18 digits")


def check_name(key: str, value: object) -> None:
    """Check what becomes the name of a file or of a directory.

    Raises:
        UserError: it could lead somewhere else.
    """
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise UserError(f"{key}={value}: expected {NAME_IS}")


def check_code(given: object) -> None:
    """Check what is said of finished runs that other code has made.

    Raises:
        UserError: it is none of `CODE`.
    """
    if given not in CODE:
        raise UserError(f"code={as_given(given)}: expected one of {', '.join(CODE)}")


def check_budget(budget: dict[str, Any]) -> None:
    """Check that exactly one kind of budget is given, above zero.

    Raises:
        UserError: none or several are given, or it is not positive.
    """
    given = {f"budget.{name}": value for name, value in budget.items() if value is not None}
    if len(given) != 1:
        listing = ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
        remedy = "leave all but one out" if given else "give one, as in budget.steps=1000"
        raise UserError(f"budget: given {listing}, expected exactly one of steps, images, minutes: {remedy}")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float) if name == "budget.minutes" else int):
            raise UserError(f"{name}={value}: expected a {'' if name == 'budget.minutes' else 'whole '}number above 0")
    require_positive(**given)

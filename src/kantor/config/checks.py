"""Checks of a whole configuration: ranges and contradictions that no single component can see."""

import math
from typing import Any

from kantor.data.share import check_shares
from kantor.errors import UserError, as_given, require_positive

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu", "mps")
MATMUL_PRECISIONS = ("highest", "high", "medium")


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
    check_budget(plain["budget"])
    trainer = plain["trainer"]
    if not isinstance(trainer["threads"], int) or isinstance(trainer["threads"], bool):
        raise UserError(f"trainer.threads={trainer['threads']}: expected a whole number or auto")
    require_positive(
        **{f"trainer.{name}": trainer[name] for name in ("devices", "threads", "log_every", "checkpoint_every")}
    )
    for name, known in (
        ("precision", PRECISIONS),
        ("accelerator", ACCELERATORS),
        ("matmul_precision", MATMUL_PRECISIONS),
    ):
        if trainer[name] not in known:
            raise UserError(f"trainer.{name}={trainer[name]}: expected one of {', '.join(known)}")
    batch_size = plain["data"].get("batch_size")
    if isinstance(batch_size, int) and batch_size > 0:
        check_shares(batch_size, trainer["devices"])


def check_budget(budget: dict[str, Any]) -> None:
    """Check that exactly one kind of budget is given, above zero.

    Raises:
        UserError: none or several are given, or it is not positive.
    """
    given = {f"budget.{name}": value for name, value in budget.items() if value is not None}
    if len(given) != 1:
        listing = ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
        raise UserError(
            f"budget: given {listing}, expected exactly one of steps, images, minutes: "
            "give one, as in budget.steps=1000"
        )
    require_positive(**given)

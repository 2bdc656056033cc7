"""What a check found, in a sentence: what it is, what is expected, what to do."""

import json
from typing import Any, NoReturn

import torch
from torch import Tensor

NEAR = 1e-5
"""Relative difference of float32 sums in another order."""


def fail(found: str, remedy: str) -> NoReturn:
    """Raise what a check found and what to do about it."""
    raise AssertionError(f"{found}: {remedy}")


def same(name: str, what: str, found: Any, expected: Any, remedy: str) -> None:
    """Check that two scalars are equal but for rounding."""
    if abs(float(found) - float(expected)) > NEAR * max(1.0, abs(float(expected))):
        fail(f"{name}: {what} is {float(found):.6g}, expected {float(expected):.6g}", remedy)


def near(found: Tensor, expected: Tensor, what: str, remedy: str) -> None:
    """Check that two tensors are equal but for rounding."""
    if not torch.allclose(found, expected, rtol=NEAR, atol=1e-6):
        fail(what, remedy)


def plain_json(value: Any, what: str) -> str:
    """A description as JSON; one that is none cannot be kept, nor hashed."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what}: {error}: expected plain containers, numbers and texts") from error

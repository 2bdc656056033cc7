"""Shapes: what a value out of a file has to be, before anybody uses it.

A shape is a function of a value and of its place in the file, such as `attempts[0].outcome`. It returns nothing, or
raises `Unlike`.
"""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from kantor.config.checks import MOST, NAME, NAME_IS

Shape = Callable[[Any, str], None]
LONGEST = 1 << 12
"""Letters of a text that is shown."""
LONG = 1 << 16
"""Of one that may be longer, such as a word of a command."""
MANY = 10_000
"""Entries of one list or mapping."""
LARGEST = 1e150
"""Above any number that is computed with: its square is finite."""


class Unlike(Exception):
    """A value is of another shape; the message says where and what was expected."""

    def __init__(self, place: str, expected: str) -> None:
        super().__init__(f"{place}: expected {expected}" if place else f"expected {expected}")


def anything(value: object, place: str) -> None:
    """Whatever the format can hold."""


def text(value: object, place: str) -> None:
    """A text of bounded length."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise Unlike(place, f"a text of at most {LONGEST:,} letters")


def long_text(value: object, place: str) -> None:
    """The same of one that may be longer."""
    if not isinstance(value, str) or len(value) > LONG:
        raise Unlike(place, f"a text of at most {LONG:,} letters")


def name(value: object, place: str) -> None:
    """What can be the name of a file or of a directory."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Unlike(place, NAME_IS)


def inside(value: object, place: str) -> None:
    """The path of a file below the run directory."""
    text(value, place)
    path = PurePath(str(value))
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise Unlike(place, "a path that leads to nothing outside of the run")


def digest(value: object, place: str) -> None:
    """A SHA-256 as hex digits."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise Unlike(place, "a SHA-256, 64 hex digits")


def truth(value: object, place: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise Unlike(place, "true or false")


def whole(value: object, place: str) -> None:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= MOST:
        raise Unlike(place, "a whole number")


def count(value: object, place: str) -> None:
    """A whole number, not below 0."""
    whole(value, place)
    if value < 0:  # type: ignore[operator]
        raise Unlike(place, "a number that is not below 0")


def number(value: object, place: str) -> None:
    """A finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unlike(place, "a number")


def amount(value: object, place: str) -> None:
    """A finite number, not below 0."""
    number(value, place)
    if value < 0:  # type: ignore[operator]
        raise Unlike(place, "a number that is not below 0")


def either(*known: object) -> Shape:
    """One of some values."""

    def shape(value: object, place: str) -> None:
        if not any(value is one or (isinstance(value, str | int) and value == one) for one in known):
            raise Unlike(place, f"one of {', '.join(map(str, known))}")

    return shape


def maybe(other: Shape) -> Shape:
    """Null, or of another shape."""

    def shape(value: object, place: str) -> None:
        if value is not None:
            other(value, place)

    return shape


def one_of(*others: Shape) -> Shape:
    """Of at least one of some shapes; what the last says of it, where of none."""

    def shape(value: object, place: str) -> None:
        for other in others[:-1]:
            try:
                return other(value, place)
            except Unlike:
                continue
        return others[-1](value, place)

    return shape


def listed(other: Shape, *, length: int | None = None, most: int = MANY) -> Shape:
    """A list of a shape, of a certain length or of at most so many."""

    def shape(value: object, place: str) -> None:
        if not isinstance(value, list) or length not in (None, len(value)) or len(value) > most:
            raise Unlike(place, f"a list of at most {most:,}" if length is None else f"a list of {length}")
        for index, entry in enumerate(value):
            other(entry, f"{place}[{index}]")

    return shape


def row(*others: Shape) -> Shape:
    """A list with one value of each shape."""

    def shape(value: object, place: str) -> None:
        listed(anything, length=len(others))(value, place)
        assert isinstance(value, list)
        for index, (entry, other) in enumerate(zip(value, others, strict=True)):
            other(entry, f"{place}[{index}]")

    return shape


def mapped(other: Shape, *, most: int = MANY, key: Shape = text) -> Shape:
    """A mapping from texts, or from a narrower shape, to a shape, of at most so many."""

    def shape(value: object, place: str) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise Unlike(place, f"a mapping of at most {most:,}")
        for name_of, entry in value.items():
            key(name_of, place)
            other(entry, f"{place}.{name_of}" if place else name_of)

    return shape


def record(needed: Mapping[str, Shape], besides: Mapping[str, Shape] | None = None, *, closed: bool = False) -> Shape:
    """A mapping with certain keys.

    Args:
        needed: what has to be there.
        besides: what may be there.
        closed: whether nothing else may.
    """
    known = {**needed, **(besides or {})}

    def shape(value: object, place: str) -> None:
        mapped(anything)(value, place)
        assert isinstance(value, dict)
        missing = [key for key in needed if key not in value]
        unknown = [key for key in value if closed and key not in known]
        if missing or unknown:
            what = f"{missing[0]}, which is missing" if missing else f"no {unknown[0]}"
            raise Unlike(place, what)
        for key, other in known.items():
            if key in value:
                other(value[key], f"{place}.{key}" if place else key)

    return shape

"""Nodes of a configuration that kantor reads itself: closed, since nobody would heed another key of theirs."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from kantor.config.schema import Budget, Schema, Trainer
from kantor.errors import UserError, as_given, nearest

CLOSED = {"budget": Budget, "trainer": Trainer}


def check_closed(plain: Mapping[str, Any]) -> None:
    """Check that what no component takes has no keys but its own, however they came in: nobody would heed others.

    Raises:
        UserError: it has, or one is missing.
    """
    names = {"": [field.name for field in fields(Schema)], "pictures.": ["every", "callbacks"]}
    names |= {f"{node}.": [field.name for field in fields(kind)] for node, kind in CLOSED.items()}
    for place, known in names.items():
        node = plain[place.rstrip(".")] if place else plain
        for name in node:
            if name not in known:
                raise UserError(
                    f"{place}{name}={as_given(node[name])}: there is no such key{nearest(name, known)}; expected one "
                    f"of {', '.join(f'{place}{one}' for one in known)}"
                )
        for name in known if place else ():
            if name not in node:
                raise UserError(f"{place}{name} is missing: give {place}{name}=…")

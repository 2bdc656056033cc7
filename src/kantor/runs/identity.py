"""What a run is: the hash of everything in its configuration that determines the weights, and of the code behind it."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kantor.config import targets
from kantor.digests import sha256
from kantor.runs import source
from kantor.version import PACKAGE

HASHED = ("data", "model", "objective", "optimisation", "ema", "schedule", "stop", "budget")
HASHED_TRAINER = ("precision", "matmul_precision", "compile")
UNHASHED_DATA = ("root", "archive", "resident", "verify", "broken")
"""Where the data lie, and how they are checked and read; what they are is in their identity."""
SHARED = (
    "keyed.py",
    "data/stream.py",
    "data/pixels.py",
    "models/base.py",
    "models/ema.py",
    "models/networks.py",
    "models/part.py",
    "models/optimisation.py",
    "objectives/penalties.py",
)
"""Files below kantor that every component's numbers depend on, though no `_target_` names them."""
NEUTRAL: dict[str, object] = {
    "optimisation.generator_noise": "fresh",
    "optimisation.accumulate": 1,
    "objective.spare_normalisation": False,
}
"""Dotted keys that were added later, with the value under which nothing changes: equal to it, they are left out."""


def config_hash(plain: Mapping[str, Any]) -> str:
    """The SHA-256 of what determines the weights, 64 hex digits; the seed and the experiment's name are in the path.

    Nulls, empty mappings and `NEUTRAL` values are left out: a new key with a neutral default changes no old hash.
    """
    return sha256(determining(plain))


def determining(plain: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration determines the weights; of an incomplete one what is there."""
    weights = {name: plain[name] for name in HASHED if name in plain}
    for name, kept in (
        ("data", lambda key: key not in UNHASHED_DATA),
        ("trainer", lambda key: key in HASHED_TRAINER),
    ):
        weights[name] = {key: value for key, value in (plain.get(name) or {}).items() if kept(key)}
    return _without_neutral(weights)


def _without_neutral(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    kept = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            value = _without_neutral(value, f"{prefix}{name}.")
        value = [_whole(entry) for entry in value] if isinstance(value, list) else _whole(value)
        neutral = value is None or value == {} or NEUTRAL.get(f"{prefix}{name}", ...) == value
        if not neutral:
            kept[name] = value
    return kept


def _whole(value: object) -> object:
    """10 and 10.0 are the same setting."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def code_hashes(plain: Mapping[str, Any]) -> dict[str, str]:
    """For every `_target_` that determines the weights, the SHA-256 of its source.

    That is the file of its module and those of its bases within the same package; for kantor's own everything below
    `SHARED`, which they are made of, and for the user's all of the package that these modules import, compiled or not.
    """
    hashes, file_hash = {}, cache(_file_hash)  # of this call alone: files are edited while a notebook lives
    for name in sorted(set(targets.names({part: plain[part] for part in HASHED}))):
        files = sorted({*source.modules_of(name).values(), *_shared(name)}, key=str)
        hashes[name] = hashlib.sha256("".join(map(file_hash, files)).encode("ascii")).hexdigest()
    return hashes


def code_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The `_target_`s whose source is not the same in both."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _shared(name: str) -> list[Path]:
    return [path for part in SHARED for path in PACKAGE.glob(part)] if name.startswith("kantor.") else []


def _file_hash(file: Path) -> str:
    return hashlib.sha256(source.content(file)).hexdigest()

"""What a run is: the hash of everything in its configuration that determines the weights, and of the code behind it."""

import hashlib
import importlib.util
import inspect
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kantor.config import targets
from kantor.digests import sha256
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

    That is the file of its module, those of its bases within the same package, and for kantor's own everything below
    `SHARED`, which they are made of.
    """
    hashes = {}
    for name in sorted(set(targets.names({part: plain[part] for part in HASHED}))):
        target = targets.locate(name, key="")
        package = name.split(".")[0]
        files = sorted({str(path) for path in [*_files(target, package=package), *_shared(package)]})
        digest = hashlib.sha256("".join(_file_hash(path) for path in files).encode("ascii")).hexdigest()
        hashes[name] = digest
    return hashes


def _shared(package: str) -> list[Path]:
    home = PACKAGE
    return [path for part in SHARED for path in sorted(home.glob(part))] if package == "kantor" else []


def _files(target: Any, *, package: str) -> list[Path]:
    bases = inspect.getmro(target) if inspect.isclass(target) else (target,)
    modules = [base.__module__ for base in bases if base.__module__.split(".")[0] == package]
    specs = [importlib.util.find_spec(module) for module in modules]
    return [Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None]


@lru_cache(maxsize=256)
def _file_hash(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()

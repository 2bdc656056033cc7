"""The canonical form of plain values, and its SHA-256."""

import hashlib
import json


def canonical(value: object) -> str:
    """Sorted compact JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(value: object) -> str:
    """The SHA-256 of a plain value's canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()

"""Signatures: whether a text was written by this user's kantor, or by whoever sent it.

The key lies in the cache. Where there is another cache, or none, nothing was written here.
"""

import contextlib
import hmac
import secrets

from kantor import locks
from kantor.atomic import write_bytes
from kantor.errors import UserError
from kantor.places import cache_root
from kantor.plain_files import Unreadable, is_plain, read

KEY = "signatures.key"
BYTES = 32


def signature(text: str) -> str:
    """What only this user can write under a text, 64 hex digits; empty where there is no place for a key."""
    key = _key(make=True)
    return "" if key is None else hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def is_signed(text: str, given: str) -> bool:
    """Whether a signature is this user's own."""
    key = _key(make=False)
    right = None if key is None else hmac.digest(key, text.encode("utf-8"), "sha256").hex()
    return right is not None and hmac.compare_digest(right.encode(), given.encode())


def _key(*, make: bool) -> bytes | None:
    with contextlib.suppress(OSError, UserError, Unreadable):
        path = cache_root() / KEY
        if make and not is_plain(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with locks.locked(path.with_name(f"{KEY}.lock"), wait=True):
                if not is_plain(path):
                    write_bytes(path, secrets.token_bytes(BYTES))
                    path.chmod(0o600)
        key = read(path, most=BYTES)
        return key if len(key) == BYTES else None
    return None

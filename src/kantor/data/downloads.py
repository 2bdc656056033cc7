"""Files fetched once from where their makers publish them; without a network, a sentence instead of a wait."""

import hashlib
import http.client
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from kantor.data import cache
from kantor.errors import UserError
from kantor.messages import say

TIMEOUT = 10.0  # seconds without an answer
TRIES = 3
"""How often in a row a connection may break without having brought a byte."""


def fetch(what: str, root: Path, download: Callable[[], object], *, otherwise: str) -> None:
    """Run a download, one process at a time.

    Args:
        what: is missing; for the sentences.
        root: where it goes.
        download: puts it there, or does nothing when it is there by now.
        otherwise: what to do when it fails.

    Raises:
        UserError: it failed; the message ends in `otherwise`.
    """
    with cache.locked(cache.cache_root() / "downloads"):
        say(f"{what} is not in {root}: downloading it")
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(TIMEOUT)
        try:
            download()
        except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise UserError(f"{what} is not in {root} and cannot be downloaded ({reason}): {otherwise}") from error
        finally:
            socket.setdefaulttimeout(before)


def settle(made: Path, place: Path) -> None:
    """Move the files of a directory that was downloaded to where they belong, over nothing that is there.

    Raises:
        FileExistsError: one of them is there by now.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        made.rename(place)  # all at once
        return
    files = sorted(made.iterdir())
    for file in files:
        if os.path.lexists(place / file.name):
            raise FileExistsError(f"{place / file.name} is there already")
    for file in files:
        file.rename(place / file.name)


def resumed(url: str, path: Path, *, sha256: str) -> None:
    """Download one file, whole and checked or not at all; what an interrupted download left in PATH.partial is gone on
    with.

    Args:
        url: of http or https.
        path: where it goes; nothing lies there.
        sha256: of its bytes, 64 hex digits or the first of them.

    Raises:
        OSError, http.client.HTTPException: the connection broke too often.
        ValueError: another file came; nothing of it is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    tries = 0
    while True:
        before = partial.stat().st_size if partial.is_file() else 0
        try:
            _continue(url, partial, before)
            break
        except (OSError, http.client.HTTPException):
            came = partial.is_file() and partial.stat().st_size > before
            tries = 0 if came else tries + 1
            if tries == TRIES:
                raise
    with partial.open("rb") as handle:
        found = hashlib.file_digest(handle, "sha256").hexdigest()
    if not found.startswith(sha256):
        partial.unlink()
        raise ValueError(f"{url} sent a file with SHA-256 {found}, expected {sha256}")
    os.replace(partial, path)


def _continue(url: str, partial: Path, done: int) -> None:
    """Fetch what follows the first `done` bytes; all of it from a server that cannot begin in the middle."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing follows: it is all there, or wrong
            return
        raise
    with response, partial.open("ab" if response.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as file:
        expected = response.headers.get("Content-Length")
        received = 0
        while block := response.read(1 << 20):
            received += file.write(block)
    if expected is not None and received != int(expected):
        raise http.client.IncompleteRead(b"", int(expected) - received)

"""Files fetched once from where their makers publish them; without a network, a sentence instead of a wait."""

import http.client
import socket
from collections.abc import Callable
from pathlib import Path

from kantor.data import cache
from kantor.errors import UserError
from kantor.say import say

TIMEOUT = 10.0  # seconds without an answer


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

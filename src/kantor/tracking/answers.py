"""Whether anybody answers at a tracker's address: asked before its client is, which would try again for minutes."""

import queue
import socket
import ssl
import threading
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from kantor.errors import UserError
from kantor.tracking.addresses import without_secrets

PATIENCE = 5.0
"""Seconds in which a server says something."""

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Where none is named, of what can be asked: HTTP servers, and databases."""


class Away(UserError):
    """Nobody answers at a tracker's address."""


def check_answers(address: str) -> None:
    """Check that somebody answers, whatever it is; of an address that the tracker's client alone understands, and of a
    file, nothing is asked.

    Args:
        address: as the user gives it, perhaps with a password, which nobody is told.

    Raises:
        Away: nobody does within some seconds.
    """
    parts = urlsplit(address)
    kind = parts.scheme.partition("+")[0]
    try:
        host, port = parts.hostname, parts.port or PORTS.get(kind)
    except ValueError:
        return
    if host is None or port is None or kind not in PORTS:
        return
    heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(  # names are looked up without any limit of time
        target=lambda: heard.put(_silence(kind, f"[{host}]" if ":" in host else host, port)), daemon=True
    ).start()
    try:
        silence = heard.get(timeout=PATIENCE)
    except queue.Empty:
        silence = f"not a word in {PATIENCE:g} s"
    if silence is not None:
        raise Away(f"nobody answers at {without_secrets(address)} ({silence})")


def _silence(kind: str, host: str, port: int) -> str | None:
    """Why there is no answer; None where there is one, a refusal perhaps."""
    try:
        if kind in ("http", "https"):
            build_opener(_Stays).open(f"{kind}://{host}:{port}/", timeout=PATIENCE).close()
        else:
            socket.create_connection((host.strip("[]"), port), timeout=PATIENCE).close()
    except (HTTPError, HTTPException, ssl.SSLError):
        return None
    except ValueError as error:  # a name that cannot be one
        return str(error)
    except OSError as error:
        reason = getattr(error, "reason", error)
        return None if isinstance(reason, ssl.SSLError) else str(getattr(reason, "strerror", None) or reason)
    return None


class _Stays(HTTPRedirectHandler):
    """Who sends elsewhere, to a page where people log in perhaps, has answered."""

    def redirect_request(self, *args: object) -> None:
        """Nowhere: an HTTPError is raised instead."""

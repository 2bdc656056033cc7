"""What an error of the operating system means, and what helps: each cause in one sentence."""

import contextlib
import errno
from collections.abc import Iterable, Iterator
from pathlib import Path

from kantor.errors import UserError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""There is no room: on the disk, under a quota or below a limit on files."""

DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""It is not allowed, or the file system is read-only."""

FAILED = frozenset({errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ETIMEDOUT})
"""A disk, or the way to one, does not work."""

FILES = frozenset({errno.EMFILE, errno.ENFILE})
"""Too many files are open."""

REMEDIES = {
    FULL: "nothing already written is damaged; make room{elsewhere}, and give the command again",
    DENIED: "have it permitted{elsewhere}",
    FAILED: "nothing already written is damaged; when the disk or the network works again, give the command again",
    FILES: "allow more open files, `ulimit -n 4096`, and give the command again",
}

PLACES = {"outputs": "outputs=DIR", "out": "out=PATH"}
"""By key, the words that name another place."""

_taken: list[list[str]] = []

MEMORY = ("allocate memory", "out of memory", "not enough memory", "overflow")
"""What torch says where there is not enough of it, or no number for so much."""


def is_beyond_memory(error: BaseException) -> bool:
    """Whether an error says that something is larger than memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in MEMORY)
    )


def beyond_memory(error: BaseException) -> str:
    """The sentence on such an error."""
    said = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"this takes more memory than there is ({said}): smaller networks, batches or numbers of samples take less"


def is_of_machine(error: BaseException) -> bool:
    """Whether an error is the machine's, also one that was said to the user, and says nothing of what was done on
    it."""
    cause = _system(error)
    return cause is not None and cause.errno in FULL | DENIED | FAILED | FILES


def is_denied(error: BaseException) -> bool:
    """Whether an error, also one that was said to the user, says that it is not allowed."""
    cause = _system(error)
    return cause is not None and cause.errno in DENIED


def _system(error: BaseException) -> OSError | None:
    cause = error.__cause__ if isinstance(error, UserError) else error
    return cause if isinstance(cause, OSError) else None


@contextlib.contextmanager
def taking(keys: Iterable[str]) -> Iterator[None]:
    """Remedies name no other words of `PLACES` than those of the command that runs."""
    _taken.append([PLACES[key] for key in keys if key in PLACES])
    try:
        yield
    finally:
        _taken.pop()


def elsewhere() -> str:
    """ ", or name another place, outputs=DIR", as far as that can be told; else nothing."""
    words = _taken[-1] if _taken else list(PLACES.values())
    return f", or name another place, {' or '.join(words)}" if words else ""


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room."""
    return isinstance(error, OSError) and error.errno in FULL


def explained(error: OSError, path: Path | None = None) -> str:
    """The sentence: the file, what is wrong with it, and what helps.

    Args:
        error: of the system.
        path: of the file; None for the one that the error names.
    """
    name = error.filename if path is None else path
    what = f"{name}: {error.strerror}" if name is not None else str(error.strerror or error)
    return f"{what}: {_remedy(error) or 'KANTOR_TRACEBACK=1 shows where'}"


def is_known(error: OSError) -> bool:
    """Whether an error tells of the system, and says nothing of what is in a file."""
    return _remedy(error) is not None


def _remedy(error: OSError) -> str | None:
    found = next((words for numbers, words in REMEDIES.items() if error.errno in numbers), None)
    return None if found is None else found.format(elsewhere=elsewhere())


def told(error: BaseException) -> str:
    """Any error in one sentence."""
    if isinstance(error, OSError) and error.errno is not None:
        return explained(error)
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextlib.contextmanager
def placing(given: str, remedy: str) -> Iterator[None]:
    """Write to a place that the user named.

    Args:
        given: as it was named: `out=PATH`.
        remedy: what helps, in words that end a sentence.

    Raises:
        UserError: it cannot be written there; a full disk stays what it is, no fault of the place.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno in FULL | FAILED:
            raise
        raise UserError(f"{given}: cannot write there ({error.strerror}); {remedy}") from error

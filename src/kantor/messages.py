"""Words for the user: sentences on stderr, results on stdout. Names of anybody's are made visible in both."""

import functools
import sys

from kantor.processes import given_rank
from kantor.visible import visible_lines


def say(sentence: str) -> None:
    """Print one sentence, once however many processes share the work: rank 0 speaks for all."""
    if given_rank() == 0:
        complain(sentence)


@functools.cache
def say_once(sentence: str) -> None:
    """The same, but once in the life of the process."""
    say(sentence)


def complain(sentence: str) -> None:
    """Print what went wrong in this process, whichever it is."""
    print(f"kantor: {visible_lines(sentence)}", file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Print lines of a result."""
    print(visible_lines(text))

"""Sentences for the user, on stderr: stdout is for results."""

import sys

from kantor.processes import given_rank


def say(sentence: str) -> None:
    """Print one sentence, once however many processes share the work: rank 0 speaks for all."""
    if given_rank() == 0:
        complain(sentence)


def complain(sentence: str) -> None:
    """Print what went wrong in this process, whichever it is."""
    print(f"kantor: {sentence}", file=sys.stderr, flush=True)

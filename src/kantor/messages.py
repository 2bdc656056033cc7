"""Sentences for the user, on stderr: stdout is for results."""

import sys


def say(sentence: str) -> None:
    """Print one sentence."""
    print(f"kantor: {sentence}", file=sys.stderr, flush=True)

"""`python -m kantor` is `kantor`."""

import os
import signal
import sys


def start() -> int:
    """The command line of this process, from its first import to its exit code: Ctrl-C finds it listening all along,
    and when all is done, deaf."""
    try:
        from kantor.cli.main import main

        code = main()
    except KeyboardInterrupt:  # before the command line could be read
        print("kantor: stopped", file=sys.stderr, flush=True)
        os._exit(128 + signal.SIGINT)  # a package that was half imported may make Python end by the signal itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sys.stdout.flush()
    except OSError:  # of which the command line has spoken
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


if __name__ == "__main__":
    sys.exit(start())

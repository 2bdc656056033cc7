"""The command line: `kantor COMMAND key=value …`. It knows no torch until the words are understood."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial

from kantor import interrupts, queues, ranks, user_code
from kantor.causes import beyond_memory, explained, is_beyond_memory, is_denied, is_full, taking
from kantor.cli.command import general_help
from kantor.cli.table import COMMANDS
from kantor.errors import Interrupted, LeaseLost, UserError, nearest
from kantor.locks import check_platform
from kantor.messages import complain, say
from kantor.processes import given_rank, ranks_exist
from kantor.runs import provenance
from kantor.version import __version__
from kantor.visible import visible

SHARED = ("train", "evaluate", "work", "verify")
"""Commands that ranks do together; of any other rank 0 is enough."""


def main(words: list[str] | None = None) -> int:
    """Run one command.

    Args:
        words: the command line without the program's name; None takes sys.argv.

    Returns:
        The exit code: 0 done, 2 wrong input, 128 + n stopped by signal n, 1 anything else.
    """
    words = sys.argv[1:] if words is None else words
    provenance.given = ["kantor", *words]
    ranks.adopt()
    known = COMMANDS.get(words[0]) if words else None
    with taking([key.name for key in known.keys] if known else []):
        return _answered(words)


def _answered(words: list[str]) -> int:
    if not ranks_exist():
        return _coded(partial(_answer, words))
    if not words or words[0] not in SHARED:
        return _coded(partial(_answer, words)) if given_rank() == 0 else 0
    from kantor.led import together

    return _coded(partial(together, partial(_coded, partial(_answer, words))))


def _answer(words: list[str]) -> int:
    check_words(words)
    code = _dispatch(words)
    sys.stdout.flush()
    return code


def _coded(act: Callable[[], int]) -> int:
    """What an act returns, or the exit code of its error, which is said in one line."""
    try:
        with interrupts.listening():
            return act()
    except UserError as error:
        return _complain(visible(str(error)), 2)
    except Interrupted as stop:
        job = queues.goes_back(stop.signal_number) if given_rank() == 0 else None
        on = "the same command goes on from here" if job is None else f"job {job} goes back to the queue"
        say(f"saved; {on}" if stop.saved else f"stopped; {on}" if job or _goes_on() else "stopped")
        if job is not None:
            queues.send_back(job)
        return 128 + stop.signal_number
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here" if _goes_on() else "stopped")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if is_full(error):
            return _complain(explained(error), 1)
        return _complain_of(error, explained(error), 2 if is_denied(error) else 1)
    except LeaseLost as error:
        return _complain(str(error), 1)
    except Exception as error:  # everything else is one line too, unless the traceback is asked for
        if is_beyond_memory(error):
            return _complain(beyond_memory(error), 2)
        what = str(error) or type(error).__name__
        return _complain_of(error, f"{what} ({type(error).__name__}; KANTOR_TRACEBACK=1 shows where)", 1)


def _goes_on() -> bool:
    """Whether the command, given again, goes on with what there is of its runs."""
    return provenance.given[1:2] in (["train"], ["work"])


def _complain_of(error: Exception, sentence: str, code: int) -> int:
    """What came from the user's own code is wrong input, with its line; anything else is said by the sentence."""
    from kantor.worker_ends import WorkerError

    told = user_code.told(error)
    if isinstance(error, WorkerError) and error.of_user:
        told = sentence
    return _complain(sentence, code) if told is None else _complain(told, 2)


def _complain(sentence: str, code: int) -> int:
    if os.environ.get("KANTOR_TRACEBACK") == "1":
        traceback.print_exc()
    complain(sentence)
    return code


def check_words(words: list[str]) -> None:
    """Check that words are texts, which names of files need not be.

    Raises:
        UserError: one is not in UTF-8.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{word!a}: expected a word in UTF-8; rename what it names") from error


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(general_help(COMMANDS))
        return 0
    if words[0] == "--version":
        print(f"kantor {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise UserError(f"{name!r} is no command{nearest(name, COMMANDS)}: expected one of {', '.join(COMMANDS)}")
    command = COMMANDS[name]
    if any(word in ("-h", "--help") for word in rest):
        print(command.help())
        return 0
    check_platform()
    return command.run(command, rest)

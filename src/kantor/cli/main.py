"""The command line: `kantor COMMAND key=value …`. It knows no torch until the words are understood."""

import difflib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kantor import __version__
from kantor.cli import help_texts
from kantor.errors import Interrupted, UserError, nearest
from kantor.messages import say
from kantor.runs.directory import RunDirectory, latest, named

Arguments = list[tuple[str, str]]
"""`key=value` words, split at the first "="."""


def main(words: list[str] | None = None) -> int:
    """Run one command.

    Args:
        words: the command line without the program's name; None takes sys.argv.

    Returns:
        The exit code: 0 done, 2 wrong input, 128 + n stopped by signal n, 1 anything else.
    """
    words = sys.argv[1:] if words is None else words
    try:
        return _dispatch(words)
    except UserError as error:
        return _complain(str(error), 2)
    except Interrupted as stop:
        say("saved; the same command goes on from here")
        return 128 + stop.signal_number
    except KeyboardInterrupt:
        return _complain("stopped", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return _complain(f"{error} (KANTOR_TRACEBACK=1 shows where)", 1)
        full = f"{error.strerror} while writing: nothing already written is damaged; make room, or name another place"
        return _complain(f"{full} with outputs=DIR, and give the command again", 1)
    except Exception as error:  # everything else is one line too, unless the traceback is asked for
        what = str(error) or type(error).__name__
        return _complain(f"{what} ({type(error).__name__}; KANTOR_TRACEBACK=1 shows where)", 1)


def _complain(sentence: str, code: int) -> int:
    if os.environ.get("KANTOR_TRACEBACK") == "1":
        traceback.print_exc()
    say(sentence)
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_texts.GENERAL)
        return 0
    if words[0] == "--version":
        print(f"kantor {__version__}")
        return 0
    command, rest = words[0], words[1:]
    if command not in COMMANDS:
        raise UserError(f"{command!r} is no command{nearest(command, COMMANDS)}: expected one of {', '.join(COMMANDS)}")
    if any(word in ("-h", "--help") for word in rest):
        print(help_texts.COMMANDS[command])
        return 0
    return COMMANDS[command](rest)


def split(words: list[str], *, known: tuple[str, ...], prefixes: tuple[str, ...] = ()) -> Arguments:
    """`key=value` words, split at the first "=", so that paths need no quoting.

    Args:
        words: the command line.
        known: keys that may be given.
        prefixes: "data." admits every key that begins so.

    Raises:
        UserError: a word has no "=", or a key is unknown.
    """
    pairs = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word!r}: expected key=value, with one of the keys {', '.join(known)}")
        if key not in known and not key.startswith(prefixes or ("\0",)):
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f" (nearest: {close[0]})" if close else ""
            raise UserError(f"{word}: there is no key {key!r} here{hint}: expected one of {', '.join(known)}")
        pairs.append((key, value))
    return pairs


def typed(value: str) -> Any:
    """A value of the command line as YAML reads it, numbers such as 1e-4 included."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={value}"]))["value"]  # type: ignore[index,call-overload]


def whole(key: str, value: str) -> int:
    """A whole number.

    Raises:
        UserError: it is none.
    """
    try:
        return int(value)
    except ValueError as error:
        raise UserError(f"{key}={value}: expected a whole number") from error


def take_options(words: list[str]) -> tuple[list[str], list[str], set[str]]:
    """Take `--config-dir DIR` and flags out of the words of `train` and `list`.

    Raises:
        UserError: an option is unknown or incomplete.
    """
    rest, config_dirs, flags = [], [], set()
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word in ("--config-dir", "-cd"):
            if not pending:
                raise UserError("--config-dir: expected a directory after it")
            config_dirs.append(pending.pop(0))
        elif word.startswith("--config-dir="):
            config_dirs.append(word.partition("=")[2])
        elif word in ("-m", "--multirun", "--cfg"):
            flags.add("-m" if word == "--multirun" else word)
        elif word.startswith("-"):
            raise UserError(f"{word}: there is no such option; expected -m, --cfg or --config-dir DIR")
        else:
            rest.append(word)
    return rest, config_dirs, flags


def open_run(value: str) -> RunDirectory:
    """The run of `run=DIR` or `run=latest`."""
    return latest(Path("outputs")) if value == "latest" else RunDirectory.open(Path(value).expanduser())


def train(words: list[str]) -> int:
    """`kantor train`."""
    rest, config_dirs, flags = take_options(words)
    from kantor.config import compose as config

    if "-m" in flags:
        if "--cfg" in flags:
            raise UserError("--cfg shows one configuration, -m makes several: leave one of the two out")
        from kantor.cli import sweep

        return sweep.sweep(rest, config_dirs)
    if any(word.startswith("run=") for word in rest):
        return _extend(rest)
    cfg = config.compose(rest, config_dirs=config_dirs)
    if "--cfg" in flags:
        from omegaconf import OmegaConf

        print(OmegaConf.to_yaml(cfg), end="")
        return 0
    from kantor.engine import train as run

    return _show_run(run.train(cfg))


def _extend(words: list[str]) -> int:
    pairs = [(key, value) for key, _, value in (word.partition("=") for word in words)]
    directory = open_run(dict(pairs)["run"])
    from kantor.engine import train as run

    return _show_run(run.extend(directory, [(key, typed(value)) for key, value in pairs if key != "run"]))


def _show_run(directory: RunDirectory) -> int:
    """The scores of a run, and where its page lies."""
    from kantor.processes import given_rank
    from kantor.report.tables import print_card

    if given_rank() > 0:
        return 0
    if directory.card_json.is_file():
        print_card(directory.card())
    print(f"run   {directory.path}\npage  {directory.report_html}")
    return 0


def sample(words: list[str]) -> int:
    """`kantor sample`."""
    given = dict(split(words, known=("run", "n", "seed", "weights", "checkpoint", "out")))
    directory = open_run(_required(given, "run"))
    n, seed = whole("n", given.get("n", "64")), whole("seed", given.get("seed", "0"))
    out = Path(given.get("out", directory.path / "samples" / "samples.png")).expanduser()
    from kantor.engine import train as run
    from kantor.samples.files import check_target, write_samples

    check_target(out)
    points = run.sample(
        directory,
        n,
        seed=seed,
        weights=given.get("weights", "ema"),
        checkpoint=given.get("checkpoint", "last"),
    )
    write_samples(points, out)
    print(f"{n} samples  {out}")
    return 0


def _required(given: dict[str, str], key: str) -> str:
    if key not in given:
        raise UserError(f"{key}= is missing: give {key}=DIR, or {key}=latest for the newest below outputs/")
    return given[key]


def evaluate(words: list[str]) -> int:
    """`kantor evaluate`."""
    keys = ("run", "images", "data", "out", "evaluation")
    pairs = split(words, known=keys, prefixes=("evaluation.", "trainer.", "data."))
    given = dict(pairs)
    overrides = [(key, typed(value)) for key, value in pairs if key not in keys]
    if "images" in given:
        from kantor.engine import foreign_samples as files

        card = files.evaluate_files(given, overrides)
        place = Path(given["out"])
    else:
        directory = open_run(_required(given, "run"))
        from kantor.config import compose as config
        from kantor.config import targets
        from kantor.engine import train as run

        plain = directory.config()
        targets.check_trust(plain)
        if "evaluation" in given:
            plain["evaluation"] = config.load_option("evaluation", given["evaluation"])
        card = run.evaluate(directory, config.replaced(plain, overrides))
        place = directory.path
    from kantor.report.tables import print_card

    print_card(card)
    print(f"card  {place / 'card.json'}")
    return 0


def compare(words: list[str]) -> int:
    """`kantor compare`."""
    paths = [word for word in words if "=" not in word or Path(word).exists()]
    given = dict(split([word for word in words if word not in paths], known=("out",)))
    from kantor.report.comparison import compare as compare_runs
    from kantor.report.comparison import print_comparison

    out = Path(given["out"]).expanduser() if "out" in given else None
    print_comparison(compare_runs(named(paths), out))
    if out is not None:
        print(f"page  {out / 'compare.html'}")
    return 0


def status(words: list[str]) -> int:
    """`kantor status`."""
    if len(words) > 1:
        raise UserError(f"status takes one directory, was given {len(words)}: {' '.join(words)}")
    root = Path(words[0] if words else "outputs")
    if not root.is_dir():
        raise UserError(f"{root}: there is no such directory; `kantor train experiment=NAME` makes outputs/")
    from kantor.report.status import print_status

    print_status(root)
    return 0


def data(words: list[str]) -> int:
    """`kantor data`."""
    rest, config_dirs, _ = take_options(words)
    from kantor.cli import data_card

    return data_card.show(rest, config_dirs)


def list_names(words: list[str]) -> int:
    """`kantor list`."""
    from kantor.cli import listing

    rest, config_dirs, _ = take_options(words)
    listing.show(rest, config_dirs)
    return 0


def complete(words: list[str]) -> int:
    """`kantor complete SHELL`, and what the shell then asks."""
    from kantor.cli import completion

    return completion.answer(words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "data": data,
    "status": status,
    "list": list_names,
    "complete": complete,
}

"""A command: one entry of the table that gives the command line its keys, its help and its completion."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from kantor.cli import words
from kantor.config.files import options

WIDTH = 118


def nothing() -> list[str]:
    """What a shell completes where nothing can be listed."""
    return []


@dataclass(frozen=True)
class Key:
    """A key or an option of a command.

    Attributes:
        example: as help shows it: `seed=0`, `objective.*`, `--config-dir DIR`.
        help: one line on what it does.
        values: what can stand after `key=`, as far as it can be listed.
    """

    example: str
    help: str
    values: Callable[[], list[str]] = nothing

    @property
    def name(self) -> str:
        """Without the example's value."""
        return self.example.partition("=")[0].split(" ")[0]

    def candidates(self) -> list[str]:
        """What a shell may complete: `key=value` for each value that can be listed, else `key=`."""
        return [f"{self.name}={value}" for value in self.values()] or [f"{self.name}="]


def of_group(group: str, help: str) -> Key:
    """A key that chooses an option of a configuration group."""
    return Key(f"{group}=NAME", help, partial(options, group, []))


CONFIG_DIR = Key("--config-dir DIR", "your own groups, such as DIR/experiment/mine.yaml")


@dataclass(frozen=True)
class Command:
    """What `kantor NAME` takes and does.

    Attributes:
        name: its name.
        run: what it does with its words; returns the exit code.
        usage: the ways to call it: the words after the name, and what they do in half a line.
        about: a paragraph, for its own help.
        keys: what can be given, options included.
        prefixes: "data." admits every key that begins so.
        positional: what can be named without a key, as far as it can be listed.
        notes: a paragraph after the keys.
    """

    name: str
    run: "Callable[[Command, list[str]], int]"
    usage: tuple[tuple[str, str], ...]
    about: str
    keys: tuple[Key, ...] = ()
    prefixes: tuple[str, ...] = ()
    positional: Callable[[], list[str]] = nothing
    notes: str = ""

    @property
    def key_names(self) -> tuple[str, ...]:
        """The keys that can be given by name."""
        return tuple(key.name for key in self.keys if not key.name.startswith("-") and "*" not in key.name)

    def split(self, given: list[str]) -> list[tuple[str, str]]:
        """Words as (key, value) pairs.

        Raises:
            UserError: a word has no "=", or the command has no such key, or it is given twice.
        """
        return words.split(given, known=self.key_names, prefixes=self.prefixes)

    def take_options(self, given: list[str]) -> tuple[list[str], list[str], set[str]]:
        """The words that are no options, the directories of groups, and the flags.

        Raises:
            UserError: the command has no such option.
        """
        return words.take_options(given, tuple(key.name for key in self.keys if key.name.startswith("-")))

    def help(self) -> str:
        """What `kantor NAME --help` prints."""
        calls = [f"kantor {self.name} {usage}".rstrip() for usage, _ in self.usage]
        keys = _table((key.example, key.help) for key in self.keys)
        parts = ["\n".join(calls), *_wrapped(self.about), "\n".join(keys), *_wrapped(self.notes)]
        return "\n\n".join(part for part in parts if part)

    def candidates(self) -> list[str]:
        """What a shell may complete after `kantor NAME`."""
        named = [key for key in self.keys if key.name in self.key_names]
        return sorted([*self.positional(), *(word for key in named for word in key.candidates())])


def general_help(commands: Mapping[str, Command]) -> str:
    """What `kantor --help` prints."""
    calls = [(f"kantor {one.name} {usage}".rstrip(), what) for one in commands.values() for usage, what in one.usage]
    table = "\n".join(_table([*calls, ("kantor COMMAND --help", "more about one command")]))
    return f"""\
kantor trains generative models and says, in numbers that can be trusted, how good they are.

{table}

Words are key=value. run=latest names the newest run below outputs/.
Exit codes: 0 done, 2 the input is wrong, 130 stopped by Ctrl-C (saved), 143 by SIGTERM, 138 and 140 by SIGUSR1 and
SIGUSR2, 1 anything else.
KANTOR_TRACEBACK=1 shows tracebacks. KANTOR_TRUST=package lets a run's configuration name code of that package.
KANTOR_BEAT=30 lets half a minute pass between two signs of life of a run, on slow file systems (default 10 s)."""


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Two columns; what does not fit goes on below its beginning."""
    rows = list(rows)
    column = max((len(left) for left, _ in rows), default=0) + 4
    return [
        textwrap.fill(
            " ".join(right.split()),
            WIDTH,
            initial_indent=f"  {left}".ljust(column),
            subsequent_indent=" " * column,
            break_on_hyphens=False,
        )
        for left, right in rows
    ]


def _wrapped(text: str) -> list[str]:
    """Paragraphs."""
    return [textwrap.fill(" ".join(part.split()), WIDTH, break_on_hyphens=False) for part in text.split("\n\n") if part]

"""`kantor train` and `kantor prepare`: from their words to runs, which Python's `kantor.train` makes of the same words.

Torch is imported when the words are understood.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kantor.cli.command import Command
from kantor.cli.named import open_run
from kantor.cli.words import split, typed
from kantor.errors import UserError
from kantor.messages import show
from kantor.plain_files import is_plain
from kantor.runs.directory import RunDirectory
from kantor.search.words import is_of_search
from kantor.visible import visible

if TYPE_CHECKING:
    from kantor.config.schema import Configuration


def train(command: Command, words: list[str]) -> int:
    """`kantor train`."""
    rest, config_dirs, flags = command.take_options(words)
    if "-m" in flags:
        if "--cfg" in flags:
            raise UserError("--cfg shows one configuration, -m makes several: leave one of the two out")
        if goes_on(rest):
            raise UserError("-m with run=: one run goes on at a time; leave -m out")
        from kantor.cli import sweep

        return sweep.sweep(rest, config_dirs)
    check_one(rest)
    if "--cfg" in flags:
        return _show_configuration(configured(rest, config_dirs).plain)
    return _show_run(trained(rest, config_dirs))


def prepare(command: Command, words: list[str]) -> int:
    """`kantor prepare`."""
    rest, config_dirs, flags = command.take_options(words)
    if "-m" in flags:
        from kantor.cli import sweep

        return sweep.prepare(rest, config_dirs)
    configuration = configured(rest, config_dirs)
    from kantor.engine.prepare import prepare as fill

    for sentence in fill([configuration]):
        show(sentence)
    return 0


def check_one(words: list[str]) -> None:
    """Check that words ask for one run.

    Raises:
        UserError: they ask for a search.
    """
    for word in filter(is_of_search, words):
        raise UserError(f"{word}: a search trains several runs, `kantor train -m …`; add -m, or leave it out")


def configured(words: list[str], config_dirs: list[str]) -> "Configuration":
    """What `kantor train WORDS …` would train, which is nothing but read.

    Raises:
        UserError: a word is wrong.
    """
    if not goes_on(words):
        from kantor.config.compose import compose

        return compose(words, config_dirs=config_dirs)
    directory, overrides = of_longer(words)
    from kantor.engine.extend import begun_from, extended

    return extended(begun_from(directory, overrides, config_dirs=config_dirs), overrides, config_dirs=config_dirs)


def trained(words: list[str], config_dirs: list[str]) -> RunDirectory:
    """The run of `kantor train WORDS …`.

    Raises:
        UserError: a word is wrong; nothing is written.
        Interrupted: a signal stopped it; it has saved itself.
    """
    if goes_on(words):
        directory, overrides = of_longer(words)
        from kantor.engine.extend import extend

        return extend(directory, overrides, config_dirs=config_dirs)
    configuration = configured(words, config_dirs)
    from kantor.engine.train import train as train_run

    return train_run(configuration)


def goes_on(words: list[str]) -> bool:
    """Whether a finished run is named, to be gone on with."""
    return any(word.startswith("run=") for word in words)


def of_longer(words: list[str]) -> tuple[RunDirectory, list[tuple[str, Any]]]:
    """A finished run, and what is changed of its configuration."""
    pairs = split(words, known=("run",), prefixes=("",))
    return open_run(dict(pairs)), [(key, typed(key, value)) for key, value in pairs if key != "run"]


def _show_configuration(plain: Mapping[str, Any]) -> int:
    import yaml

    show(yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True).rstrip("\n"))
    return 0


def _show_run(directory: RunDirectory) -> int:
    """The scores of a run, and where its page lies."""
    from kantor.report.tables import print_card

    if is_plain(directory.card_json):
        print_card(directory.card())
    show(f"run   {visible(str(directory.path))}\npage  {visible(str(directory.report_html))}")
    return 0

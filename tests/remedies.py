"""What messages propose, as words that can be given: `key=value …`, `~key`, and commands in backticks."""

import re

from small_runs import check_run

from kantor.config.compose import compose
from kantor.errors import UserError

PLACEHOLDER = re.compile(r"…|[A-Z]{3,}|=[NM]\b")
"""In what is a pattern of a command, not one."""

PROPOSING = re.compile(r"\b(?:take|give|name|set|such as|as in|without it:|begin|or end it with)\b")
"""What stands before it, and not before what a sentence only tells."""

PAIR = r"\+{0,2}[a-z][\w./]*=(?:\[[^\]]*\]|\"[^\"]*\"|[^\s,;:()`'\"{]+)"
NO_REMEDY = ("there is no key", "is unknown", "are unknown", "Hydra's grammar", "leaves out what", "was not kept")
"""What is said of words that nobody should propose."""

WORDS = re.compile(rf"(?<![\w.~+=\[{{/])({PAIR}(?: {PAIR})*|~[a-z][\w.]*)")
COMMAND = re.compile(r"`kantor ([^`]*)`")


def told(words, config_dirs=()):
    """What is said of a command line of `kantor train` before anything is written; None where it is accepted."""
    try:
        check_run(compose(["trainer.accelerator=cpu", *words], config_dirs=list(config_dirs)))
    except UserError as error:
        return str(error)
    return None


def proposed(sentence, given):
    """The lists of words that a sentence proposes to give in place of, or beside, those that were given."""
    verb = PROPOSING.search(COMMAND.sub("", sentence))
    if verb is None:
        return []
    found = [one.rstrip(".") for one in WORDS.findall(COMMAND.sub("", sentence)[verb.end() :])]
    runs = [one.split(" ") for one in dict.fromkeys(found) if not PLACEHOLDER.search(one)]
    return [words for words in runs if not set(words) <= {word.lstrip("+") for word in given}]


def commands(sentence):
    """The commands that a sentence proposes, where they are whole."""
    return [one for one in COMMAND.findall(sentence) if not PLACEHOLDER.search(one)]


def with_remedy(given, remedy):
    """The command line with what was proposed in the place of what had the same keys, or gave what goes a setting."""
    keys = {word.lstrip("~+").partition("=")[0]: word.startswith("~") for word in remedy}

    def stays(word):
        key = word.lstrip("~+").partition("=")[0]
        return key not in keys and not any(gone and key.startswith(f"{other}.") for other, gone in keys.items())

    return [*filter(stays, given), *remedy]


def helps(given, remedy, config_dirs=()):
    """What is wrong with a remedy; None where it is accepted, or something else is wrong beside."""
    before, after = told(given, config_dirs), told(with_remedy(given, remedy), config_dirs)
    useless = after is not None and (after == before or any(words in after for words in NO_REMEDY))
    return after if useless else None

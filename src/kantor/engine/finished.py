"""A finished run that `kantor train` meets again: whether anything is left to do, and what is said of it."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from kantor.config.checks import at, keys
from kantor.config.files import SCORING
from kantor.config.schema import ASKED, Configuration
from kantor.engine.assembly import Assembly
from kantor.engine.publication import is_published, publish
from kantor.errors import OtherCode, command
from kantor.evaluation.base import PRESETS
from kantor.messages import say
from kantor.plain_files import is_plain
from kantor.runs import checkpoints
from kantor.runs.identity import code_changes


def is_of_other_code(run: Assembly, code: dict[str, str]) -> bool:
    """Whether a finished run was made by other code, and is to be trained again for it.

    Raises:
        OtherCode: it was, and nobody has said what is to become of it.
    """
    directory, what = run.directory, run.configuration.code
    changed = code_changes(directory.environment()["code"], code)
    if not changed or what == "accept":
        return False
    if what == "refuse":
        raise OtherCode(
            f"{directory.path} is finished, but by other code than this ({', '.join(changed)} differ): code=accept "
            "takes it as it is, code=rerun trains it again"
        )
    say(f"{directory.path} was finished by other code ({', '.join(changed)} differ): it is trained again")
    return True


def is_complete(run: Assembly) -> bool:
    """Whether a finished run has its last checkpoint and all that is made of that; what is made of its other files is
    made again where it is missing or old.

    Raises:
        UserError: its checkpoints are damaged.
    """
    directory = run.directory
    checkpoint, note = checkpoints.to_resume(directory)
    if note is not None:
        return False
    missing = [name for name in directory.status().get("files", ()) if not is_plain(directory.path / name)]
    if missing and checkpoint is not None:
        say(f"{directory.path} is finished, but has no {', '.join(missing)}: made again from its last checkpoint")
        return False
    if not is_published(directory):
        say(f"{directory.path}: card, figures and page are not of what the run holds now: made again")
        with directory.publishing():
            publish(directory, directory.status())
    say_finished(run, gone=checkpoint is None)
    return True


def say_finished(run: Assembly, *, gone: bool) -> None:
    """Say that there is nothing to do, and what could be; or what cannot, where the checkpoints are gone."""
    directory = run.directory
    if gone:
        say(
            f"{directory.path} is finished already, but has no checkpoint any more to draw from, to score or to go on "
            "with: rerun=true trains it again"
        )
        return
    unheeded = other_settings(run.configuration, directory.config())
    told = f", and {shlex.join(unheeded)} was not what it was finished with" if unheeded else ""
    words = [f"run={directory.path}", *scoring_words(run.configuration, directory.config(), run.data.content)]
    again = f"rerun=true trains it again, {command('evaluate', *words)} scores it"
    say(f"{directory.path} is finished already: nothing to do{told}; {again}")


def other_settings(configuration: Configuration, before: Mapping[str, Any]) -> list[str]:
    """The words of the command line that gave settings other values than a finished run has; they are none that
    determine the weights, which would have made another run of it."""
    known, now = set(keys(before)), configuration.plain
    unasked = known.difference([*ASKED, "outputs"])
    told = {key: value for key, value in configuration.named.items() if key in unasked}
    return [f"{key}={spelled(value)}" for key, value in told.items() if at(now, key) != at(before, key)]


def scoring_words(configuration: Configuration, before: Mapping[str, Any], content: str) -> list[str]:
    """What `kantor evaluate` has to be told to score a finished run as this configuration says, or at all."""
    if not configuration.evaluated:
        return [f"evaluation={PRESETS[content]}"]
    if all(configuration.plain[group] == before[group] for group in SCORING):
        return []
    named = configuration.named.items()
    return [f"{key}={spelled(value)}" for key, value in named if key.partition(".")[0] in SCORING]


def spelled(value: object) -> str:
    """A value as a word of the command line."""
    return value if isinstance(value, str) else json.dumps(value)

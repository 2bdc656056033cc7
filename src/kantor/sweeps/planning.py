"""From the words of a sweep to its plan: every combination of values, composed once, each with its run's directory.

A plan that is there is taken as long as the configuration files and the code are those that it was composed from; else
it is composed anew, and finds the runs that there are by their hashes.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.config import files
from kantor.errors import UserError
from kantor.messages import say
from kantor.plain_files import is_plain
from kantor.search.words import is_search
from kantor.sweeps.plan import PLAN, Job, Plan
from kantor.sweeps.plan_file import MOST_JOBS
from kantor.sweeps.words import Words
from kantor.version import PACKAGE, __version__

if TYPE_CHECKING:
    from kantor.sweeps.composer import Composer


def planned(words: Words) -> Plan:
    """The plan of a sweep: the one that is there, where it is of these files and this code, else a new one.

    Raises:
        UserError: a word is wrong, for whatever the others are.
    """
    there = None
    if is_plain(words.directory / PLAN):
        try:
            there = Plan.read(words.directory)
        except UserError as error:
            say(str(error).replace("the `kantor train -m …` that made it, given again, makes it anew", "made anew"))
        else:
            same = set(there.words) == set(words.runs) and not there.of_others
            if same and there.stamp == stamp(words.config_dirs, there.stamp["own"]):
                return there
    if is_search(words.runs):
        from kantor.sweeps.asking import begun

        return begun(words, there)
    plan = compose(words)
    plan.write()
    return plan


def stamp(config_dirs: Sequence[str], own: Iterable[str]) -> dict[str, Any]:
    """What a plan is composed from.

    Args:
        config_dirs: directories with further groups.
        own: files of code that is not kantor's.
    """
    roots = files.roots(list(config_dirs))
    return {
        "files": _digest(path for root in roots for path in sorted(root.rglob("*.yaml"))),
        "code": code_stamp(own),
        "own": list(own),
    }


def code_stamp(own: Iterable[str]) -> str:
    """Of the version and the source of kantor, and of files of others."""
    return _digest([*sorted(PACKAGE.rglob("*.py")), *map(Path, own)], __version__)


def _digest(paths: Iterable[Path], *texts: str) -> str:
    digest = hashlib.sha256("\n".join(texts).encode("utf-8"))
    for path in paths:
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{path.name} {len(content)}\n".encode("utf-8", errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def compose(words: Words) -> Plan:
    """A plan, composed from the words.

    Raises:
        UserError: a word is wrong: every job with it is refused, or each of its values makes the same run.
    """
    from kantor.sweeps.composer import Composer
    from kantor.sweeps.grid import combinations, swept
    from kantor.sweeps.sameness import check_several, once

    grid = swept(words.runs, words.config_dirs)
    number = math.prod(map(len, grid))
    if number > MOST_JOBS:
        raise UserError(f"these are {number:,} jobs: expected at most {MOST_JOBS:,} in one sweep; part it")
    every, composer = list(combinations(grid)), Composer(words.config_dirs)
    errors = _misspelt(every, composer)
    jobs = []
    for index, overrides in enumerate(every):
        told = tuple(word for word, values in zip(overrides, grid, strict=True) if len(values) > 1)
        try:
            if index in errors:
                raise errors[index]
            jobs.append(composer.job(index, overrides, told))
        except UserError as error:
            errors[index] = error
            jobs.append(Job(index, told, "", {}, {}, {}, str(error)))
    _check_words(every, errors)
    check_several(words.runs, every, jobs)
    kept = once(jobs)
    if len(kept) < len(jobs):
        say(f"{len(jobs):,} combinations make {len(kept):,} different runs: each is one job")
    made_from = stamp(words.config_dirs, composer.own_files())
    return Plan(words.directory, words.runs, words.config_dirs, made_from, kept)


def _misspelt(every: list[tuple[str, ...]], composer: "Composer") -> dict[int, UserError]:
    """What is wrong with combinations as far as Hydra sees it, which takes no torch, by their place.

    Raises:
        UserError: a word is wrong in all.
    """
    errors = {}
    for index, overrides in enumerate(every):
        try:
            composer.draft(overrides)
        except UserError as error:
            errors[index] = error
    _check_words(every, errors)
    return errors


def _check_words(every: list[tuple[str, ...]], errors: dict[int, UserError]) -> None:
    """Check that each word is right in some job.

    Raises:
        UserError: one is wrong in all.
    """
    right = {word for index, overrides in enumerate(every) if index not in errors for word in overrides}
    for index, error in errors.items():
        if not right.issuperset(every[index]):
            raise error

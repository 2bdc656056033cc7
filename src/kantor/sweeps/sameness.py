"""Which combinations of settings are the same run: whatever they differ in determines nothing of what is trained.

A plan has each run once. A word all of whose values make the same run is not meant for a grid or a search.
"""

from collections.abc import Sequence
from dataclasses import replace

from kantor.config.files import SCORING
from kantor.errors import UserError
from kantor.sweeps.plan import Job


def check_several(words: Sequence[str], every: Sequence[tuple[str, ...]], jobs: Sequence[Job]) -> None:
    """Check that the values of each word make different runs, some with some of the other words' values.

    Args:
        words: of the grid, as they were given.
        every: one value of each word, in all combinations.
        jobs: of the combinations.

    Raises:
        UserError: one word makes no difference.
    """
    for place, word in enumerate(words):
        beside: dict[tuple[str, ...], list[str]] = {}
        for values, job in zip(every, jobs, strict=True):
            if job.refused is None:
                beside.setdefault((*values[:place], *values[place + 1 :]), []).append(job.run)
        several = [runs for runs in beside.values() if len(runs) > 1]
        if several and all(len(set(runs)) == 1 for runs in several):
            raise same(word)


def same(word: str) -> UserError:
    """What is said of a word whose values all make the same run."""
    key = word.partition("=")[0].lstrip("+")
    score = ", and score the run by each other one, `kantor evaluate run=DIR …`"
    return UserError(
        f"{word}: each of these values makes the same run, in the same directory; give one of them"
        f"{score if key.partition('.')[0] in SCORING else ''}"
    )


def once(jobs: Sequence[Job]) -> tuple[Job, ...]:
    """The first job of each run, and those of which no run can be, numbered anew."""
    seen: set[str] = set()
    kept = []
    for job in jobs:
        if job.refused is not None or job.run not in seen:
            kept.append(job)
            seen.add(job.run)
    return tuple(replace(job, number=number) for number, job in enumerate(kept))

"""SIGKILL at every kind of file operation, and at random moments, of every command that writes: the same command again
ends with the files, weights and scores of an undisturbed one.

`make faults` prints a table of trials. `KANTOR_FAULTS=0.1` takes a tenth of them.
"""

import functools
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.equality import incomplete, unequal
from faults.forks import Ended, Forks
from faults.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.long

SHARE = float(os.environ.get("KANTOR_FAULTS", "1"))
SEED = 0


@dataclass
class Count:
    """Of one scenario.

    Attributes:
        operations: of the command when nobody kills it.
        trials: commands that were killed.
        equal: those after which the same command left the files of an undisturbed one.
        complete: those after which it exited with 0 and every run was finished, with card and page of what is there.
        wrong: what was not so.
    """

    operations: int
    trials: int = 0
    equal: int = 0
    complete: int = 0
    wrong: list[str] = field(default_factory=list)


COLUMNS = ("operations", "trials", "equal", "complete")


def row(name: str, cells: Iterable[object]) -> str:
    return f"{name:32}{''.join(f'{cell:>12}' for cell in cells)}"


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    found = Forks(tmp_path_factory.mktemp("forks"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, forks):
    """Directories after the commands of before, made once; to be copied."""
    made: dict[tuple, Path] = {}

    def prepare(before: tuple[tuple[str, ...], ...]) -> Path:
        if before not in made:
            made[before] = tmp_path_factory.mktemp("before")
            for words in before:
                done(forks.run(made[before], words, drawn=False))
        return made[before]

    return prepare


@pytest.fixture(scope="module")
def table():
    counts: dict[str, Count] = {}
    yield counts
    print(f"\n\n{row('', COLUMNS)}")
    for name, count in counts.items():
        print(row(name, (getattr(count, key) for key in COLUMNS)))
    print(row("all", ("", *(sum(getattr(count, key) for count in counts.values()) for key in COLUMNS[1:]))))


def done(ended: Ended) -> Ended:
    assert ended.code == 0, f"exit code {ended.code}\n{ended.printed}"
    return ended


def copied(source: Path, place: Path) -> Path:
    shutil.copytree(source, place)
    return place


def moments(scenario: Scenario, undisturbed: Ended) -> Iterator[dict[str, float]]:
    """When it is killed."""
    count, trials = len(undisturbed.operations), round(SHARE * scenario.trials)
    step = max(1.0, count / trials) if trials else count
    offset = random.Random(f"{SEED} {scenario.name}")
    yield from ({"at": int(number * step + offset.random() * (step - 1))} for number in range(min(trials, count)))
    if scenario.each is not None:
        there = [at for at, words in enumerate(undisturbed.operations) if re.search(scenario.each, words)]
        yield from ({"at": at} for at in there[:: max(1, round(1 / SHARE))])
    for _ in range(max(1, round(SHARE * scenario.times))):
        yield {"after": offset.uniform(0.02, undisturbed.seconds)}
    for _ in range(round(SHARE * scenario.twice)):
        yield {"at": offset.randrange(count), "then": offset.randrange(count)}


def killed(run: Callable[..., Ended], command: tuple[str, ...], before: Path, place: Path, moment: dict) -> Ended:
    """A command that is killed; earlier than at its moment where it has ended by then."""
    at, after = moment.get("at"), moment.get("after")
    while True:
        first = run(copied(before, place), command, at=at, after=after)
        if first.killed:
            return first
        done(first)
        shutil.rmtree(place)
        at, after = at and at // 2, after and after / 2


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_kill_at_any_moment_is_made_good_by_the_same_command(forks, prepared, table, tmp_path, scenario):
    before, run = prepared(scenario.before), functools.partial(forks.run, drawn=scenario.drawn)
    whole, again = copied(before, tmp_path / "whole"), scenario.again or scenario.command
    place = tmp_path / "killed"
    undisturbed = done(run(whole, scenario.command))
    if scenario.again is not None:
        done(run(whole, again))
    count = table[scenario.name] = Count(len(undisturbed.operations))
    for moment in moments(scenario, undisturbed):
        first = killed(run, scenario.command, before, place, moment)
        if "then" in moment:
            run(place, again, at=moment["then"])
        second = run(place, again)
        other = unequal(whole, place)
        lacking = [f"exit code {second.code}: {second.printed}"] if second.code else incomplete(place)
        count.trials += 1
        count.equal += not other
        count.complete += not lacking
        last = first.operations[-1] if first.operations else "anything"
        said = f"{scenario.name}: {moment}, killed before {last}"
        print(f"{said}: {'; '.join([*lacking, *other]) or 'equal and complete'}", flush=True)
        if other or lacking:
            count.wrong.append(f"{said}: {'; '.join([*lacking, *other])}")
        shutil.rmtree(place)
    assert not count.wrong, "\n".join(count.wrong)

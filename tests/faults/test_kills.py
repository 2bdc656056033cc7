"""SIGKILL at every kind of file operation, and at random moments, of every command that writes: the same command again
ends with the files, weights and scores of an undisturbed one.

`make faults` prints a table of trials. `KANTOR_FAULTS=0.1` takes a tenth of them.
"""

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.equality import differences
from faults.forks import Ended, Forks
from faults.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.long

SHARE = float(os.environ.get("KANTOR_FAULTS", "1"))
SEED = 0


@dataclass
class Count:
    """Of one scenario."""

    operations: int = 0
    trials: int = 0
    kills: int = 0
    complete: int = 0
    wrong: list[str] = field(default_factory=list)


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
                done(forks.run(made[before], words))
        return made[before]

    return prepare


@pytest.fixture(scope="module")
def table():
    counts: dict[str, Count] = {}
    print(f"\n{'':32}{'operations':>11}{'trials':>8}{'kills':>7}{'complete':>10}{'seconds':>9}")
    yield counts
    trials, kills, complete = (
        sum(getattr(one, key) for one in counts.values()) for key in ("trials", "kills", "complete")
    )
    print(f"\n{'all':32}{'':11}{trials:8}{kills:7}{complete:10}")


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
    for _ in range(max(1, round(SHARE * scenario.times))):
        yield {"after": offset.uniform(0.02, undisturbed.seconds)}
    for _ in range(round(SHARE * scenario.twice)):
        yield {"at": offset.randrange(count), "then": offset.randrange(count)}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_kill_at_any_moment_is_made_good_by_the_same_command(forks, prepared, table, tmp_path, scenario):
    began, before = time.monotonic(), prepared(scenario.before)
    whole = copied(before, tmp_path / "whole")
    undisturbed = done(forks.run(whole, scenario.command))
    if scenario.again is not None:
        done(forks.run(whole, scenario.again))
    count = table[scenario.name] = Count(len(undisturbed.operations))
    for moment in moments(scenario, undisturbed):
        place = copied(before, tmp_path / "killed")
        again = scenario.again or scenario.command
        first = forks.run(place, scenario.command, at=moment.get("at"), after=moment.get("after"))
        if "then" in moment:
            forks.run(place, again, at=moment["then"])
        second = forks.run(place, again)
        count.trials += 1
        count.kills += first.killed
        what = [f"exit code {second.code}: {second.printed}"] if second.code else differences(whole, place)
        if what:
            last = first.operations[-1] if first.operations else "nothing"
            count.wrong.append(f"{moment}, before {last}: {'; '.join(what)}")
        count.complete += not what
        shutil.rmtree(place)
    row = f"{count.operations:11}{count.trials:8}{count.kills:7}{count.complete:10}{time.monotonic() - began:9.0f}"
    print(f"\n{scenario.name:32}{row}", end="", flush=True)
    assert not count.wrong, "\n".join(count.wrong)
    assert count.kills

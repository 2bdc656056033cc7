"""A disk without room, which is a real one of a few MB: each command says so in one sentence, damages nothing, leaves
nothing half written, and given again where there is room ends as if nothing had been."""

import functools
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from faults.equality import files, incomplete, unequal
from faults.forks import FILLER, PLAN, Forks
from faults.scenarios import DIGITS, FLOW, GAN, RUN, SEARCH, SHORT

pytestmark = pytest.mark.long

SWEEP = (*SHORT, "-m", "seed=0,1")
PREPARE = ("prepare", *SWEEP[1:])


@dataclass(frozen=True)
class Trial:
    """A command, those before it, and the megabytes of a disk that holds all of it."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    megabytes: int = 4


TRIALS = {
    "train": Trial(GAN),
    "train a flow": Trial(FLOW),
    "extend": Trial(("train", RUN, "budget.steps=30"), (GAN,)),
    "rerun=true": Trial((*GAN, "rerun=true"), (GAN,)),
    "evaluate": Trial(("evaluate", RUN, "evaluation.seed=5"), (GAN,)),
    "sample .npz": Trial(("sample", RUN, "n=400", "out=a.npz"), (SHORT,)),
    "sample .png": Trial(("sample", RUN, "n=400", "out=a.png"), (SHORT,)),
    "sample a directory": Trial(("sample", RUN, "n=20", "out=drawn"), (DIGITS,), 24),
    "compare": Trial(("compare", "outputs", "out=compared"), (GAN, (*GAN, "seed=1"))),
    "sweep": Trial(SWEEP),
    "work": Trial(("work", PLAN), (PREPARE,)),
}
MOMENTS = {
    "the plan": r"open .*plan\.json",
    "a lease": r"open .*\.\.lease\.",
    "a checkpoint": r"open .*last\.ckpt",
    "the card": r"open .*card\.json",
    "the study": r"open .*study\.log$",
}
"""From which operation on there is no room."""
SWEEPS = {
    "sweep": (Trial(SWEEP), ("the plan", "a lease", "a checkpoint", "the card")),
    "work": (Trial(("work", PLAN), (PREPARE,)), ("a lease", "a checkpoint", "the card")),
    "search": (Trial(SEARCH), ("the plan", "a lease", "a checkpoint", "the card", "the study")),
}
SHARES = (0.0, 0.2, 0.5, 0.9)
"""Of the bytes that the command takes, how many there are."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A file system of its own."""
    place = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    found = Forks(tmp_path_factory.mktemp("forks"))
    yield functools.partial(found.run, drawn=False)
    found.close()


def used(place):
    """Bytes of its file system that are taken."""
    return shutil.disk_usage(place).used


def resize(place, megabytes):
    emptied(place)
    subprocess.run(["mount", "-o", f"remount,size={megabytes << 20}", place], check=True)


def emptied(place):
    for entry in place.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def leave(place, room):
    """Fill the file system but for so many bytes."""
    with (place / FILLER).open("wb", buffering=0) as file:
        for _ in range(max(0, shutil.disk_usage(place).free - room) // 4096):
            file.write(bytes(4096))


def prepared(trial, forks, tmp_path):
    """Two directories: after the commands of before, and after the trial's own as well."""
    before, whole = tmp_path / "before", tmp_path / "whole"
    before.mkdir()
    for words in trial.before:
        assert forks(before, words).code == 0
    shutil.copytree(before, whole)
    assert forks(whole, trial.command).code == 0
    return before, whole


def wrong_of(ended, disk, *, full):
    """What of a command on a disk without room was not as it should be."""
    lines = [line for line in ended.printed.splitlines() if "No space left on device: nothing" in line]
    left = [name for name in files(disk) if name.endswith(".tmp") and ".no_run" not in name]
    found = ["Traceback"] if "Traceback" in ended.printed else []
    found += [f"left {left}"] if left else []
    found += ["no sentence"] if ended.code != 0 and not lines else []
    return found + (["no error"] if ended.code == 0 and full else [])


@pytest.mark.parametrize("name", TRIALS)
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on_with_room(name, disk, forks, tmp_path):
    trial = TRIALS[name]
    before, whole = prepared(trial, forks, tmp_path)
    resize(disk, trial.megabytes)
    shutil.copytree(before, disk, dirs_exist_ok=True)
    start = used(disk)
    shutil.copytree(whole, disk, dirs_exist_ok=True)
    wrong, takes = [], used(disk) - start
    for share in SHARES:
        emptied(disk)
        shutil.copytree(before, disk, dirs_exist_ok=True)
        leave(disk, int(share * takes))
        ended = forks(disk, trial.command)
        (disk / FILLER).unlink()
        missed = wrong_of(ended, disk, full=share == 0)
        said = f"{name}, room for {share:.0%} of {takes:,}: {ended.code} {missed}"
        print(said, flush=True)
        if missed:
            wrong.append(f"{said}\n{ended.printed}")
        again = forks(disk, trial.command) if ended.code else ended
        other = [*unequal(whole, disk), *incomplete(disk)]
        if again.code or other:
            wrong.append(f"{said}\nagain: {again.code} {again.printed} {other}")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("name", SWEEPS)
def test_a_disk_that_is_full_from_some_file_on_costs_a_sweep_no_job(name, disk, forks, tmp_path):
    """What the disk has failed, the same command does when there is room."""
    trial, moments = SWEEPS[name]
    before, whole = prepared(trial, forks, tmp_path)
    resize(disk, trial.megabytes)
    wrong = []
    for moment in moments:
        emptied(disk)
        shutil.copytree(before, disk, dirs_exist_ok=True)
        ended = forks(disk, trial.command, full=MOMENTS[moment])
        (disk / FILLER).unlink()
        missed = wrong_of(ended, disk, full=True)
        again = forks(disk, trial.command)
        other = [*unequal(whole, disk), *incomplete(disk)]
        said = f"{name}, no room from {moment} on: {ended.code} {missed}; again: {again.code} {other}"
        print(said, flush=True)
        if missed or again.code or other:
            wrong.append(f"{said}\n{ended.printed}\n{again.printed}")
    assert wrong == [], "\n".join(wrong)

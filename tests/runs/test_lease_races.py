"""Several that want one lease at the same moment: one has it, on any file system."""

import errno
import fcntl
import multiprocessing
import os
import time

import pytest
from holders import names, refuse_links, rewritten, taken

from kantor import fences
from kantor.errors import Held
from kantor.runs.lease import held

CONTEXT = multiprocessing.get_context("fork")


def answer_locks(answer):
    def patch(monkeypatch):
        monkeypatch.setattr(fcntl, "flock", answer)

    return patch


def no_locks(*given):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


FILE_SYSTEMS = {
    "usual": lambda monkeypatch: None,
    "without hard links": refuse_links,
    "without locks": answer_locks(no_locks),
    "locks that are always granted": answer_locks(lambda *given: None),
}


def race(root, rounds, barrier, wins):
    """One of several that try to take the same directories at the same moments, and hold them until all have tried."""
    for number in range(rounds):
        barrier.wait(60)
        try:
            with held(root / str(number), ".lease", wait=False):
                wins.put(number)
                barrier.wait(60)
        except Held:
            barrier.wait(60)


@pytest.mark.parametrize("left", ["nothing", "a dead one", "released"])
@pytest.mark.parametrize("system", FILE_SYSTEMS)
def test_one_of_those_that_race_wins(tmp_path, monkeypatch, system, left):
    rounds, racers = 40, 3
    for number in range(rounds):
        place = tmp_path / str(number)
        place.mkdir()
        if left != "nothing":
            taken(place)
        if left == "a dead one":
            rewritten(place, state="held", owner={"started": "1"})
    FILE_SYSTEMS[system](monkeypatch)
    barrier, wins = CONTEXT.Barrier(racers), CONTEXT.Queue()
    processes = [CONTEXT.Process(target=race, args=(tmp_path, rounds, barrier, wins)) for _ in range(racers)]
    for process in processes:
        process.start()
    won = sorted(wins.get(timeout=60) for _ in range(rounds))
    for process in processes:
        process.join(60)
    assert won == list(range(rounds)) and wins.empty() and [process.exitcode for process in processes] == [0] * racers
    number = 1 if left == "nothing" else 2
    assert {name for place in tmp_path.iterdir() for name in names(place)} == {f".lease.{number}"}


def add(root, times):
    for _ in range(times):
        with held(root, ".publication", wait=True):
            total = int((root / "total").read_text())
            time.sleep(0.001)
            (root / "total").write_text(str(total + 1))


@pytest.mark.parametrize("system", FILE_SYSTEMS)
def test_whoever_waits_has_it_alone(tmp_path, monkeypatch, system):
    (tmp_path / "total").write_text("0")
    FILE_SYSTEMS[system](monkeypatch)
    processes = [CONTEXT.Process(target=add, args=(tmp_path, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert (tmp_path / "total").read_text() == "60"
    assert names(tmp_path) == [".publication.60", "total"]


def test_numbers_that_went_by_while_one_stood_still_are_not_taken(tmp_path, monkeypatch):
    """It saw 1 free; two others came and went before it made 2, which was free again."""
    taken(tmp_path)
    link = os.link

    def late(*given):
        monkeypatch.setattr(os, "link", link)
        taken(tmp_path)
        taken(tmp_path)
        assert names(tmp_path)[-1] == ".lease.3"
        link(*given)

    monkeypatch.setattr(os, "link", late)
    with held(tmp_path, ".lease", wait=False):
        assert fences.newest(tmp_path, ".lease") == 4
        fences.check()
    assert names(tmp_path) == [".lease.4"]


def test_a_link_whose_first_answer_was_lost_was_made(tmp_path, monkeypatch):
    link = os.link

    def twice(*given):
        link(*given)
        link(*given)

    monkeypatch.setattr(os, "link", twice)
    assert ".lease.1" in taken(tmp_path)

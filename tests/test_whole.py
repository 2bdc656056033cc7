"""A run that dies between two operations on files is completed by the same command (more of them: `make faults`)."""

import errno
import functools
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from faults.equality import differences
from faults.operations import Killed, by_exception, watched
from small_runs import FAST, OWN, SMALL, command_line

from kantor.report.page import sources
from kantor.runs.directory import RunDirectory
from kantor.runs.lease import is_held
from kantor.runs.lease_files import PUBLICATION

pytestmark = pytest.mark.usefixtures("kantor")

BRIEF = ("data.batch_size=16", "optimisation.n_critic.steps=1", "trainer.progress=false")
UNSCORED = ("train", "experiment=point_demo_gp", *FAST, *BRIEF)
TWENTY = (*UNSCORED, "budget.steps=20")
SCORED = ("train", "experiment=point_demo_gp", *SMALL, *BRIEF, "budget.steps=20", "evaluation.n=32")


def run_in(place: Path, *words: str) -> str:
    """A command in a directory; what it said."""
    place.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return command_line(*words).stderr


def killed_in(place: Path, operation: str, which: int, *words: str) -> None:
    """A command in a directory that dies before one of the operations whose words end as a pattern says."""
    found = []

    def chosen(number: int, words: str) -> bool:
        if re.search(f"{operation}$", words):
            found.append(number)
            return len(found) == which
        return False

    place.mkdir(exist_ok=True)
    with watched(place, chosen, by_exception), pytest.raises(Killed):
        run_in(place, *words)


def published_in(place: Path, *words: str) -> list[str]:
    """The files of evaluations and cards that a command writes in a directory, each under the lock of its run."""
    found = []

    def held(number: int, words: str) -> bool:
        if re.match(r"os\.rename .*(card|evaluations/.*)\.json$", words):
            (run,) = place.glob("outputs/*/*")
            assert is_held(run, PUBLICATION), words
            found.append(words)
        return False

    place.mkdir(exist_ok=True)
    with watched(place, held, by_exception):
        run_in(place, *words)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Directories in which nothing died, one for all tests that ask for the same words; evaluations and cards are
    written to them by one process at a time."""

    @functools.cache
    def made(*words: str) -> Path:
        place = tmp_path_factory.mktemp("undisturbed") / "it"
        assert len(published_in(place, *words)) >= 1
        return place

    return made


@pytest.mark.parametrize(
    ("words", "operation", "which"),
    [
        (TWENTY, "rename .*config.yaml", 1),
        (TWENTY, "rename .*status.json", 1),  # of a new run
        (TWENTY, "rename .*generator.safetensors", 2),  # at the last step
        (TWENTY, "rename .*card.json", 1),
        (SCORED, "rename .*samples.gif", 1),
        (SCORED, "rename .*status.json", 3),  # of a finished one
    ],
)
def test_a_run_that_dies_is_completed_by_the_same_command(undisturbed, tmp_path, words, operation, which):
    killed_in(tmp_path / "killed", operation, which, *words)
    run_in(tmp_path / "killed", *words)
    assert differences(undisturbed(*words), tmp_path / "killed") == []


@pytest.mark.parametrize(
    ("operation", "then"),
    [
        ("rename .*no_run.tmp", ()),
        ("remove .*environment.json.*", ()),
        ("remove .*last.ckpt", ("rerun=true",)),
        ("rmdir .*checkpoints.*", ()),
        ("rename .*status.json", ()),
    ],
)
def test_a_run_that_is_cleared_is_whole_or_begun_anew(undisturbed, tmp_path, operation, then):
    shutil.copytree(undisturbed(*TWENTY), tmp_path / "killed")
    killed_in(tmp_path / "killed", operation, 1, *TWENTY, "rerun=true")
    run_in(tmp_path / "killed", *TWENTY, *then)
    assert differences(undisturbed(*TWENTY), tmp_path / "killed") == []


@pytest.mark.parametrize("fault", ["unreadable", "lost"])
def test_a_run_whose_status_is_not_there_to_read_is_not_begun_anew(undisturbed, tmp_path, fault, monkeypatch):
    place = shutil.copytree(undisturbed(*TWENTY), tmp_path / "it")
    (status,), (last,) = place.rglob("status.json"), place.rglob("last.ckpt")
    before, real = last.read_bytes(), os.stat

    def failing(path, **given):
        if str(path).endswith("status.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, **given)

    if fault == "lost":
        status.unlink()
    with monkeypatch.context() as patch:
        patch.chdir(place)
        if fault == "unreadable":
            patch.setattr(os, "stat", failing)
        said = command_line(*TWENTY, check=2).stderr
    assert ("Input/output error" in said) if fault == "unreadable" else ("no status.json" in said)
    assert last.read_bytes() == before
    if fault == "lost":
        run_in(place, *TWENTY, "rerun=true")
    assert differences(undisturbed(*TWENTY), place) == []


def status_of(place: Path) -> dict:
    (path,) = place.rglob("status.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("end", "steps"),
    [(("budget.steps=20", "stop=at_step", "--config-dir", OWN), 6), (("budget.minutes=0.00001",), 1)],
    ids=["callback", "minutes"],
)
def test_an_end_of_training_is_the_end_also_of_one_that_goes_on(tmp_path, end, steps):
    killed_in(tmp_path, "rename .*status.json", 3, *UNSCORED, *end)
    assert status_of(tmp_path)["state"] == "running"
    run_in(tmp_path, *UNSCORED, *end)
    status = status_of(tmp_path)
    assert status["state"] == "finished" and status["counters"]["steps"] == steps
    assert [(entry["from_step"], entry["to_step"]) for entry in status["attempts"]] == [(0, steps), (steps, steps)]


def test_what_is_derived_is_made_again_where_it_is_missing_or_old(undisturbed, tmp_path):
    place = shutil.copytree(undisturbed(*SCORED), tmp_path / "it")
    (run,) = place.glob("outputs/*/*")
    (run / "evaluations" / ".toy.json.tmp").touch()
    assert "nothing to do" in run_in(place, *SCORED) and differences(undisturbed(*SCORED), place) == []
    page, card = run / "report.html", run / "card.json"
    page.write_text(page.read_text().replace(sources(RunDirectory(run)), "0" * 64))
    assert "made again" in run_in(place, *SCORED) and differences(undisturbed(*SCORED), place) == []
    card.write_text(card.read_text().replace("finished", "running"))
    assert "made again" in run_in(place, *SCORED) and differences(undisturbed(*SCORED), place) == []
    for path in (page, card, run / "samples" / "samples.gif", run / "checkpoints" / "generator.safetensors"):
        path.unlink()
    assert "made again" in run_in(place, *SCORED) and differences(undisturbed(*SCORED), place) == []
    card.unlink()
    assert len(published_in(place, *SCORED)) == 1
    (scores,) = (run / "evaluations").glob("*.json")
    assert len(published_in(place, "evaluate", "run=latest", "evaluation.n=16")) == 2 and scores.exists()
    for path in (run / "checkpoints").iterdir():  # nothing to make it of
        path.unlink()
    assert "has no checkpoint any more" in run_in(place, *SCORED)


@pytest.mark.parametrize("fault", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_finished_run_whose_last_checkpoint_is_lost_is_finished_again_from_the_one_before(
    undisturbed, tmp_path, fault
):
    place = shutil.copytree(undisturbed(*TWENTY), tmp_path / "it")
    (last,) = place.rglob("last.ckpt")
    fault(last)
    said = run_in(place, *TWENTY)
    assert "taking the checkpoint before it" in said and "going on from step 10" in said
    assert differences(undisturbed(*TWENTY), place) == []
    fault(last)
    last.with_name("previous.ckpt").write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert "no whole previous.ckpt" in command_line(*TWENTY, check=2).stderr


@pytest.mark.parametrize("which", [1, 2], ids=["while it is copied", "while it trains"])
def test_a_longer_run_that_dies_is_completed_by_the_same_command(undisturbed, tmp_path, which):
    words = ("train", "run=latest", "budget.steps=30")
    for name in ("whole", "killed"):
        shutil.copytree(undisturbed(*TWENTY), tmp_path / name)
    run_in(tmp_path / "whole", *words)
    killed_in(tmp_path / "killed", "rename .*status.json", which, *words)
    run_in(tmp_path / "killed", *words)
    assert differences(tmp_path / "whole", tmp_path / "killed") == []
    assert "nothing to do" in run_in(tmp_path / "killed", *words)

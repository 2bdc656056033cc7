"""A directory of samples is there with all of them, or not at all."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kantor import locks
from kantor.errors import UserError
from kantor.samples import filling as module
from kantor.samples.files import check_target, write_samples
from kantor.samples.filling import filling

PICTURES = np.random.default_rng(0).integers(256, size=(4, 8, 8, 3)).astype(np.uint8)


def names(directory):
    return sorted(entry.name for entry in directory.iterdir())


def stopped_after(monkeypatch, count, error):
    """The picture after so many cannot be written."""
    save, saved = Image.Image.save, []

    def once(picture, *words, **more):
        if len(saved) == count:
            raise error
        saved.append(1)
        save(picture, *words, **more)

    monkeypatch.setattr(Image.Image, "save", once)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_what_is_stopped_leaves_nothing_and_the_same_command_does_all(tmp_path, monkeypatch, there, error):
    out = tmp_path / "out"
    if there:
        out.mkdir()
        (out / ".kantor").touch()
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        stopped_after(patch, 2, error)
        write_samples(PICTURES, out)
    assert names(tmp_path) == ["out"] * there
    check_target(out)
    write_samples(PICTURES, out)
    assert names(tmp_path) == ["out"] and names(out) == [".kantor", *(f"0000{i}.png" for i in range(4))]
    assert (np.array(Image.open(out / "00003.png")) == PICTURES[3]).all()


def test_what_a_killed_process_has_left_is_taken_away(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        stopped_after(patch, 2, SystemExit())
        patch.setattr(module.shutil, "rmtree", lambda *words, **more: None)  # a killed one takes nothing away
        write_samples(PICTURES, tmp_path / "out")
    assert names(tmp_path) == [".out.partial"] and "00001.png" in names(tmp_path / ".out.partial")
    write_samples(PICTURES[:1], tmp_path / "out")
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == [".kantor", "00000.png"]


def test_two_that_fill_one_directory_do_not_meet(tmp_path):
    with filling(tmp_path / "out") as aside:
        (aside / "first").touch()
        with pytest.raises(UserError, match="is being written by another"), filling(tmp_path / "out"):
            pytest.fail("both write")
    assert names(tmp_path / "out") == [".kantor", "first"]


def test_one_that_comes_while_another_gives_it_its_name_takes_nothing_away(tmp_path, monkeypatch):
    """It finds the lock held up to the end, and then another directory."""
    rename = Path.rename

    def late(path, target):
        monkeypatch.setattr(Path, "rename", rename)
        with pytest.raises(UserError, match="is being written by another"), filling(tmp_path / "out"):
            pytest.fail("both write")
        rename(path, target)
        with pytest.raises(OSError, match="not empty"), filling(tmp_path / "out") as aside:
            (aside / "second").touch()

    monkeypatch.setattr(Path, "rename", late)
    with filling(tmp_path / "out") as aside:
        (aside / "first").touch()
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == [".kantor", "first"]


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "mine").touch()
    with pytest.raises(UserError, match="none of kantor's"), filling(tmp_path / "out"):
        pytest.fail("filled")
    assert names(tmp_path) == [".out.partial"] and names(tmp_path / ".out.partial") == ["mine"]


def test_what_has_come_to_lie_there_meanwhile_is_not_replaced(tmp_path):
    with pytest.raises(UserError, match=r"out=.*: cannot write there"):
        locked = locks.locked

        def late(path, *, wait):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "mine").touch()
            return locked(path, wait=wait)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locks, "locked", late)
            write_samples(PICTURES, tmp_path / "out")
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["mine"]

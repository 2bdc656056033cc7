"""What is handed over is opened where it is a plain file, and nowhere else: a pipe would be waited for."""

import errno
import os

import pytest
from hostile_runs import THINGS
from torch import nn

from kantor.data import partition
from kantor.data.archives import Bounds, ZipMembers, members
from kantor.data.cache import file_digest
from kantor.data.decode import BrokenImage
from kantor.data.manifest import Manifest
from kantor.engine.redraw import read_picture
from kantor.errors import UserError
from kantor.evaluation.extractors.modules import Module
from kantor.plain_files import Unreadable, is_plain, is_there, opened, read
from kantor.runs import pictures
from kantor.samples.files import read_points

NO_FILES = [kind for kind in THINGS if kind != "link to a file outside"]
BOUNDS = Bounds(member=1 << 20, total=1 << 20, members=10)
READERS = {
    "an archive": lambda path: list(members(path, bounds=BOUNDS)),
    "a zip": lambda path: ZipMembers(path, bounds=BOUNDS),
    "like=PICTURE": lambda path: read_picture("like", str(path), channels=1, side=8),
    "images=FILE.npz": read_points,
    "a partition": partition.content,
    "a file of data": file_digest,
    "weights of a network": lambda path: Module(
        module=nn.Identity(), weights=str(path), range="unit", batch=1, classes=None
    ).prepare(),
}


@pytest.fixture
def place(tmp_path):
    """Where something lies, with a directory beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("x" * 100)
    (tmp_path / "here").mkdir()
    return tmp_path / "here" / "file.npz"


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_plain_file_is_not_opened(kind, place):
    THINGS[kind](place)
    assert not is_plain(place)
    with pytest.raises(Unreadable, match=r"no plain file|is missing|cannot be read"):
        opened(place)


def test_a_link_to_a_file_counts_where_it_is_followed(place):
    THINGS["link to a file outside"](place)
    assert is_plain(place) and read(place, most=100) == b"x" * 100
    assert not is_plain(place, follow=False)
    with pytest.raises(Unreadable, match="is a link, no plain file"):
        read(place, most=100, follow=False)


def test_a_file_is_read_up_to_a_limit(place):
    with place.open("wb") as handle:
        handle.truncate(1 << 40)
    with pytest.raises(Unreadable, match="more than the 1,000 bytes allowed"):
        read(place, most=1000)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_no_file_can_have_is_none(path, tmp_path):
    assert not is_plain(tmp_path / path)
    with pytest.raises(Unreadable):
        opened(tmp_path / path)
    assert not is_there(tmp_path / path)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ETIMEDOUT])
def test_a_disk_that_fails_makes_nothing_of_a_file(number, place, monkeypatch):
    place.write_text("x")
    assert is_plain(place) and is_there(place)

    def fail(path, **_):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "stat", fail)
    for asked in (is_plain, is_there):
        with pytest.raises(UserError, match=rf"{place.name}: {os.strerror(number)}: "):
            asked(place)


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "link to itself", "link to nothing"])
@pytest.mark.parametrize("reader", READERS)
def test_whoever_reads_what_is_handed_over_says_so_in_a_sentence(reader, kind, place):
    THINGS[kind](place)
    with pytest.raises(UserError) as caught:
        READERS[reader](place)
    assert "\n" not in str(caught.value) and "file.npz" in str(caught.value)


def test_pictures_of_a_run_and_of_a_directory_are_plain_files(place):
    os.mkfifo(place.with_name("0.png"))
    with pytest.raises(pictures.NoPicture, match="is a pipe"), pictures.opened(place.with_name("0.png")):
        pass
    with pytest.raises(BrokenImage, match="is a pipe"):
        Manifest(place.parent).read("0.png")

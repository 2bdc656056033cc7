"""Directories that kantor wrote, and that nothing is written among data."""

import os
import resource

import pytest
from PIL import Image
from small_runs import checked

from kantor.data.manifest import Manifest
from kantor.engine.sample import check_place
from kantor.errors import UserError
from kantor.marks import MARK, TEXT, check_apart, claim
from kantor.runs.directory import RunDirectory

WORDS = (
    "experiment=mnist_gan_mlp_quick", "data=folder", "data.image_size=28", "data.mode=L", "evaluation=none",
    "pictures=none",
)  # fmt: skip


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The working directory, with pictures in it, and runs below by default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    for level in range(6):
        Image.new("L", (28, 28), 40 * level).save(tmp_path / f"{level}.png")
    return tmp_path


def test_a_mark_is_whole_or_not_there(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            claim(tmp_path / "it")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "it").iterdir()) == []
    (tmp_path / "it" / f".{MARK}.here.1.01234567.tmp").touch()  # what a kill leaves
    claim(tmp_path / "it")
    assert (tmp_path / "it" / MARK).read_text() == TEXT


def test_runs_below_the_data_are_left_out_and_not_to_be_named_there(photos):
    run = checked(*WORDS, "data.root=.")
    run.directory.create()
    (run.directory.samples).mkdir()
    Image.new("L", (28, 28)).save(run.directory.samples / "grid.png")
    assert checked(*WORDS, "data.root=.").directory.path == run.directory.path  # the fingerprint is what it was
    for place in ("outputs", str(photos / "runs")):
        with pytest.raises(UserError, match=r"outputs=.* lies in \., whose pictures are data"):
            checked(*WORDS, "data.root=.", f"outputs={place}")


def test_samples_are_not_written_among_what_a_run_learned_from(photos):
    import yaml

    run = checked(*WORDS, "data.root=.")
    run.directory.create()
    run.directory.config_yaml.write_text(yaml.safe_dump(dict(run.configuration.plain)))
    directory = RunDirectory(run.directory.path)
    for place in ("grid.png", "new/samples", str(photos / "samples.npz")):
        with pytest.raises(UserError, match=r"out=.* lies in \., whose pictures are data"):
            check_place(directory, photos / place)
    check_place(directory, photos.parent / "grid.png")


def test_a_place_is_judged_by_where_it_leads(tmp_path):
    (tmp_path / "photos").mkdir()
    os.symlink(tmp_path / "photos", tmp_path / "link")
    for place in ("photos", "photos/x/y.png", "link/x", "photos/../photos/x"):
        with pytest.raises(UserError, match="whose pictures are data"):
            check_apart("out", str(tmp_path / place), [tmp_path / "photos"])
    for place in ("photos2", "photos/../x", "link.png"):
        check_apart("out", str(tmp_path / place), [tmp_path / "photos"])


def test_a_marked_directory_stays_marked_when_it_is_copied_or_moved(tmp_path):
    claim(tmp_path / "data" / "samples")
    Image.new("L", (8, 8)).save(tmp_path / "data" / "samples" / "0.png")
    (tmp_path / "data" / "samples").rename(tmp_path / "data" / "favourites")
    assert Manifest(tmp_path / "data").names == [] and Manifest(tmp_path / "data").listing.ours == ["favourites/"]
    (tmp_path / "data" / "favourites" / MARK).unlink()  # who wants them as data can have them
    assert Manifest(tmp_path / "data").names == ["favourites/0.png"]

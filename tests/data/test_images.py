from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import TinyImages

from kantor.data.images import DeviceImages, ImageData, ImageSet
from kantor.data.share import Share
from kantor.data.stream import ImageBlock
from kantor.errors import UserError


def numbered(n, shape=(1, 2, 2)):
    """uint8 (n, *shape), image i all i."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8).reshape(-1, 1, 1, 1), (n, *shape)).copy()


def which(images):
    return images[:, 0, 0, 0].tolist()


LABELS = np.arange(100, 120)
WHOLE = ImageSet(numbered(20), LABELS)
SOME = ImageSet(numbered(20), LABELS, np.array([17, 3, 4, 11, 0]))
UNLABELLED = ImageSet(numbered(20), None, np.array([17, 3]))


@pytest.mark.parametrize(
    ("images", "indices", "expected"),
    [
        (WHOLE, [0, 19, 7, 7], [0, 19, 7, 7]),
        (SOME, [0, 1, 4, 0], [17, 3, 0, 17]),
        (UNLABELLED, [1, 0], [3, 17]),
        (WHOLE, [], []),
    ],
)
def test_images_and_labels_are_taken_by_their_place_in_the_set(images, indices, expected):
    indices = np.array(indices, dtype=np.int64)
    taken = images.take(indices)
    assert taken.dtype == torch.uint8 and taken.shape == (len(expected), 1, 2, 2)
    assert which(taken) == expected
    if images.labels is None:
        assert images.labels_of(indices) is None
    else:
        assert images.labels_of(indices).tolist() == [100 + number for number in expected]


def test_lengths_are_those_of_the_rows():
    assert (len(WHOLE), len(SOME), len(UNLABELLED)) == (20, 5, 2)


def test_what_is_taken_is_a_copy():
    images = ImageSet(numbered(3))
    images.take(np.array([1])).fill_(99)
    assert which(images.take(np.arange(3))) == [0, 1, 2]


@pytest.mark.parametrize("images", [WHOLE, SOME], ids=["whole", "some"])
@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_subset_is_of_different_images_in_their_order_with_their_labels(images, n):
    subset = images.subset(n)
    everything = which(images.take(np.arange(len(images))))
    found = which(subset.take(np.arange(n)))
    assert len(subset) == n and len(set(found)) == n
    assert found == [number for number in everything if number in found]
    assert subset.labels_of(np.arange(n)).tolist() == [100 + number for number in found]
    assert subset.pixels is images.pixels  # nothing is copied


def test_a_subset_of_all_is_all():
    assert which(SOME.subset(5).take(np.arange(5))) == [17, 3, 4, 11, 0]


def test_a_subset_depends_on_its_size_and_the_sets_alone():
    """The same for everybody and for ever."""
    assert which(WHOLE.subset(4).take(np.arange(4))) == [0, 13, 14, 16]
    assert which(ImageSet(numbered(20)).subset(4).take(np.arange(4))) == [0, 13, 14, 16]


@pytest.mark.parametrize("n", [6, 100])
def test_a_subset_of_more_than_there_are_is_refused(n):
    with pytest.raises(UserError, match=rf"size={n}: the set has 5 images; expected at most that many"):
        SOME.subset(n)


def test_images_on_a_device_are_the_same():
    device = DeviceImages(torch.from_numpy(numbered(20)))
    assert len(device) == 20
    assert torch.equal(device.take(np.array([5, 0, 5])), WHOLE.take(np.array([5, 0, 5])))


class Numbered(ImageData):
    """Forty images to train on and ten held out, in memory; `version` stands for the content of files."""

    licence = "made in a test"
    sample_shape = (1, 2, 2)

    def __init__(self, *, version=0, **changed):
        self.version = version
        self.loaded = []
        settings = {
            "name": "numbered", "batch_size": 8, "size": None, "flip": False, "resident": "auto", "identity": "auto",
            "seed": 0,
        }  # fmt: skip
        super().__init__(**{**settings, **changed})

    def describe(self):
        return {"version": self.version}

    def load(self, split):
        self.loaded.append(split)
        return ImageSet(numbered(40 if split == "train" else 10) + (0 if split == "train" else 200))


def everything(images):
    return which(images.take(np.arange(len(images))))


def test_without_a_size_all_are_trained_on():
    assert everything(Numbered().train) == list(range(40)) == everything(Numbered(size=40).train)


@pytest.mark.parametrize("changed", [{"seed": 5}, {"batch_size": 3}, {"flip": True}, {"version": 1}])
def test_the_subset_of_a_size_is_the_same_for_everybody(changed):
    mine, theirs = Numbered(size=12), Numbered(size=12, **changed)
    assert everything(mine.train) == everything(theirs.train)
    assert len(set(everything(mine.train))) == 12
    assert everything(mine.test) == list(range(200, 210))  # all that is held out, whatever the size


def test_a_size_above_what_there_is_is_refused():
    with pytest.raises(UserError, match="size=41: the set has 40 images"):
        _ = Numbered(size=41).train


@pytest.mark.parametrize("changed", [{"size": 0}, {"size": -3}, {"batch_size": 0}])
def test_sizes_are_positive(changed):
    with pytest.raises(UserError, match=f"{next(iter(changed))}=.*: expected a number above 0"):
        Numbered(**changed)


def test_the_fingerprint_is_of_the_files_and_the_size():
    same = [Numbered(), Numbered(seed=1), Numbered(batch_size=2), Numbered(flip=True), Numbered(resident=True)]
    others = [Numbered(version=1), Numbered(size=12), Numbered(size=13)]
    assert len({data.fingerprint for data in same}) == 1
    assert len({data.fingerprint for data in [same[0], *others]}) == 4
    assert len(same[0].fingerprint) == 64


def test_changed_files_are_refused_before_they_are_loaded():
    configured = Numbered().fingerprint
    Numbered(identity=configured).prepare_data()
    changed = Numbered(identity=configured, version=1)
    with pytest.raises(UserError) as caught:
        changed.prepare_data()
    sentence = str(caught.value)
    assert configured[:10] in sentence and changed.fingerprint[:10] in sentence and "data=numbered" in sentence
    assert changed.loaded == []


def test_preparing_loads_both_splits():
    data = Numbered()
    data.prepare_data()
    assert sorted(data.loaded) == ["test", "train"]


def scaled(images, mirrored=None):
    block = ImageBlock(torch.from_numpy(images), None, None if mirrored is None else torch.tensor(mirrored))
    return Numbered().on_after_batch_transfer(block, 0).samples


def test_a_block_becomes_floats_from_minus_one_to_one():
    levels = np.array([0, 51, 102, 255], dtype=np.uint8).reshape(1, 1, 1, 2, 2)
    found = scaled(levels)
    assert found.dtype == torch.float32 and found.shape == (1, 1, 1, 2, 2)
    assert found.flatten().tolist() == pytest.approx([-1, -0.6, -0.2, 1], abs=1e-6)


def test_those_that_are_to_be_mirrored_are_left_to_right():
    images = np.arange(2 * 2 * 3 * 2 * 4, dtype=np.uint8).reshape(2, 2, 3, 2, 4)
    plain = scaled(images)
    found = scaled(images, [[True, False], [False, True]])
    assert torch.equal(found[0, 0], plain[0, 0].flip(-1)) and torch.equal(found[1, 1], plain[1, 1].flip(-1))
    assert torch.equal(found[0, 1], plain[0, 1]) and torch.equal(found[1, 0], plain[1, 0])


@pytest.mark.parametrize("labels", [None, torch.tensor([[3, 1]])])
def test_a_block_keeps_its_labels(labels):
    images = torch.zeros(1, 2, 1, 2, 2, dtype=torch.uint8)
    assert Numbered().on_after_batch_transfer(ImageBlock(images, labels, None), 0).labels is labels


class Labelled(Numbered):
    """Of four classes, of which the second and the last have no image."""

    classes = 4

    def load(self, split):
        images = super().load(split)
        return ImageSet(images.pixels, np.where(np.arange(len(images)) < 10, 2, 0))


def test_the_shares_of_classes_are_those_of_what_is_trained_on():
    assert Labelled().label_shares().tolist() == [0.75, 0, 0.25, 0]
    some = Labelled(size=8)
    expected = np.bincount(some.train.labels_of(np.arange(8)), minlength=4) / 8
    assert np.array_equal(some.label_shares(), expected) and some.label_shares().dtype == np.float64
    assert 0 < expected[2] != 0.25


def test_without_classes_there_are_no_shares():
    assert Numbered().classes is None and Numbered().label_shares() is None


@pytest.mark.parametrize("wrong", [4, -1])
def test_labels_of_other_classes_are_refused(wrong, monkeypatch):
    monkeypatch.setattr(Labelled, "load", lambda self, split: ImageSet(numbered(5), np.array([0, 1, wrong, 3, 3])))
    with pytest.raises(UserError, match=f"data=numbered has the label {wrong}; expected 0 … 3, one of 4 classes"):
        Labelled().label_shares()


def consumer(n_critic=1, step=0):
    """One that takes `n_critic` batches a step, on the CPU."""
    counts = {"batches_per_step": lambda k: n_critic, "batches_before": lambda k: n_critic * k}
    return SimpleNamespace(steps=step, device=torch.device("cpu"), **counts)


def test_blocks_begin_where_the_model_stands_with_its_batches():
    data = TinyImages(n=40, batch_size=8, flip=True)
    first = data.blocks(consumer(n_critic=3), Share())
    assert first.block(0).images.shape == (3, 8, 1, 8, 8) and first.block(0).mirrored.shape == (3, 8)
    resumed = next(iter(data.blocks(consumer(n_critic=3, step=2), Share())))
    assert torch.equal(resumed.images, first.block(2).images) and torch.equal(resumed.mirrored, first.block(2).mirrored)


@pytest.mark.parametrize("resident", ["auto", True, False])
def test_on_a_cpu_images_stay_where_they_are(resident):
    data = Numbered(resident=resident)
    stream = data.blocks(consumer(), Share())
    assert stream.images is data.train


def test_on_another_device_residency_is_chosen_or_automatic(monkeypatch):
    """Automatic: when they take at most half of the free memory; here 40 images of 4 bytes, half of 320."""
    cuda, mps = torch.device("cuda"), torch.device("mps")
    for free, resides in ((320, True), (319, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**6))
        assert Numbered()._resides_on(cuda) is resides
    assert Numbered(resident=True)._resides_on(cuda) and Numbered(resident=True)._resides_on(mps)
    assert not Numbered(resident=False)._resides_on(cuda) and not Numbered(resident=False)._resides_on(mps)


def test_images_are_copied_to_a_device_whole_and_in_order():
    data = Numbered(size=12)
    there = data._on(torch.device("cpu"))
    assert which(there.pixels) == everything(data.train)
    assert there.labels is None
    labelled = Labelled(size=12)
    places = np.array([11, 0, 5])
    found = labelled._on(torch.device("cpu")).labels_of(places)
    assert np.array_equal(found, labelled.train.labels_of(places))

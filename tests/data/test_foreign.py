"""Somebody's LightningDataModule, who knows nothing of kantor, as a data set."""

import random
import sys
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml
from tiny import fit, image_gan, quadrants
from torch.utils.data import DataLoader, TensorDataset, random_split
from torch.utils.data.distributed import DistributedSampler

import kantor as kantor_api
from kantor.data import foreign
from kantor.data.foreign import Foreign
from kantor.data.pixels import to_model
from kantor.data.share import Share
from kantor.data.stream import Block
from kantor.errors import UserError
from kantor.runs.directory import RunDirectory


def numbered(n):
    """uint8 (n, 1, 2, 2), image i all i."""
    return torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2)


def numbers(images):
    """Which of `numbered` they are, in nested lists; of a block or of images."""
    images = images.samples if isinstance(images, Block) else images
    return ((images[..., 0, 0, 0] + 1) * 127.5).round().int().tolist()


class Given(pl.LightningDataModule):
    """Batches as they are given."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def train_dataloader(self):
        return self.batches


class Shuffling(pl.LightningDataModule):
    """Numbered images with labels in a random order; by whose generator, `how` says. A sixth is split off by chance."""

    def __init__(self, how="torch", n=24, batch_size=5, drop_last=False, workers=0):
        super().__init__()
        self.how, self.n, self.batch_size, self.drop_last, self.workers = how, n, batch_size, drop_last, workers

    def prepare_data(self):
        torch.rand(1), np.random.rand(), random.random()

    def setup(self, stage):
        whole = TensorDataset(numbered(self.n), torch.arange(self.n) % 3)
        self.train, self.val = random_split(whole, [self.n - self.n // 6, self.n // 6])

    def train_dataloader(self):
        if self.how in ("numpy", "python"):
            return Reordered(self.train, np.random.shuffle if self.how == "numpy" else random.shuffle)
        own = torch.Generator().manual_seed(1) if self.how == "own generator" else None
        return DataLoader(
            self.train, batch_size=self.batch_size, shuffle=True, generator=own, drop_last=self.drop_last,
            num_workers=self.workers,
        )  # fmt: skip

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=3)


class Reordered:
    """Goes through a data set in threes, as a global generator orders it."""

    def __init__(self, images, shuffle):
        self.images, self.shuffle = images, shuffle

    def __iter__(self):
        order = list(range(len(self.images)))
        self.shuffle(order)
        for start in range(0, len(order), 3):
            yield torch.stack([self.images[i][0] for i in order[start : start + 3]])


SHUFFLERS = ["torch", "own generator", "numpy", "python"]


def data_of(module, *, batch_size=2, shape=(1, 2, 2), seed=0, name="mine", classes=None):
    return Foreign(
        name=name, batch_size=batch_size, sample_shape=list(shape), module=module, seed=seed, classes=classes
    )


def blocks_of(data, *, n_critic=3, step=0, share=None):
    """The stream of a model that takes `n_critic` batches a step."""
    model = SimpleNamespace(steps=step, batches_per_step=lambda k: n_critic, batches_before=lambda k: n_critic * k)
    return data.blocks(model, share or Share())


def batches_of_sizes(*sizes):
    return list(numbered(sum(sizes)).split(list(sizes)))


@pytest.mark.parametrize("sizes", [(8,), (3, 1, 4), (1,) * 8, (7, 1), (5, 0, 3)])
def test_batches_of_any_sizes_become_blocks_that_straddle_epochs_and_leave_nothing_out(sizes):
    stream = blocks_of(data_of(partial(Given, batches_of_sizes(*sizes))))
    assert numbers(stream.block(0)) == [[0, 1], [2, 3], [4, 5]]
    assert numbers(stream.block(1)) == [[6, 7], [0, 1], [2, 3]]
    assert numbers(stream.block(2)) == [[4, 5], [6, 7], [0, 1]]


def test_one_block_can_be_longer_than_an_epoch():
    stream = blocks_of(data_of(partial(Given, batches_of_sizes(2, 1))), n_critic=4)
    assert numbers(stream.block(0)) == [[0, 1], [2, 0], [1, 2], [0, 1]]


def test_steps_may_take_different_numbers_of_batches():
    data = data_of(partial(Given, batches_of_sizes(3, 4)))
    model = SimpleNamespace(
        steps=0, batches_per_step=lambda k: 2 if k == 0 else 1, batches_before=lambda k: k + 1 if k else 0
    )
    stream = data.blocks(model, Share())
    found = iter(stream)
    assert [numbers(next(found)) for _ in range(3)] == [[[0, 1], [2, 3]], [[4, 5]], [[6, 0]]]


@pytest.mark.parametrize("how", SHUFFLERS)
def test_block_k_is_the_same_whether_it_is_come_to_or_jumped_to(how):
    data = data_of(partial(Shuffling, how))
    stream = blocks_of(data)
    onwards = [numbers(stream.block(k)) for k in range(9)]
    for k in (8, 3, 4, 0):
        assert numbers(stream.block(k)) == onwards[k]
    assert numbers(next(iter(blocks_of(data, step=7)))) == onwards[7]


@pytest.mark.parametrize("how", SHUFFLERS)
@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_one_stream_whatever_their_own_generators_stand_at(how, world):
    data = data_of(partial(Shuffling, how), batch_size=4)
    whole = blocks_of(data).block(2)
    parts = []
    for rank in range(world):
        torch.manual_seed(rank), np.random.seed(rank), random.seed(rank)
        parts.append(blocks_of(data, share=Share(rank, world)).block(2))
    assert [part.samples.shape[1] for part in parts] == [4 // world] * world
    assert torch.equal(torch.cat([part.samples for part in parts], dim=1), whole.samples)
    if whole.labels is not None:
        assert torch.equal(torch.cat([part.labels for part in parts], dim=1), whole.labels)


@pytest.mark.parametrize("how", SHUFFLERS)
def test_every_epoch_is_another_order_of_the_same_images(how):
    data = data_of(partial(Shuffling, how, n=24), batch_size=20)
    stream = blocks_of(data, n_critic=1)
    epochs = [numbers(stream.block(k))[0] for k in range(4)]
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1 and len(set(epochs[0])) == 20
    assert all(first != second for first, second in pairwise(epochs))


def test_another_seed_of_the_run_is_another_order_of_the_same_split():
    first, second = (data_of(partial(Shuffling), batch_size=20, seed=seed) for seed in (0, 1))
    one, other = (numbers(blocks_of(data, n_critic=1).block(0))[0] for data in (first, second))
    assert one != other and sorted(one) == sorted(other)


def test_the_global_generators_are_left_as_they_were():
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    data = data_of(partial(Shuffling, "python"))
    data.prepare_data()
    blocks_of(data).block(1)
    assert len(data.train) and len(data.test)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def test_worker_processes_of_the_loader_change_nothing_from_one_reading_to_the_next():
    data = data_of(partial(Shuffling, workers=1))
    assert numbers(blocks_of(data).block(4)) == numbers(blocks_of(data).block(4))


def test_uint8_is_scaled_as_files_are_and_floats_are_taken_as_they_are():
    raw = torch.randint(256, (4, 3, 2, 2), dtype=torch.uint8)
    floats = torch.rand(4, 3, 2, 2, dtype=torch.float64) * 2 - 1
    data = data_of(partial(Given, [raw, (floats, torch.zeros(4))]), batch_size=4, shape=(3, 2, 2))
    served = blocks_of(data, n_critic=2).block(0)
    block = served.samples
    assert block.dtype == torch.float32 and block.shape == (2, 4, 3, 2, 2)
    assert torch.equal(block[0], to_model(raw)) and torch.equal(block[1], floats.float())
    assert data.on_after_batch_transfer(served, 0) is served


def test_rounding_outside_the_range_is_let_pass():
    images = torch.full((2, 1, 2, 2), 1.00005)
    assert torch.equal(blocks_of(data_of(partial(Given, [images])), n_critic=1).block(0).samples[0], images)


def at(value):
    images = torch.zeros(4, 1, 2, 2)
    images[2, 0, 1, 1] = value
    return images


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (at(255.0), r"data=mine: train_dataloader gives floats from 0 to 255; expected \[-1, 1\]: .*x / 127.5 - 1"),
        (at(-1.01), r"gives floats from -1.01 to 0; expected \[-1, 1\]"),
        (at(float("nan")), "gives NaN or infinite values"),
        (at(float("-inf")), "gives NaN or infinite values"),
        (torch.zeros(4, 2, 2), r"gives images without channels, \(4, 2, 2\); .*unsqueeze\(1\)"),
        (torch.zeros(4, 3, 2, 2), r"of shape \(3, 2, 2\); expected data.sample_shape=\[1, 2, 2\]"),
        (torch.zeros(4, 4), r"of shape \(4,\); expected data.sample_shape"),
        (torch.zeros(4, 1, 2, 2, dtype=torch.int64), "gives images of torch.int64; expected uint8"),
        ({"image": torch.zeros(4, 1, 2, 2)}, "gives batches of type dict; expected a tensor of images"),
        ([torch.zeros(4, 1, 2, 2)] * 3, "gives batches of type list"),
        (np.zeros((4, 1, 2, 2)), "gives batches of type ndarray"),
    ],
)
def test_batches_that_are_none_of_images_are_refused_in_a_sentence(batch, sentence):
    good = torch.zeros(2, 1, 2, 2)
    data = data_of(partial(Given, [good, batch]))
    assert blocks_of(data, n_critic=1).block(0).samples.shape == (1, 2, 1, 2, 2)
    with pytest.raises(UserError, match=sentence):
        blocks_of(data, n_critic=1).block(1)
    with pytest.raises(UserError, match=sentence):
        data.load("train")
    with pytest.raises(UserError, match=sentence):
        data_of(partial(Given, [batch])).prepare_data()


@pytest.mark.parametrize("how", ["torch", "own generator"])
def test_labels_are_regrouped_with_their_images(how):
    data = data_of(partial(Shuffling, how), batch_size=3)
    for block in (blocks_of(data).block(k) for k in (0, 5, 2)):
        assert block.labels.shape == (3, 3) and block.labels.dtype == torch.int64
        assert (block.labels % 3).tolist() == (torch.tensor(numbers(block)) % 3).tolist()


def test_a_block_in_which_an_image_has_no_label_has_none():
    batches = [(numbered(4), torch.tensor([5, 6, 7, 8])), numbered(4)]
    stream = blocks_of(data_of(partial(Given, batches)), n_critic=1)
    assert [None if stream.block(k).labels is None else stream.block(k).labels.tolist() for k in range(4)] == [
        [[5, 6]], [[7, 8]], None, None,
    ]  # fmt: skip
    assert blocks_of(data_of(partial(Given, batches)), n_critic=3).block(0).labels is None


def test_classes_are_what_is_said_and_shares_those_of_an_epoch():
    batches = [(numbered(3), torch.tensor([0, 2, 2])), (numbered(1), torch.tensor([3], dtype=torch.int16))]
    data = data_of(partial(Given, batches), classes=5)
    assert data.classes == 5 and data.label_shares().tolist() == [0.25, 0, 0.5, 0.25, 0]
    unsaid = data_of(partial(Given, batches))
    assert unsaid.classes is None and unsaid.label_shares() is None


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        (numbered(2), "data=mine: train_dataloader gives no labels, but data.classes=3: .*data.classes=null"),
        ((numbered(2), torch.tensor([0.0, 1.0])), "gives no labels, but data.classes=3"),
        ((numbered(2), torch.tensor([0, 3])), "train_dataloader has the label 3; expected 0 … 2, one of 3 classes"),
        ((numbered(2), torch.tensor([-1, 0])), "has the label -1; expected 0 … 2"),
    ],
)
def test_labels_that_do_not_fit_the_classes_are_refused_before_training(batch, sentence):
    with pytest.raises(UserError, match=sentence):
        data_of(partial(Given, [batch]), classes=3).prepare_data()


class Distributed(Shuffling):
    def train_dataloader(self):
        return DataLoader(self.train, sampler=DistributedSampler(self.train, num_replicas=2, rank=0))


class OnTheDevice(Shuffling):
    def on_after_batch_transfer(self, batch, dataloader_idx):
        return batch


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (partial(Given, []), r"train_dataloader has no image in epoch 1; .*again and again"),
        (partial(Given, None), "train_dataloader returned a NoneType; expected a DataLoader"),
        (partial(Given, [DataLoader(TensorDataset(numbered(2)))]), "batches of type DataLoader"),
        (partial(Distributed), "has a DistributedSampler, but kantor shares batches itself"),
        (partial(OnTheDevice), "OnTheDevice overrides on_after_batch_transfer, which kantor does not call"),
        (partial(TensorDataset, numbered(2)), "TensorDataset made a TensorDataset; expected a LightningDataModule"),
    ],
)
def test_modules_that_cannot_be_read_are_refused_before_training(module, sentence):
    with pytest.raises(UserError, match=sentence):
        data_of(module).prepare_data()


def test_a_loader_that_can_be_read_only_once_is_refused_at_its_second_epoch():
    stream = blocks_of(data_of(lambda: Given(iter(batches_of_sizes(3, 3)))), n_critic=1)
    assert [numbers(stream.block(k)) for k in range(3)] == [[[0, 1]], [[2, 3]], [[4, 5]]]
    with pytest.raises(UserError, match="train_dataloader has no image in epoch 2"):
        stream.block(3)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"classes": 0}, "classes=0: expected a number above 0"),
        ({"sample_shape": [64, 64]}, r"sample_shape=\[64, 64\]: expected \[channels, height, width\]"),
        ({"sample_shape": [3, 0, 64]}, r"sample_shape=\[3, 0, 64\]"),
        ({"sample_shape": 64}, "sample_shape=64"),
        ({"module": Given([])}, "module: Given is made already, .*_partial_: true beside its _target_"),
        ({"module": Given}, "module: Given: missing a required argument: 'batches'"),
        ({"module": partial(Shuffling, size=3)}, "module: Shuffling: got an unexpected keyword argument 'size'"),
    ],
)
def test_wrong_settings_are_refused(changed, sentence):
    settings = {"name": "mine", "batch_size": 2, "sample_shape": [1, 2, 2], "module": Shuffling, "seed": 0}
    with pytest.raises(UserError, match=sentence):
        Foreign(**{**settings, **changed})


def test_sets_of_real_images_are_one_epoch_and_what_is_held_out():
    data = data_of(partial(Shuffling, n=24))
    train, test = data.train, data.test
    assert (len(train), len(test)) == (20, 4)
    shown = [int(image[0, 0, 0]) for image in (*train.pixels, *test.pixels)]
    assert sorted(shown) == list(range(24))
    assert [n % 3 for n in shown] == [*train.labels, *test.labels]
    streamed = numbers(blocks_of(data, n_critic=10).block(0))
    assert sorted(n for batch in streamed for n in batch) == sorted(shown[:20])  # the split is that of training


@pytest.mark.parametrize("how", SHUFFLERS)
def test_sets_of_real_images_are_the_same_for_every_seed_and_change_nothing_in_the_stream(how):
    first, second = (data_of(partial(Shuffling, how), seed=seed) for seed in (0, 1))
    before = numbers(blocks_of(first).block(5))
    assert np.array_equal(first.train.pixels, second.train.pixels)
    assert np.array_equal(first.test.pixels, second.test.pixels)
    assert numbers(blocks_of(first).block(5)) == before


def test_floats_are_kept_as_the_levels_they_came_from_and_odd_labels_not_at_all():
    raw = torch.arange(256, dtype=torch.uint8).view(64, 1, 2, 2)
    data = data_of(partial(Given, [(to_model(raw), torch.rand(64))]))
    assert np.array_equal(data.train.pixels, raw.numpy())
    assert data.train.labels is None


class OnlyTested(Given):
    def setup(self, stage):
        self.stage = stage

    def test_dataloader(self):
        assert self.stage == "test"
        return [numbered(3)]


def test_held_out_images_come_from_the_test_loader_where_there_is_no_other_and_may_be_missing():
    assert len(data_of(partial(OnlyTested, [numbered(2)])).test) == 3
    none = data_of(partial(Given, [numbered(2)])).test
    assert len(none) == 0 and none.pixels.shape == (0, 1, 2, 2)


def test_more_pixels_than_are_kept_in_memory_are_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(foreign, "KEPT_BYTES", 20 * 4 - 1)
    with pytest.raises(UserError, match=r"data=mine: an epoch of train_dataloader .*evaluation=none.*~pictures"):
        data_of(partial(Shuffling, n=24)).load("train")
    assert len(data_of(partial(Shuffling, n=22)).train) == 19


def test_the_fingerprint_is_of_class_and_arguments():
    first = data_of(partial(Shuffling, n=24)).fingerprint
    assert len(first) == 64
    assert first == data_of(partial(Shuffling, n=24), batch_size=4, seed=3, name="yours").fingerprint
    others = [
        partial(Shuffling, n=25),
        partial(Shuffling),
        partial(Distributed, n=24),
        partial(Shuffling, "numpy", n=24),
    ]
    assert len({first, *(data_of(module).fingerprint for module in others)}) == 5
    assert data_of(partial(Given, object())).fingerprint == data_of(partial(Given, object())).fingerprint


def test_the_fingerprint_is_of_the_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for comment in ("", "", "# changed\n"):
        (tmp_path / "lab_source.py").write_text(f"{comment}class Mine:\n    pass\n")
        sys.modules.pop("lab_source", None)
        import lab_source

        found.append(data_of(lab_source.Mine).fingerprint)
    assert found[0] == found[1] != found[2]


class Augmented(pl.LightningDataModule):
    """Quadrants of 8×8 pixels, shuffled and mirrored by torch's generator, as tutorials do it."""

    def train_dataloader(self):
        def mirrored(samples):
            images = to_model(torch.stack([image for (image,) in samples]))
            return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(-1))

        return DataLoader(
            TensorDataset(torch.from_numpy(quadrants(21)[0])), batch_size=6, shuffle=True, collate_fn=mirrored
        )


def trained(steps, checkpoint=None):
    model = image_gan(n_critic=2)
    return model, fit(model, data_of(Augmented, batch_size=4, shape=(1, 8, 8), seed=3), steps, checkpoint=checkpoint)


def test_a_resumed_run_is_the_uninterrupted_one_and_says_on_what_that_rests(tmp_path, capsys):
    whole, _ = trained(7)
    assert capsys.readouterr().err == ""
    trained(3)[1].save_checkpoint(tmp_path / "three.ckpt")
    resumed, _ = trained(7, tmp_path / "three.ckpt")
    assert resumed.steps == 7
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
    said = capsys.readouterr().err
    assert said.count("data=mine: reading up to image 24, where the run stood") == 1 and "Augmented" in said


LAB = '''
"""Pictures of a lab that has never heard of kantor."""

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset


class Stripes(pl.LightningDataModule):
    def __init__(self, directory, batch_size=7):
        super().__init__()
        self.directory, self.batch_size = directory, batch_size

    def prepare_data(self):
        rows = torch.arange(40).view(40, 1, 1, 1) + torch.arange(8).view(8, 1)
        torch.save((rows % 3 - 1.0).expand(40, 1, 8, 8).clone(), f"{self.directory}/stripes.pt")

    def setup(self, stage=None):
        images = torch.load(f"{self.directory}/stripes.pt")
        self.train = TensorDataset(images[:30], torch.arange(30))
        self.val = TensorDataset(images[30:], torch.arange(10))

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=self.batch_size)
'''


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A package of the user's and a directory of YAML files that name it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lab_pictures", raising=False)
    (tmp_path / "lab_pictures.py").write_text(LAB)
    data = {
        "_target_": "kantor.data.foreign.Foreign",
        "name": "stripes",
        "batch_size": 4,
        "sample_shape": [1, 8, 8],
        "module": {"_target_": "lab_pictures.Stripes", "_partial_": True, "directory": str(tmp_path)},
    }
    model = {
        "_target_": "kantor.models.adversarial.Adversarial",
        "classes": None,
        "latent": {"_target_": "kantor.models.latent.Normal", "dim": 4},
        "generator": {"_target_": "tiny.Maker"},
        "critic": {"_target_": "tiny.Flat"},
    }
    experiment = {
        "defaults": [
            {f"override /{group}": name}
            for group, name in {
                "data": "stripes", "model": "tiny", "objective": "non_saturating", "optimisation": "adam_images",
                "evaluation": "quick", "pictures": "images",
            }.items()
        ] + ["_self_"],
        "primary_score": "kid",
        "budget": {"steps": 4},
        "evaluation": {"n": 6, "draws": 2, "chunk": 6, "every": 9, "neighbours": 2, "threads": 1},
        "extractor": {"otherwise": {"size": 8}},
        "pictures": {"every": 9, "callbacks": {
            "grids": {"side": 2}, "side_by_side": {"side": 2}, "interpolation": {"rows": 2, "columns": 3},
            "neighbours": {"samples": 2, "neighbours": 2},
        }},
        "trainer": {"accelerator": "cpu", "precision": "32-true", "threads": 1, "checkpoint_every": 2, "log_every": 2},
    }  # fmt: skip
    conf = tmp_path / "my_conf"
    for path, node in (("data/stripes", data), ("model/tiny", model), ("experiment/lab", experiment)):
        (conf / path).parent.mkdir(parents=True)
        head = "# @package _global_\n# of the lab\n" if path.startswith("experiment") else "# of the lab\n"
        (conf / f"{path}.yaml").write_text(head + yaml.safe_dump(node, sort_keys=False))
    return ["--config-dir", str(conf)]


def test_the_command_line_trains_scores_draws_and_goes_on_with_it(kantor, lab, tmp_path, monkeypatch):
    kantor("train", *lab, "experiment=lab")
    (path,) = (tmp_path / "outputs" / "lab").iterdir()
    run = kantor_api.load(path)
    assert RunDirectory(path).status()["counters"]["images_seen"] == 16
    scored = run.card["evaluations"][0]
    assert scored["protocol"]["data"]["name"] == "stripes" and scored["scores"]["kid"]["floor"]["n"] == 6
    for picture in ("real_and_generated.png", "neighbours.png"):
        assert (path / "figures" / picture).is_file()
    monkeypatch.setenv("KANTOR_TRUST", "lab_pictures,tiny")
    said = kantor("train", f"run={path}", "budget.steps=9").stderr
    assert "reading up to image 16" in said
    (longer,) = (other for other in (tmp_path / "outputs" / "lab").iterdir() if other != path)
    assert RunDirectory(longer).status()["counters"]["images_seen"] == 36
    assert kantor_api.load(longer).sample(3, seed=1).shape == (3, 8, 8, 1)


def test_the_command_line_trains_without_scores_on_a_module_that_holds_nothing_out(kantor, lab, tmp_path):
    source = tmp_path / "lab_pictures.py"
    source.write_text(source.read_text().partition("    def val_dataloader")[0])
    kantor("train", *lab, "experiment=lab", "evaluation=none")
    (path,) = (tmp_path / "outputs" / "lab").iterdir()
    assert (path / "samples").is_dir()
    refused = kantor("train", *lab, "experiment=lab", "seed=1", check=2).stderr
    assert "30 pictures to train on and 0 held out" in refused


def test_the_command_line_refuses_wrong_values_before_it_writes_anything(kantor, lab, tmp_path):
    source = tmp_path / "lab_pictures.py"
    source.write_text(source.read_text().replace("% 3 - 1.0", "* 5.0"))
    refused = kantor("train", *lab, "experiment=lab", check=2).stderr
    assert "data=stripes: train_dataloader gives floats from" in refused
    assert not (tmp_path / "outputs").exists()


def test_the_data_card_shows_it(kantor, lab):
    shown = kantor("data", "stripes", *lab).stdout
    assert "30 to train on, 10 held out" in shown and "30 different, not served: data.classes is null" in shown

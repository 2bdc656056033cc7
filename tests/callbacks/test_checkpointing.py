import pytest
import pytorch_lightning as pl
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tiny import each_model, fit, gan, points

from kantor.callbacks.checkpointing import Checkpointing
from kantor.runs import checkpoints
from kantor.runs.checkpoints import AtomicCheckpointIO


class Seen(pl.Callback):
    """Which step the last checkpoint is of, after each step."""

    def __init__(self, directory):
        self.path, self.steps = directory.checkpoints / "last.ckpt", []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps.append(checkpoints.counters(self.path)["steps"] if self.path.exists() else None)


@pytest.mark.parametrize(
    ("every", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [None, 2, 2, 4, 5]), (100, [None, None, None, None, 5])]
)
def test_checkpoints_are_written_every_so_many_steps_and_at_the_end(directory, every, expected):
    seen = Seen(directory)
    fit(gan(), points(), 5, Checkpointing(directory, every=every), seen)
    assert seen.steps == expected


def test_the_one_before_is_kept(directory):
    fit(gan(), points(), 5, Checkpointing(directory, every=2), plugins=[AtomicCheckpointIO()])
    for name, step in (("last", 5), ("previous", 4)):
        assert checkpoints.counters(directory.checkpoints / f"{name}.ckpt")["steps"] == step
    assert sorted(path.name for path in directory.checkpoints.iterdir()) == [
        "generator.safetensors", "last.ckpt", "previous.ckpt",
    ]  # fmt: skip


def check_export(directory, model, weights):
    """What is exported is what the model samples with, under the metadata that say so."""
    path = directory.checkpoints / "generator.safetensors"
    exported = load_file(path)
    with safe_open(path, "pt") as handle:
        assert handle.metadata() == {"weights": weights}
    networks = model.weights(weights)
    tensors = {
        f"{name}.{key}" if len(networks) > 1 else key: tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    assert exported.keys() == tensors.keys() and all(torch.equal(exported[key], tensors[key]) for key in tensors)


@pytest.mark.parametrize("weights", ["ema", "raw"])
@each_model
def test_what_sampling_needs_is_exported(directory, kind, weights):
    model = kind.model(**({} if weights == "ema" else {"averaging": None}))
    fit(model, kind.data(), 3, Checkpointing(directory, every=1))
    check_export(directory, model, weights)


def test_the_average_is_exported_not_the_raw_weights(directory):
    fit(gan(), points(), 3, Checkpointing(directory, every=1))
    saved = torch.load(directory.checkpoints / "last.ckpt", weights_only=True)["state_dict"]
    exported = load_file(directory.checkpoints / "generator.safetensors")
    assert not any(torch.equal(tensor, saved[f"generator.{name}"]) for name, tensor in exported.items())


def test_raw_weights_saved_as_the_average_are_seen(directory, monkeypatch):
    """Mutation: what is exported under "ema" is the generator."""
    write = checkpoints.export_weights
    model = gan()
    monkeypatch.setattr(
        checkpoints, "export_weights", lambda networks, *others: write(model.sampling_networks(), *others)
    )
    fit(model, points(), 3, Checkpointing(directory, every=1))
    with pytest.raises(AssertionError):
        check_export(directory, model, "ema")


def test_equal_weights_export_equal_bytes(directory):
    exported = []
    for _ in range(2):
        fit(gan(), points(), 2, Checkpointing(directory, every=1))
        exported.append((directory.checkpoints / "generator.safetensors").read_bytes())
    assert exported[0] == exported[1]
    with safe_open(directory.checkpoints / "generator.safetensors", "pt") as handle:
        assert len(handle.metadata()) <= 1  # several keys come in an order that varies between processes

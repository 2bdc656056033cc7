"""Checkpoints: written whole or not at all, with the one before kept, sealed by a digest, read without executing
anything."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import CheckpointIO
from safetensors.torch import save as packed
from torch import nn

from kantor.atomic import remove, replacing, second_name, write_bytes
from kantor.causes import explained, is_beyond_memory
from kantor.errors import NonFiniteError, UserError
from kantor.messages import say
from kantor.plain_files import is_there
from kantor.runs.directory import RunDirectory
from kantor.runs.shapes import Unlike, count, mapped, record
from kantor.seals import is_whole, seal_zip

END = 22
"""Bytes that end a zip without a comment."""

KEEP = ("last", "best")
"""What `checkpoint=` may name."""

WITHOUT = {
    "last": ", which samples and scores are made of; generator.safetensors is for other programs, and holds weights "
    "without counters and chains: bring it back, or take its training command with rerun=true",
    "best": ": scores while training choose it, of which a likelihood as primary_score is none",
}
"""What is said where there is none."""


def tensor(value: object, place: str) -> None:
    """A tensor all of whose real numbers are in the file."""
    if not isinstance(value, torch.Tensor):
        raise Unlike(place, "a tensor")
    plain = value.layout == torch.strided and not (value.is_quantized or value.is_complex() or value.is_meta)
    if not plain or value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise Unlike(place, "a tensor of real numbers, each of them written out")


CONTENT = record({"kantor_counters": mapped(count), "state_dict": mapped(tensor)})
"""The shape of what a checkpoint holds, as far as kantor reads it."""


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's way to the disk. A last.ckpt that is replaced stays as previous.ckpt; at each moment one is whole."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write to a temporary sibling, seal, fsync, keep the old one, rename."""
        path = Path(path)
        with replacing(path, keep=path.with_name("previous.ckpt") if path.name == "last.ckpt" else None) as file:
            torch.save(checkpoint, file)
            seal_zip(file)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any = "cpu",
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Read tensors and plain containers; anything else is refused."""
        return torch.load(path, map_location="cpu", weights_only=True)

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete."""
        remove(Path(path))


def save(trainer: pl.Trainer, model: nn.Module, path: Path) -> None:
    """Write a checkpoint of the training as it stands; called on every process.

    Raises:
        NonFiniteError: some weights are NaN or infinite; the first is named, and nothing is written.
    """
    name = not_finite(model.state_dict())
    if name is not None:
        raise NonFiniteError(f"{name} is no longer finite: training diverged; the last checkpoint is from before")
    trainer.save_checkpoint(path)


def can_be_loaded(path: Path) -> bool:
    """Whether a checkpoint is whole, and this torch reads it.

    Raises:
        UserError: the disk does not let it be read, which says nothing of what is in it.
    """
    if not is_whole(path):
        return False
    try:
        CONTENT(held(path), "")
        return is_plain_zip(path)
    except OSError as error:
        raise UserError(explained(error)) from error
    except Exception as error:  # whatever else it is, there may be another checkpoint
        if is_beyond_memory(error):
            raise
        return False


def is_plain_zip(path: Path) -> bool:
    """Whether a zip is as torch writes them: no member is packed, and all of them together are no larger than it."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    return stored and sum(member.file_size for member in members) <= path.stat().st_size


def fault_of(path: Path) -> str:
    """What is wrong with a checkpoint that cannot be loaded, in words that follow its path."""
    if not is_there(path):
        return "missing"
    with path.open("rb") as file:
        file.seek(-min(END, file.seek(0, os.SEEK_END)), os.SEEK_END)
        end = file.read()
    bare = end.startswith(b"PK\5\6") and end.endswith(b"\0\0")  # the length of its comment
    return "of an earlier version of kantor, which left it without a digest" if bare else "damaged"


def to_resume(directory: RunDirectory) -> tuple[Path | None, str | None]:
    """The checkpoint to go on from, and a sentence when it is not the last one.

    Returns:
        (None, None) when there is none at all.

    Raises:
        UserError: there are checkpoints, and all are damaged.
    """
    last, previous = directory.checkpoints / "last.ckpt", directory.checkpoints / "previous.ckpt"
    if not is_there(last) and not is_there(previous):
        return None, None
    if can_be_loaded(last):
        return last, None
    fault = fault_of(last)
    if can_be_loaded(previous):
        return previous, f"{last} is {fault}: taking the checkpoint before it"
    raise UserError(
        f"{last} is {fault} and there is no whole previous.ckpt: its training command with rerun=true starts it anew"
    )


def promote_previous(directory: RunDirectory) -> Path:
    """Put previous.ckpt in the place of a damaged last.ckpt, so that the next save keeps a whole one; its path."""
    last = directory.checkpoints / "last.ckpt"
    second_name(directory.checkpoints / "previous.ckpt", last)
    return last


def read(directory: RunDirectory, which: str) -> dict[str, Any]:
    """The checkpoint called `which`: last (or the one before it, when it is damaged) or best.

    Raises:
        UserError: there is none, or it is damaged.
    """
    if which not in KEEP:
        raise UserError(f"checkpoint={which}: expected one of {', '.join(KEEP)}")
    path: Path | None = directory.checkpoints / f"{which}.ckpt"
    if which == "last":
        path, note = to_resume(directory)
        if note is not None:
            say(note)
    if path is None or not is_there(path):
        raise UserError(f"{directory.path} has no {which}.ckpt{WITHOUT[which]}")
    if not can_be_loaded(path):
        raise UserError(f"{path} is {fault_of(path)}: take another checkpoint, such as checkpoint=last")
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    name = not_finite(found["state_dict"])
    if name is not None:
        raise UserError(
            f"{path}: {name} is not finite, and nothing can be drawn with such weights: take another checkpoint, or "
            "train the run again"
        )
    return found


def not_finite(weights: Mapping[str, torch.Tensor]) -> str | None:
    """The name of the first tensor in which a number is NaN or infinite; None where there is none."""
    of_reals = ((name, one) for name, one in weights.items() if one.is_floating_point())
    return next((name for name, one in of_reals if not bool(one.isfinite().all())), None)


def held(path: Path) -> dict[str, Any]:
    """What is in a checkpoint; its tensors are read when somebody looks at them."""
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return found


def counters(path: Path) -> dict[str, int]:
    """The counters in a checkpoint; its tensors are not read."""
    found: dict[str, int] = held(path)["kantor_counters"]
    return found


def sampling_tensors(networks: Mapping[str, nn.Module]) -> dict[str, torch.Tensor]:
    """What sampling needs, by name; with several networks, names begin with the network's."""
    return {
        f"{name}.{key}" if len(networks) > 1 else key: tensor.detach().cpu().contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def export_weights(networks: Mapping[str, nn.Module], weights: str, directory: RunDirectory) -> None:
    """Write what sampling needs as generator.safetensors; equal weights give equal bytes.

    Args:
        networks: by name.
        weights: what they are called, for the file's one key of metadata.
        directory: whose.
    """
    write_bytes(
        directory.checkpoints / "generator.safetensors", packed(sampling_tensors(networks), {"weights": weights})
    )

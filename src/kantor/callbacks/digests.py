"""Digests of a training's state, for whoever retrains it later to compare with."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import pytorch_lightning as pl
import torch

from kantor.callbacks.trigger import due
from kantor.digests import sha256
from kantor.evaluation import tensor_files
from kantor.models.base import GenerativeModel
from kantor.runs import checkpoints
from kantor.runs.digest_rows import DigestRow, append_digests
from kantor.runs.directory import RunDirectory


class Digests(pl.Callback):
    """Adds a row to digests.csv before each checkpoint, every `every` steps and when training ends.

    Before: where a kill comes in between, the run goes on from the checkpoint of before, and the row is taken out.

    Args:
        directory: whose file it is.
        every: steps between checkpoints.
    """

    def __init__(self, directory: RunDirectory, *, every: int) -> None:
        self.directory = directory
        self.every = every
        self._last: int | None = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Add a row if it is time, or if this was the last step."""
        assert isinstance(pl_module, GenerativeModel)
        if due(trainer, pl_module, self.every):
            self._add(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add that of a run that had all its steps already."""
        assert isinstance(pl_module, GenerativeModel)
        self._add(trainer, pl_module)

    def _add(self, trainer: pl.Trainer, model: GenerativeModel) -> None:
        if not trainer.is_global_zero:
            return
        if self._last is None:
            rows = self.directory.digest_rows()
            self._last = rows[-1].steps if rows else 0
        if model.steps > self._last:
            append_digests(self.directory.digests_csv, state_of(trainer, model))
            self._last = model.steps


def state_of(trainer: pl.Trainer, model: GenerativeModel) -> DigestRow:
    """The digests of a training as it stands."""
    sampling = checkpoints.sampling_tensors(model.weights(model.weights.default))
    return DigestRow(
        model.steps,
        tensor_files.digest(model.state_dict()),
        digest_of_optimizers([optimizer.state_dict() for optimizer in trainer.optimizers]),
        tensor_files.digest(sampling),
    )


def digest_of_optimizers(states: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of what optimizers keep, in a training or in its checkpoint."""
    tensors: dict[str, torch.Tensor] = {}
    settings = _without_tensors(list(states), "", tensors)
    return sha256([tensor_files.digest(tensors), repr(settings)])


def _without_tensors(value: Any, place: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Nested containers as lists, without the tensors in them, which are put into `tensors` by their place."""
    if isinstance(value, torch.Tensor):
        tensors[place] = value
        return None
    if isinstance(value, Mapping):
        ordered = sorted(((str(key), inner) for key, inner in value.items()), key=itemgetter(0))
        return [(key, _without_tensors(inner, f"{place}.{key}", tensors)) for key, inner in ordered]
    if isinstance(value, list | tuple):
        return [_without_tensors(inner, f"{place}.{index}", tensors) for index, inner in enumerate(value)]
    return value

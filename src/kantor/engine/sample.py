"""`kantor sample`: samples from a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.config.compose import changed
from kantor.config.schema import Configuration
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.engine.assembly import Assembly, assemble, restore
from kantor.engine.check import check_drawing
from kantor.engine.redraw import Likeness
from kantor.errors import UserError
from kantor.evaluation.generation import generate
from kantor.marks import check_apart
from kantor.models.base import GenerativeModel
from kantor.models.sampling import Sampling
from kantor.numerics import numerics
from kantor.processes import Processes
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct

CHUNK = 256
"""Samples drawn as one batch: the first 64 of 100 are those of 64. Fewer go through the networks as a whole chunk too,
of which the rest is thrown away: kernels round otherwise for another size."""

PICTURES_IN_STEPS = 16
"""The same for pictures that take many evaluations, which nobody wants to wait for and throw away."""

ALONE = (("trainer.nodes", 1), ("trainer.devices", 1), ("evaluation._target_", None))
"""What is asked of a run that only draws: one process, and nothing to score with."""

ALL_CLASSES = "all"
"""The condition that asks for one class after the other."""


class Drawn(NamedTuple):
    """Samples, and what drew them.

    Attributes:
        samples: float32 (n, 2) for points, in data units; uint8 (n, H, W, C) for pictures.
        sampling: as a card has it: weights, sampler, its settings, checkpoint.
    """

    samples: np.ndarray
    sampling: dict[str, Any]


def sample(
    directory: RunDirectory,
    n: int,
    *,
    seed: int = 0,
    weights: str | None = None,
    checkpoint: str = "last",
    sampler: str | None = None,
    overrides: Sequence[tuple[str, Any]] = (),
    condition: str | None = None,
    likeness: Likeness | None = None,
    config_dirs: list[str] | None = None,
) -> Drawn:
    """Draw samples from a run.

    Args:
        directory: the run.
        n: how many.
        seed: another seed takes other samples; the first m of n are those of m.
        weights: `raw`, `ema`, or `ema:0.999` of several averages; None for `ema` where an average is kept, else `raw`.
        checkpoint: `last` or `best`.
        sampler: the name of a sampler; None for the run's own.
        overrides: values for dotted keys, of the sampler.
        condition: of a conditional model a label, or `all`: sample i has label i mod classes. None draws labels as the
            training data have them.
        likeness: a picture of which variants are drawn, by a denoising model.
        config_dirs: directories with further groups, of samplers.

    Raises:
        UserError: one of these is not to be had.
    """
    if n < 1:
        raise UserError(f"n={n}: expected at least 1 sample")
    run = load(directory, checkpoint, sampler=sampler, overrides=overrides, config_dirs=config_dirs)
    sampler_used = run.sampler if likeness is None else likeness.sampler(run)
    kept = run.model.weights
    sampling = Sampling(kept.default if weights is None else kept.called(weights), sampler_used)
    samples = drawn(run, sampling, n, seed=seed, condition=condition)
    return Drawn(samples, sampling.describe() | {"checkpoint": checkpoint})


def drawn(run: Assembly, sampling: Sampling, n: int, *, seed: int, condition: str | None) -> np.ndarray:
    """Samples as files hold them, chunk by chunk, on the run's device where there is one; arguments as of `sample`.

    Raises:
        UserError: the model does not take this condition.
    """
    device = run.device if is_here(run.device) else torch.device("cpu")
    model, size = run.model.to(device), chunk_of(run)
    labels = labels_of(condition, -(-n // size) * size, model)

    def of_chunk(chunk: int, rng: keyed.Rng) -> Tensor:
        these = None if labels is None else labels[chunk * size : (chunk + 1) * size].to(device)
        return as_files_hold(sampling(model, size, rng=rng, condition=these))

    with numerics(threads=torch.get_num_threads()):
        return generate(
            of_chunk,
            n,
            chunk=size,
            key=lambda chunk: keyed.seed(seed, "sample", chunk),
            processes=Processes(),
            device=device,
        )


def is_here(device: torch.device) -> bool:
    """Whether this machine has such a device: a run may have been trained on another machine."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return there.get(device.type, True)


def check_place(directory: RunDirectory, out: Path) -> None:
    """Check that samples are not written among the pictures that a run learned from.

    Raises:
        UserError: they are.
    """
    data = Configuration(directory.config(), of_run=True).build("data", seed=0)
    if isinstance(data, ImageData):
        check_apart("out", str(out), data.inputs)


def chunk_of(run: Assembly) -> int:
    """Samples drawn as one batch: of a kind of models and of data, whatever the sampler's settings."""
    in_one_pass = run.model.sampler_kind is Direct
    return CHUNK if in_one_pass or run.data.content == "points" else PICTURES_IN_STEPS


def labels_of(condition: str | None, n: int, model: GenerativeModel) -> Tensor | None:
    """The labels of n samples, int64; None where the model draws them itself.

    Raises:
        UserError: the model is unconditional, or has no such class.
    """
    if condition is None:
        return None
    if model.classes is None:
        raise UserError(f"condition={condition}: the model is unconditional; leave it out, or train a conditional one")
    if condition == ALL_CLASSES:
        return torch.arange(n) % model.classes
    if not condition.isdecimal() or int(condition) >= model.classes:
        raise UserError(
            f"condition={condition}: expected a label from 0 to {model.classes - 1}, or {ALL_CLASSES} for one class "
            "after the other"
        )
    return torch.full((n,), int(condition))


def load(
    directory: RunDirectory,
    checkpoint: str = "last",
    *,
    sampler: str | None = None,
    overrides: Sequence[tuple[str, Any]] = (),
    config_dirs: list[str] | None = None,
) -> Assembly:
    """A run with the weights of one of its checkpoints, the model in eval mode on the CPU.

    Raises:
        UserError: there is no such checkpoint or sampler, or the run's configuration names code outside what is
            trusted.
    """
    configuration = changed(
        Configuration(directory.config(), of_run=True),
        chosen={} if sampler is None else {"sampler": sampler},
        overrides=[*ALONE, *overrides],
        config_dirs=config_dirs,
    )
    run = assemble(configuration, directory.path)
    check_drawing(run)
    restore(run, checkpoint)
    run.model.eval()
    return run


def as_files_hold(samples: Tensor) -> Tensor:
    """Points as they are; pictures (n, C, H, W) as uint8 (n, H, W, C)."""
    return samples if samples.dim() == 2 else pixels.to_uint8(samples).permute(0, 2, 3, 1)

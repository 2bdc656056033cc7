"""Reading somebody's loader of images: its randomness keyed, its batches checked and scaled."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kantor import global_generators, keyed
from kantor.data import pixels
from kantor.data.images import check_labels
from kantor.errors import UserError

Batch = tuple[Tensor, Tensor | None]
"""Images float32 (B, C, H, W) in [-1, 1], and labels int64 (B,) or None."""

ROUNDING = 1e-4
"""How far outside [-1, 1] values may lie: float32 interpolation rounds."""


def seeded(key: int) -> AbstractContextManager[None]:
    """The global generators, keyed on the CPU, where loaders draw."""
    return global_generators.keyed(key, torch.device("cpu"))


def one_epoch(loader: Iterable[Any], seed: int, epoch: int) -> Iterator[Any]:
    """A loader's batches, with the global generators keyed by ("foreign", epoch) while its iterator is made and by
    ("foreign", epoch, batch) while a batch is."""
    set_epoch = getattr(getattr(loader, "sampler", None), "set_epoch", None)
    if set_epoch is not None:
        set_epoch(epoch)
    with seeded(keyed.seed(seed, "foreign", epoch)):
        batches = iter(loader)
    for number in itertools.count():
        with seeded(keyed.seed(seed, "foreign", epoch, number)):
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield batch


def checked(batch: object, shape: tuple[int, ...], source: str, classes: int | None) -> Batch:
    """A loader's batch, uint8 scaled as pixels of files are.

    Args:
        batch: a tensor of images, or a list or tuple of it and, perhaps, labels.
        shape: (C, H, W) that is expected.
        source: whose batch it is, for messages.
        classes: of the labels, which there have to be then; None takes any and none.

    Raises:
        UserError: it is something else, of another shape or type, or has values that are no pixels.
    """
    images, labels = (*batch, None)[:2] if isinstance(batch, list | tuple) and len(batch) in (1, 2) else (batch, None)
    if not isinstance(images, Tensor):
        raise UserError(
            f"{source} gives batches of type {type(batch).__name__}; expected a tensor of images (B, C, H, W), or a "
            "pair of images and labels: let its collate_fn put them together so"
        )
    found = tuple(images.shape)
    if images.dim() == 3:
        raise UserError(f"{source} gives images without channels, {found}; expected (B, C, H, W): add unsqueeze(1)")
    if found[1:] != shape:
        raise UserError(
            f"{source} gives images of shape {found[1:]}; expected data.sample_shape={list(shape)}, channels, height, "
            "width, in every batch: change the one or the other"
        )
    if images.dtype == torch.uint8:
        scaled = pixels.to_model(images)
    elif images.is_floating_point():
        scaled = images.float()
        _check_range(scaled, source)
    else:
        raise UserError(f"{source} gives images of {images.dtype}; expected uint8 in 0 … 255 or floats in [-1, 1]")
    one_each = isinstance(labels, Tensor) and labels.shape == (len(images),) and not labels.is_floating_point()
    numbers = labels.long() if isinstance(labels, Tensor) and one_each else None
    if classes is not None:
        if numbers is None:
            raise UserError(
                f"{source} gives no labels, but data.classes={classes}: let it give pairs of images and labels, whole "
                "numbers (B,), or take data.classes=null"
            )
        check_labels(numbers.numpy(), classes, source)
    return scaled, numbers


def _check_range(images: Tensor, source: str) -> None:
    if images.numel() == 0:
        return
    low, high = (float(value) for value in images.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{source} gives NaN or infinite values; expected floats in [-1, 1]: mend the images")
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise UserError(
            f"{source} gives floats from {low:.4g} to {high:.4g}; expected [-1, 1]: scale them, as x / 127.5 - 1 does "
            "for 0 … 255 and 2 * x - 1 for 0 … 1, or give uint8"
        )

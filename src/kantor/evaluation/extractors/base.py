"""An extractor turns pictures into the features that scores see; its identity is part of the protocol.

Features of a picture depend on no other picture, so networks see pictures in batches of one fixed size, the last one
filled up with black: the kernels that a library chooses, and with them the last bits, depend on the size of the batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from kantor.errors import UserError
from kantor.numerics import full_float32


class Features(NamedTuple):
    """What one forward pass says of pictures.

    Attributes:
        features: float64 (n, d).
        logits: unnormalised log-probabilities of classes, float64 (n, K); None when there are no classes.
        detections: of shapes in the pictures, float64 (n, S), see `shape_detection`; None of other pictures.
        labels: the classes that generated pictures were asked to show, and those that real ones do, int64 (n,); None
            where nobody asked.
    """

    features: Tensor
    logits: Tensor | None
    detections: Tensor | None = None
    labels: Tensor | None = None


class Extractor(Protocol):
    """A fixed function of single pictures."""

    @property
    def classes(self) -> int | None:
        """Of how many classes logits come with the features, whose softmax is how likely each is; None of none."""
        ...

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, C, H, W), computed on their device.

        Raises:
            UserError: the images are no such pictures, or features are not finite.
        """
        ...

    def identity(self) -> dict[str, Any]:
        """What determines the features, as plain containers: name, weights' SHA-256, resize, arithmetic, layer."""
        ...

    def prepare(self) -> None:
        """Get ready: load the weights, and download them where that is part of it. To be called before hours of work.

        Raises:
            UserError: weights are missing or wrong; the message says what to do.
        """
        ...


Forward = Callable[[Tensor], tuple[Tensor, Tensor | None]]
"""uint8 (B, C, H, W) → features (B, d), logits (B, K) or None."""


def in_batches(forward: Forward, images: Tensor, *, batch: int, name: str) -> Features:
    """The features of n images, in batches of exactly `batch` and full float32.

    Raises:
        UserError: some of the features are not finite.
    """
    parts: list[tuple[Tensor, Tensor | None]] = []
    with torch.no_grad(), full_float32():
        for piece in images.split(batch):
            whole = piece
            if len(piece) < batch:
                whole = torch.cat([piece, piece.new_zeros(batch - len(piece), *piece.shape[1:])])
            features, logits = forward(whole)
            parts.append((features[: len(piece)].double(), None if logits is None else logits[: len(piece)].double()))
    found = torch.cat([features for features, _ in parts])
    bad = (~found.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
    if bad:
        raise UserError(
            f"{name}: the features of {len(bad):,} of {len(images):,} pictures are not finite (the first is number "
            f"{bad[0]:,}): its weights are damaged or of another network; give others"
        )
    classes = [logits for _, logits in parts if logits is not None]
    return Features(found, torch.cat(classes) if classes else None)


def check_images(images: Tensor, *, name: str, channels: tuple[int, ...]) -> None:
    """Check that images are uint8 (n, C, H, W), at least one, with one of so many channels; any for ().

    Raises:
        UserError: they are not.
    """
    if images.dtype != torch.uint8:
        raise UserError(
            f"{name} takes uint8 pictures, levels 0 … 255, not {str(images.dtype).removeprefix('torch.')}: convert "
            "pictures in [-1, 1] with kantor.data.pixels.to_uint8"
        )
    if images.ndim != 4 or 0 in images.shape:
        raise UserError(
            f"{name} takes pictures of shape (n, channels, height, width), none of them 0, not {tuple(images.shape)}"
        )
    if channels and images.shape[1] not in channels:
        expected = " or ".join(str(count) for count in channels)
        raise UserError(
            f"{name} takes pictures with {expected} channels, channels first, not with {images.shape[1]} (of shape "
            f"{tuple(images.shape[1:])}): give such pictures, or evaluate with another extractor"
        )


def as_rgb(images: Tensor) -> Tensor:
    """Images (n, 3, H, W); grey ones (n, 1, H, W) three times."""
    return images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1)

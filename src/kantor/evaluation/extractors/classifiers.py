"""Features of digits and of shapes by small classifiers whose weights ship with kantor: `mnist_cnn`, `shapes_cnn`.

Two laboratories that score with them score with the same numbers; nothing is downloaded. `kantor.nets.classifiers` has
the networks, `training` says how the weights came about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from kantor.data import pixels, shapes
from kantor.errors import UserError, require_at_least
from kantor.evaluation.extractors import weights
from kantor.evaluation.extractors.base import Features, check_images, in_batches
from kantor.nets import classifiers
from kantor.nets.classifiers import Classifier

WEIGHTS = {
    "mnist_cnn": "73ba5680268c8f5bc3ed90311bf9b3d68e6bfe7d4d5db9d8f6cbbd16feaaef34",
    "shapes_cnn": "6e9a154fea9c1b6e9cac2adb14cea37ea2a8f1d003637afe31c0f6541236a8a4",
}
"""SHA-256 of the shipped files."""

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class ShippedClassifier:
    """A classifier of square pictures, as an extractor; made by `mnist_cnn` and `shapes_cnn`.

    Attributes:
        name: of the file of weights.
        net: makes the network, without normalisation.
        channels: of the pictures.
        side: height and width that the network takes.
        padding: rows and columns that were added to that on each side of the pictures, and are cut off.
        has_classes: whether the logits are those of one choice among classes.

    Raises:
        UserError: the padding is negative.
    """

    name: str
    net: Callable[[], Classifier]
    channels: int
    side: int
    padding: int
    has_classes: bool

    def __post_init__(self) -> None:
        require_at_least(0, padding=self.padding)

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, channels, H, W), where H = W = side + 2·padding.

        Raises:
            UserError: the images have another size, type or number of channels.
        """
        check_images(images, name=self.name, channels=(self.channels,))
        whole = self.side + 2 * self.padding
        if images.shape[2:] != (whole, whole):
            raise UserError(
                f"{self.name} (padding={self.padding}) takes pictures of {whole}×{whole} pixels, not "
                f"{images.shape[2]}×{images.shape[3]}: it knows {self.side}×{self.side} ones, which padding may "
                "surround; evaluate pictures of other sizes with another extractor"
            )
        inner = slice(self.padding, whole - self.padding)
        self._loaded.to(images.device)
        return in_batches(self._forward, images[..., inner, inner], batch=BATCH, name=self.name)

    def identity(self) -> dict[str, Any]:
        """What determines the features."""
        return {
            "name": self.name,
            "weights": WEIGHTS[self.name],
            "resize": "none",
            "cut": f"the central {self.side}×{self.side}" if self.padding else "none",
            "range": "levels / 127.5 - 1",
            "layer": "ReLU of the hidden linear layer",
            "arithmetic": "float32",
        }

    def prepare(self) -> None:
        """Load the weights.

        Raises:
            UserError: they are not the ones that came with kantor.
        """
        assert self._loaded is not None

    @cached_property
    def _loaded(self) -> Classifier:
        net = self.net()
        net.load_state_dict(weights.shipped(self.name, WEIGHTS[self.name]))
        return net.eval().requires_grad_(False)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self._loaded(pixels.to_model(images))


def mnist_cnn(*, padding: int) -> ShippedClassifier:
    """Knows the ten digits, 99.6% of the test ones (`make extractors`): 128 features, 10 logits, of grey pictures.

    Args:
        padding: 0 for 28×28 digits, 2 for digits padded to 32×32. Stretched digits are none that it has seen.

    Raises:
        UserError: the padding is negative.
    """
    return ShippedClassifier(
        name="mnist_cnn", net=classifiers.digits, channels=1, side=28, padding=padding, has_classes=True
    )


def shapes_cnn() -> ShippedClassifier:
    """Counts the shapes in pictures of PurdueShapes5: 128 features, 36 logits (see `numbers_of_shapes`).

    Of 4,000 test pictures it knows the number of shapes in 85% and, kind by kind, that of rectangles in 90%, triangles
    89%, disks 89%, ovals 87%, stars 95% (`make extractors`); shapes that later ones cover are among them.
    """
    return ShippedClassifier(
        name="shapes_cnn", net=classifiers.shapes, channels=3, side=shapes.SIDE, padding=0, has_classes=False
    )


def numbers_of_shapes(logits: Tensor) -> Tensor:
    """The most probable answers of `shapes_cnn` to its six questions, each from 0 to 5.

    Args:
        logits: (n, 36).

    Returns:
        int64 (n, 6): the number of shapes in all, then of each of `kantor.data.shapes.KINDS`. Each question is answered
        by itself: the kinds need not add up.
    """
    return logits.unflatten(1, (1 + len(shapes.KINDS), shapes.MOST + 1)).argmax(2)

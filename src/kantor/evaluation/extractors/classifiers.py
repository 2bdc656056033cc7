"""Features of digits and of shapes by small classifiers whose weights ship with kantor: `mnist_cnn`, `shapes_cnn`.

Two laboratories that score with them score with the same numbers; nothing is downloaded. `kantor.nets.classifiers` has
the networks, `bench/training` says how the weights came about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch import Tensor
from torch.nn.functional import interpolate

from kantor.data import pixels, shapes
from kantor.errors import UserError
from kantor.evaluation.extractors import weights
from kantor.evaluation.extractors.base import Features, check_images, in_batches
from kantor.nets import classifiers
from kantor.nets.classifiers import Classifier

WEIGHTS = {
    "mnist_cnn": "73ba5680268c8f5bc3ed90311bf9b3d68e6bfe7d4d5db9d8f6cbbd16feaaef34",
    "shapes_cnn": "54a0f89b8c69a5550c6205db600cb6fe6a6a510c3d0a0f39208ed4424efa7a3d",
}
"""SHA-256 of the shipped files."""

BATCH = 64
DIGIT = 28  # height and width of a digit of MNIST
ANSWERS = (1 + len(shapes.KINDS)) * (shapes.MOST + 1)  # logits of shapes_cnn that count, the first of all


@dataclass(frozen=True)
class Padded:
    """Pictures with so many rows and columns around them on each side, which are cut off.

    Attributes:
        side: height and width that a network takes.
        padding: at least 0.
    """

    side: int
    padding: int

    @property
    def whole(self) -> int:
        """Height and width of the pictures."""
        return self.side + 2 * self.padding

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (n, C, whole, whole) → uint8 (n, C, side, side)."""
        inner = slice(self.padding, self.whole - self.padding)
        return images[..., inner, inner]

    def identity(self) -> dict[str, str]:
        """What determines it."""
        return {
            "resize": "none",
            "cut": f"the central {self.side}×{self.side}" if self.padding else "none",
        }


@dataclass(frozen=True)
class Stretched:
    """Pictures that were enlarged, and are made small again.

    Attributes:
        side: height and width that a network takes.
        whole: those of the pictures, larger.
    """

    side: int
    whole: int

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (n, C, whole, whole) → uint8 (n, C, side, side)."""
        size = (self.side, self.side)
        return interpolate(images.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).byte()

    def identity(self) -> dict[str, str]:
        """What determines it."""
        return {
            "resize": f"bilinear, antialiased, from {self.whole}×{self.whole} to {self.side}×{self.side}, rounded",
            "cut": "none",
        }


@dataclass(frozen=True, kw_only=True)
class ShippedClassifier:
    """A classifier of square pictures, as an extractor; made by `mnist_cnn` and `shapes_cnn`.

    Attributes:
        name: of the file of weights.
        net: makes the network, without normalisation.
        channels: of the pictures.
        fit: makes them as large as the network takes them.
        classes: among how many the logits are one choice; None where they are not.
    """

    name: str
    net: Callable[[], Classifier]
    channels: int
    fit: Padded | Stretched
    classes: int | None

    def __call__(self, images: Tensor) -> Features:
        """Of uint8 images (n, channels, H, W), where H = W = `fit.whole`.

        Raises:
            UserError: the images have another size, type or number of channels.
        """
        check_images(images, name=self.name, channels=(self.channels,))
        whole, side = self.fit.whole, self.fit.side
        if images.shape[2:] != (whole, whole):
            raise UserError(
                f"{self.name} takes pictures of {whole}×{whole} pixels, not {images.shape[2]}×{images.shape[3]}: it "
                f"knows {side}×{side} ones, enlarged as its data set says; evaluate others with another extractor"
            )
        self._loaded.to(images.device)
        return in_batches(self._forward, self.fit(images), batch=BATCH, name=self.name)

    def identity(self) -> dict[str, Any]:
        """What determines the features."""
        return {
            "name": self.name,
            "weights": WEIGHTS[self.name],
            **self.fit.identity(),
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


def mnist_cnn(*, image_size: int, enlarge: Literal["pad", "resize"]) -> ShippedClassifier:
    """Knows the ten digits, 99.60% of the test ones (`make extractors`), and 99.57% of those that were stretched to
    32×32 and are made small again: 128 features, 10 logits, of grey pictures.

    Args:
        image_size: height and width of the digits, 28 or 32.
        enlarge: how they were made larger than 28×28: with black around them, or stretched.

    Raises:
        UserError: the digits have another size.
    """
    if image_size not in (DIGIT, 32):
        raise UserError(f"image_size={image_size}: expected {DIGIT} or 32, the sizes at which mnist_cnn knows digits")
    stretched = enlarge == "resize" and image_size > DIGIT
    return ShippedClassifier(
        name="mnist_cnn",
        net=classifiers.digits,
        channels=1,
        fit=Stretched(DIGIT, image_size) if stretched else Padded(DIGIT, (image_size - DIGIT) // 2),
        classes=10,
    )


def shapes_cnn() -> ShippedClassifier:
    """Counts the shapes in pictures of PurdueShapes5, and knows what is none: 128 features, 46 logits (see
    `numbers_of_shapes`; the others say how strong damages are, and the last three are the channels' means).

    Of 10,000 test pictures it knows the number of shapes in 86% and, kind by kind, that of rectangles in 90%, triangles
    90%, disks 92%, ovals 89%, stars 95% (`make extractors`); shapes that later ones cover are among them. It has seen
    damaged and foreign pictures too, so that scores in its features grow with blur and noise, and those
    of a collapsed generator's noise are worse than those of blurred shapes. It hardly sees that two pictures are
    blended, and of colours only how bright a picture is: for those there is `shape_colour_w1` (see `shape_scores`).
    """
    return ShippedClassifier(
        name="shapes_cnn", net=classifiers.shapes, channels=3, fit=Padded(shapes.SIDE, 0), classes=None
    )


def numbers_of_shapes(logits: Tensor) -> Tensor:
    """The most probable answers of `shapes_cnn` to its six questions, each from 0 to 5.

    Args:
        logits: (n, 46), of which these are the first 36.

    Returns:
        int64 (n, 6): the number of shapes in all, then of each of `kantor.data.shapes.KINDS`. Each question is answered
        by itself: the kinds need not add up.
    """
    return logits[:, :ANSWERS].unflatten(1, (-1, shapes.MOST + 1)).argmax(2)

"""Small convolutional classifiers; what their last hidden layer says of a picture are its features.

The features are the outputs of a ReLU, as those of Inception's last pooling are: never negative, many of them zero.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from kantor.errors import require_positive


class Layer(NamedTuple):
    """One convolution, padded so that a stride of 1 keeps the size of the maps."""

    channels: int
    kernel: int
    stride: int


class Classifier(nn.Module):
    """Convolutions with ReLU, max pooling by 2, a hidden linear layer, and logits.

    Args:
        channels: of the images.
        image_size: their height and width.
        layers: the convolutions.
        features: numbers in the hidden layer.
        logits: numbers that come out.
        normalise: makes the normalisation of so many channels that follows a convolution, which then has no bias; None
            for none.

    Shape:
        (B, channels, image_size, image_size) → features (B, features) and logits (B, logits).

    Raises:
        UserError: a size is not positive.
    """

    def __init__(
        self,
        *,
        channels: int,
        image_size: int,
        layers: Sequence[Layer],
        features: int,
        logits: int,
        normalise: Callable[[int], nn.Module] | None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, image_size=image_size, features=features, logits=logits)
        body: list[nn.Module] = []
        side = image_size
        sizes_in = [channels, *(layer.channels for layer in layers[:-1])]
        for size_in, (size_out, kernel, stride) in zip(sizes_in, layers, strict=True):
            body.append(nn.Conv2d(size_in, size_out, kernel, stride, kernel // 2, bias=normalise is None))
            if normalise is not None:
                body.append(normalise(size_out))
            body.append(nn.ReLU())
            side = -(-side // stride)
        flat = layers[-1].channels * (side // 2) ** 2
        self.body = nn.Sequential(*body, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(flat, features), nn.ReLU())
        self.head = nn.Linear(features, logits)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) → features (B, d), logits (B, K)."""
        features = self.body(x)
        return features, self.head(features)


def digits(*, normalise: Callable[[int], nn.Module] | None = None) -> Classifier:
    """For 28×28 grey digits: 128 features, 10 logits, 140,650 weights."""
    layers = [Layer(32, 5, 2), Layer(32, 3, 1), Layer(64, 3, 2), Layer(64, 3, 1)]
    return Classifier(channels=1, image_size=28, layers=layers, features=128, logits=10, normalise=normalise)


def shapes(*, normalise: Callable[[int], nn.Module] | None = None) -> Classifier:
    """For 64×64 RGB pictures of up to five shapes of five kinds: 128 features, 46 logits, 221,502 weights."""
    layers = [Layer(16, 5, 2), Layer(32, 3, 2), Layer(48, 3, 1), Layer(64, 3, 2), Layer(64, 3, 1)]
    return Classifier(channels=3, image_size=64, layers=layers, features=128, logits=46, normalise=normalise)


def folded(classifier: Classifier) -> dict[str, Tensor]:
    """The weights with which a classifier without normalisation computes what this one, with batch normalisation after
    each convolution, computes in evaluation."""
    plain: list[nn.Module] = []
    for layer, following in itertools.pairwise([*classifier.body, nn.Identity()]):
        if isinstance(layer, nn.BatchNorm2d):
            continue
        if isinstance(layer, nn.Conv2d):
            assert isinstance(following, nn.BatchNorm2d), type(following)
            layer = nn.utils.fuse_conv_bn_eval(layer, following)
        plain.append(layer)
    weights = nn.Sequential(*plain).state_dict(prefix="body.") | classifier.head.state_dict(prefix="head.")
    return {name: weight.detach().contiguous() for name, weight in weights.items()}

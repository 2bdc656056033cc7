"""Networks that are told the class: p(x | y) instead of p(x), made of networks that are not.

A conditional network takes labels y, int64 (B,) in 0 … classes - 1, beside what it takes otherwise.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from kantor.errors import UserError, require_at_least, require_positive
from kantor.nets.convolutions import Change


class ConditionalGenerator(nn.Module):
    """G(z, y): the label's embedding, which is learned, follows the noise vector (Mirza & Osindero 2014,
    arXiv:1411.1784, section 3.2; an embedding is a linear layer of the one-hot vector).

    Args:
        network: (B, latent_dim + embedding_dim) → (B, …).
        classes: how many there are.
        embedding_dim: numbers in a label's embedding.

    Shape:
        (B, latent_dim) and (B,) → (B, …).

    Raises:
        UserError: a number is too small.
    """

    def __init__(self, *, network: nn.Module, classes: int, embedding_dim: int) -> None:
        super().__init__()
        require_at_least(2, classes=classes)
        require_positive(embedding_dim=embedding_dim)
        self.network = network
        self.classes = classes
        self.embedding = nn.Embedding(classes, embedding_dim)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """(B, latent_dim) and (B,) → (B, …)."""
        return self.network(torch.cat([z, self.embedding(labels)], dim=1))


class PointDiscriminator(ConditionalGenerator):
    """f(x, y) of points: the label's embedding follows the point (Mirza & Osindero 2014, section 3.2).

    Args:
        network: (B, inputs + embedding_dim) → (B,).
        classes, embedding_dim: as of a `ConditionalGenerator`.

    Shape:
        (B, inputs) and (B,) → (B,).
    """


class ConcatenationDiscriminator(nn.Module):
    """f(x, y): the label's embedding, a map as large as the picture, is its last channel (Mirza & Osindero 2014, the
    discriminator of section 3.2, for convolutions).

    Args:
        network: (B, channels + 1, image_size, image_size) → (B,).
        classes: how many there are.
        image_size: height and width of the pictures.

    Shape:
        (B, channels, image_size, image_size) and (B,) → (B,).

    Raises:
        UserError: a number is too small.
    """

    def __init__(self, *, network: nn.Module, classes: int, image_size: int) -> None:
        super().__init__()
        require_at_least(2, classes=classes)
        require_positive(image_size=image_size)
        self.network = network
        self.classes = classes
        self.embedding = nn.Embedding(classes, image_size**2)
        self.shape = (1, image_size, image_size)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) → (B,)."""
        label_maps = self.embedding(labels).unflatten(1, self.shape)  # (B, 1, H, W)
        return self.network(torch.cat([x, label_maps], dim=1))


@runtime_checkable
class HasFeatures(Protocol):
    """A discriminator that ends in a linear layer: f(x) = ψ(φ(x))."""

    @property
    def feature_count(self) -> int:
        """How many features φ(x) has."""
        ...

    def features(self, x: Tensor) -> Tensor:
        """φ(x), what the last layer is given, (B, …)."""
        ...

    def head(self, features: Tensor) -> Tensor:
        """ψ of features (B, …), (B,)."""
        ...


class ProjectionDiscriminator(nn.Module):
    """f(x, y) = yᵀ V φ(x) + ψ(φ(x)), y as one-hot vector (Miyato & Koyama 2018, arXiv:1802.05637, equation 3).

    φ(x) is what the network's last layer, ψ, is given. Log-likelihood ratios have this form where p(y | x) is a softmax
    of linear functions of φ(x), among the real as among the generated samples.

    Args:
        network: with features.
        classes: how many there are.
        constrain: called on V, such as `kantor.nets.spectral.spectral_normalise` where the network is so too (the paper
            normalises all of it); None for none.

    Shape:
        (B, …) and (B,) → (B,).

    Raises:
        UserError: the network shows no features, or there are too few classes.
    """

    def __init__(self, *, network: nn.Module, classes: int, constrain: Change | None) -> None:
        super().__init__()
        require_at_least(2, classes=classes)
        if not isinstance(network, HasFeatures):
            raise UserError(
                f"network: {type(network).__name__} shows no features to project; expected a convolutional critic, "
                "such as kantor.nets.digits.DigitCritic, or another with feature_count, features() and head()"
            )
        self.network = network
        self.classes = classes
        self.projection = nn.Linear(network.feature_count, classes, bias=False)  # V
        if constrain is not None:
            constrain(self.projection)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, …) and (B,) → (B,)."""
        phi = self.network.features(x)
        projected = self.projection(phi.flatten(1))  # (B, classes)
        return projected.gather(1, labels[:, None]).squeeze(1) + self.network.head(phi)

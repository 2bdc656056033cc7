"""A convolutional encoder and its decoder: halvings of the image down to 4×4 maps, and the same way up."""

import itertools

from torch import Tensor, nn

from kantor.errors import UserError, require_positive
from kantor.nets.convolutions import MakeLayer

SMALLEST = 4
"""Height and width of the last maps."""

WIDEST = 8
"""Channels of the last maps, in widths, at most."""


def halvings(image_size: int) -> int:
    """How many lead to 4×4 maps.

    Raises:
        UserError: none do.
    """
    count = (image_size // SMALLEST).bit_length() - 1
    if count < 1 or SMALLEST << count != image_size:
        raise UserError(f"image_size={image_size}: expected 8, 16, 32, 64, …")
    return count


def channels_of(width: int, levels: int) -> list[int]:
    """Of the maps after each halving: twice as many each time, up to `WIDEST` widths."""
    return [width * min(WIDEST, 1 << level) for level in range(levels)]


class ConvEncoder(nn.Module):
    """Convolutions of stride 2, and a linear layer of the last maps.

    Args:
        channels: of the images.
        image_size: their height and width, 4·2^m.
        width: channels of the first maps.
        outputs: numbers of each image.
        normalise: makes a layer that normalises so many channels, such as `kantor.nets.normalisation.grouped`.

    Shape:
        (B, channels, image_size, image_size) → (B, outputs).

    Raises:
        UserError: a size does not fit.
    """

    def __init__(self, *, channels: int, image_size: int, width: int, outputs: int, normalise: MakeLayer) -> None:
        super().__init__()
        require_positive(channels=channels, width=width, outputs=outputs)
        sizes = channels_of(width, halvings(image_size))
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([channels, *sizes]):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), normalise(after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(sizes[-1] * SMALLEST**2, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, outputs)."""
        return self.body(x)


class ConvDecoder(nn.Module):
    """A linear layer to the first maps, and transposed convolutions of stride 2.

    Args:
        latent_dim: numbers of each latent vector.
        channels: of what is made.
        image_size, width, normalise: as in `ConvEncoder`.

    Shape:
        (B, latent_dim) → (B, channels, image_size, image_size).

    Raises:
        UserError: a size does not fit.
    """

    def __init__(self, *, latent_dim: int, channels: int, image_size: int, width: int, normalise: MakeLayer) -> None:
        super().__init__()
        require_positive(latent_dim=latent_dim, channels=channels, width=width)
        sizes = channels_of(width, halvings(image_size))[::-1]
        first = [nn.Linear(latent_dim, sizes[0] * SMALLEST**2), nn.Unflatten(1, (sizes[0], SMALLEST, SMALLEST))]
        layers: list[nn.Module] = [*first, normalise(sizes[0]), nn.SiLU()]
        for before, after in itertools.pairwise(sizes):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), normalise(after), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], channels, 4, stride=2, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent_dim) → (B, C, H, W)."""
        return self.body(z)

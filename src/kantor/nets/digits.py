"""Convolutional generator and critic of 32×32 digits, after de Silva's project (github.com/Laknath1996/gen-models).

Like DCGAN's, but every convolution of the critic except the last is normalised, a convolution before a normalisation
has no bias, and the generator's last kernel is 3×3.
"""

import itertools

from torch import nn

from kantor.errors import require_positive
from kantor.nets.convolutions import Change, ImageCritic, ImageGenerator, MakeLayer, down, up


class DigitGenerator(ImageGenerator):
    """Transposed convolutions with batch normalisation and ReLU between them, tanh at the end.

    Args:
        latent_dim: numbers in a noise vector.
        channels: of the images.
        width: channels of the 16×16 maps; twice as many at 8×8, four times at 4×4.
        initialise: as in `ImageGenerator`.

    Shape:
        (B, latent_dim) → (B, channels, 32, 32), in [-1, 1].

    Raises:
        UserError: a size is not positive.
    """

    def __init__(self, *, latent_dim: int, channels: int, width: int, initialise: Change | None) -> None:
        require_positive(latent_dim=latent_dim, channels=channels, width=width)
        layers = up(latent_dim, [4 * width, 2 * width, width])
        last = nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1)
        super().__init__([*layers, nn.BatchNorm2d(width), nn.ReLU(), last], initialise=initialise)


class DigitCritic(ImageCritic):
    """Strided convolutions with LeakyReLU 0.2.

    Args:
        channels: of the images.
        width: channels after the first convolution; the others have 2·width and 4·width.
        normalise: makes the normalisation of so many channels, such as `torch.nn.BatchNorm2d`; None for none, as a
            gradient penalty needs it. Convolutions that no normalisation follows have a bias.
        initialise, constrain: as in `ImageCritic`.

    Shape:
        (B, channels, 32, 32) → (B,).

    Raises:
        UserError: a size is not positive.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        normalise: MakeLayer | None,
        initialise: Change | None,
        constrain: Change | None,
    ) -> None:
        require_positive(channels=channels, width=width)
        layers: list[nn.Module] = []
        for size_in, size_out in itertools.pairwise([channels, width, 2 * width, 4 * width]):
            layers += down(size_in, size_out, normalise=normalise, bias=normalise is None)
        super().__init__([*layers, nn.Conv2d(4 * width, 1, 4)], initialise=initialise, constrain=constrain)

"""Generator and discriminator of strided convolutions (DCGAN; Radford et al. 2016, arXiv:1511.06434).

Both go between 4×4 maps and the image by factors of two, and each factor of two halves or doubles the channels.
"""

import itertools
from collections.abc import Callable

from torch import nn

from kantor.errors import UserError, require_positive
from kantor.nets.convolutions import Change, ImageCritic, ImageGenerator, MakeLayer, down, up


def doublings(image_size: int) -> int:
    """How often 4×4 has to be doubled to make images of `image_size`: 3 for 32, 4 for 64.

    Raises:
        UserError: no number of doublings gives this size.
    """
    count = (image_size // 4).bit_length() - 1
    if count < 1 or 4 * 2**count != image_size:
        raise UserError(f"image_size={image_size}: expected 4 times a power of two, such as 32 or 64")
    return count


class DCGANGenerator(ImageGenerator):
    """Transposed convolutions with batch normalisation and ReLU between them, tanh at the end.

    Args:
        latent_dim: numbers in a noise vector.
        channels: of the images.
        width: channels of the largest hidden maps; the smallest have width·image_size/8.
        image_size: height and width of the images, 4 times a power of two.
        initialise: as in `ImageGenerator`.

    Shape:
        (B, latent_dim) → (B, channels, image_size, image_size), in [-1, 1].

    Raises:
        UserError: a size is out of range.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        channels: int,
        width: int,
        image_size: int,
        initialise: Change | None,
    ) -> None:
        require_positive(latent_dim=latent_dim, channels=channels, width=width)
        sizes = [width * 2**k for k in reversed(range(doublings(image_size)))]
        super().__init__(up(latent_dim, [*sizes, channels]), initialise=initialise)


class DCGANDiscriminator(ImageCritic):
    """Strided convolutions with LeakyReLU 0.2, normalised but for the first and the last.

    Args:
        channels: of the images.
        width: channels after the first convolution.
        image_size: height and width of the images, 4 times a power of two.
        after_first: makes a layer of `width` channels, normalised in the same way, that stands after the first
            convolution, such as `extra_layer`; None for none.
        normalise: makes the normalisation of so many channels, such as `torch.nn.BatchNorm2d`; None for none.
        initialise, constrain: as in `ImageCritic`.

    Shape:
        (B, channels, image_size, image_size) → (B,), a logit.

    Raises:
        UserError: a size is out of range.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        image_size: int,
        after_first: Callable[[int, MakeLayer | None], nn.Module] | None,
        normalise: MakeLayer | None,
        initialise: Change | None,
        constrain: Change | None,
    ) -> None:
        require_positive(channels=channels, width=width)
        sizes = [width * 2**k for k in range(doublings(image_size))]
        layers = down(channels, width, normalise=None, bias=True)
        if after_first is not None:
            layers.append(after_first(width, normalise))
        for size_in, size_out in itertools.pairwise(sizes):
            layers += down(size_in, size_out, normalise=normalise, bias=True)
        super().__init__([*layers, nn.Conv2d(sizes[-1], 1, 4)], initialise=initialise, constrain=constrain)


def extra_layer(channels: int, normalise: MakeLayer | None) -> nn.Sequential:
    """A convolution that keeps the number of channels: the small change of the Purdue lecture (its DG2).

    Kernel 4, stride 1, padding 2: the maps grow by one row and one column, which the next stride of 2 takes away again.

    Args:
        channels: in and out.
        normalise: makes the normalisation of so many channels; None for none.
    """
    layers: list[nn.Module] = [nn.Conv2d(channels, channels, 4, padding=2)]
    if normalise is not None:
        layers.append(normalise(channels))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))

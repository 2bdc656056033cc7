"""The critic of blocks of the Purdue lecture (its CG1): each halves the maps, the first has a shortcut around it.

Our departures from the lecture's code. The last maps are flattened per sample, so that every image has its own number
and any batch size is possible. The last block is a convolution alone: its normalisation would give every batch the same
mean, and the mean is what a critic says; its ReLU would leave no gradient below 0. Each block of the lecture also holds
a second 3×3 convolution and shortcuts that this critic never runs; they are left out, and so are their parameters.
"""

import itertools

from torch import Tensor, nn

from kantor.errors import require_positive
from kantor.nets.activations import ReLU
from kantor.nets.convolutions import Change, ImageCritic, MakeLayer
from kantor.nets.dcgan import doublings


class Shortcut(nn.Module):
    """body(x) + around(x).

    Args:
        body: the long way.
        around: the short way, to the same shape.

    Shape:
        that of the two.
    """

    def __init__(self, *, body: nn.Module, around: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.around = around

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        return self.body(x) + self.around(x)


def block(channels_in: int, channels_out: int, normalise: MakeLayer) -> nn.Sequential:
    """A 3×3 convolution, normalisation, ReLU; height and width stay."""
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1), normalise(channels_out), ReLU())


class Halving(nn.Conv2d):
    """A 1×1 convolution of every second pixel in every second row.

    The pixels are taken first: the backward pass of oneDNN's strided 1×1 convolution ends with a segmentation fault on
    some processors when channels lie last.

    Args:
        channels_in, channels_out: of the maps.

    Shape:
        (B, channels_in, H, W) → (B, channels_out, ⌈H/2⌉, ⌈W/2⌉).
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Half as high and wide."""
        return super().forward(x[..., ::2, ::2])


class SkipCritic(ImageCritic):
    """Blocks down to 4×4 maps, a convolution to a single map, then a linear layer.

    Args:
        channels: of the images.
        width: channels after the first block; each further one doubles them.
        image_size: height and width of the images, 4 times a power of two.
        normalise: makes the normalisation of so many channels, such as `torch.nn.BatchNorm2d`; None for none.
        initialise, constrain: as in `ImageCritic`.

    Shape:
        (B, channels, image_size, image_size) → (B,).

    Raises:
        UserError: a size is not positive, or `image_size` not 4 times a power of two.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        image_size: int,
        normalise: MakeLayer | None,
        initialise: Change | None,
        constrain: Change | None,
    ) -> None:
        require_positive(channels=channels, width=width)
        normal = nn.Identity if normalise is None else normalise
        first = nn.Sequential(block(channels, width, normal), Halving(width, width))
        layers: list[nn.Module] = [Shortcut(body=first, around=Halving(channels, width)), nn.LeakyReLU(0.2)]
        sizes = [width * 2**k for k in range(doublings(image_size))]
        for size_in, size_out in itertools.pairwise(sizes):
            layers += [
                block(size_in, size_out, normal),
                Halving(size_out, size_out),
                normal(size_out),
                nn.LeakyReLU(0.2),
            ]
        last = nn.Conv2d(sizes[-1], 1, 3, padding=1)
        layers += [last, nn.Flatten(), nn.Linear(16, 1)]  # (B, 1, 4, 4) → (B, 16) → (B, 1)
        super().__init__(layers, initialise=initialise, constrain=constrain)

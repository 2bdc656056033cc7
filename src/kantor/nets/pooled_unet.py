"""The UNet of digits of de Silva's project (github.com/Laknath1996/gen-models): two halvings, a vector in the middle.

The time is added, as a perceptron of it, on the way up alone, where the maps of the way down are not.
"""

import torch
from torch import Tensor, nn

from kantor.errors import UserError, require_positive
from kantor.nets.convolutions import MakeLayer
from kantor.nets.normalisation import grouped

GROUPS = 8
"""Of the two normalisations that are group normalisations in any case."""


def convolved(channels_in: int, channels_out: int, normalise: MakeLayer) -> nn.Sequential:
    """A 3×3 convolution, normalisation, GELU."""
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 3, padding=1), normalise(channels_out), nn.GELU())


def twice(channels_in: int, channels_out: int, normalise: MakeLayer) -> nn.Sequential:
    """Two of them."""
    return nn.Sequential(
        convolved(channels_in, channels_out, normalise), convolved(channels_out, channels_out, normalise)
    )


def doubled(channels_in: int, channels_out: int, normalise: MakeLayer) -> nn.Sequential:
    """Maps of twice the height and width, and four convolutions."""
    larger = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
    return nn.Sequential(
        larger, twice(channels_out, channels_out, normalise), twice(channels_out, channels_out, normalise)
    )


def perceptron(outputs: int) -> nn.Sequential:
    """Of one number."""
    return nn.Sequential(nn.Linear(1, outputs), nn.GELU(), nn.Linear(outputs, outputs))


class PooledUNet(nn.Module):
    """Of pictures of one size.

    Args:
        channels: of the pictures.
        width: channels of the largest maps; half as high and wide there are 2·width.
        image_size: height and width of the pictures, a multiple of 4.
        normalise: makes the normalisation of so many channels, of all but two: `torch.nn.BatchNorm2d` in the project.

    Shape:
        (B, channels, image_size, image_size) and noise (B,) → (B, channels, image_size, image_size).

    Raises:
        UserError: a number is out of range; pictures, when they come, are of another size.
    """

    def __init__(self, *, channels: int, width: int, image_size: int, normalise: MakeLayer) -> None:
        super().__init__()
        require_positive(channels=channels, width=width, image_size=image_size)
        if image_size % 4:
            below = max(image_size // 4, 1) * 4
            raise UserError(
                f"image_size={image_size}: this UNet halves pictures twice; expected a multiple of 4, such as {below} "
                f"or {below + 4}"
            )
        self.image_size, side = image_size, image_size // 4
        self.first = convolved(channels, width, normalise)
        self.second = convolved(width, width, normalise)
        self.down1 = nn.Sequential(twice(width, width, normalise), nn.MaxPool2d(2))
        self.down2 = nn.Sequential(twice(width, 2 * width, normalise), nn.MaxPool2d(2))
        self.pool = nn.Sequential(nn.AvgPool2d(side), nn.GELU())
        self.spread = nn.Sequential(
            nn.ConvTranspose2d(2 * width, 2 * width, side), grouped(2 * width, groups=GROUPS), nn.ReLU()
        )
        self.time1, self.time2 = perceptron(2 * width), perceptron(width)
        self.up1 = doubled(4 * width, width, normalise)
        self.up2 = doubled(2 * width, width, normalise)
        self.last = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1),
            grouped(width, groups=GROUPS),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
        )

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) → (B, C, H, W)."""
        if x.shape[2:] != (self.image_size, self.image_size):
            height, width = x.shape[2:]
            raise UserError(
                f"pictures of {height}×{width} pixels: this UNet is built for {self.image_size}×{self.image_size}; say "
                "the data's image_size in the model's UNet"
            )
        time = noise[:, None].to(x)
        once = self.first(x)
        large = (once + self.second(once)) / 2**0.5  # (B, width, H, W)
        middle = self.down1(large)  # (B, width, H/2, W/2)
        small = self.down2(middle)  # (B, 2·width, H/4, W/4)
        h = self.spread(self.pool(small)) + self.time1(time)[:, :, None, None]
        h = self.up1(torch.cat([h, small], dim=1)) + self.time2(time)[:, :, None, None]
        h = self.up2(torch.cat([h, middle], dim=1))
        return self.last(torch.cat([h, large], dim=1))

"""Images as vectors: what puts a network of vectors, such as `MLP`, to work on images."""

from torch import Tensor, nn

from kantor.errors import require_positive


class ToPixels(nn.Module):
    """A decoder of images made of one of vectors: its outputs, row by row.

    Args:
        network: (B, dim) → (B, channels·image_size²).
        channels: of what is made.
        image_size: height and width of the images.

    Shape:
        (B, dim) → (B, channels, image_size, image_size).

    Raises:
        UserError: a size is not positive.
    """

    def __init__(self, *, network: nn.Module, channels: int, image_size: int) -> None:
        super().__init__()
        require_positive(channels=channels, image_size=image_size)
        self.network = network
        self.shape = (channels, image_size, image_size)

    def forward(self, z: Tensor) -> Tensor:
        """(B, dim) → (B, C, H, W)."""
        return self.network(z).unflatten(1, self.shape)


class ToImages(ToPixels):
    """A generator of images made of one of vectors: the same in [-1, 1], by tanh."""

    def forward(self, z: Tensor) -> Tensor:
        """(B, dim) → (B, C, H, W)."""
        return super().forward(z).tanh()


class FromImages(nn.Module):
    """A critic or an encoder of images made of one of vectors.

    Args:
        network: (B, C·H·W) → (B,) or (B, outputs).

    Shape:
        (B, C, H, W) → (B,) or (B, outputs).
    """

    def __init__(self, *, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B,) or (B, outputs)."""
        return self.network(x.flatten(1))

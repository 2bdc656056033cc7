"""The critic for a gradient penalty on images: three 5×5 convolutions, and nothing in which samples meet.

Gulrajani et al. 2017 (arXiv:1704.00028, section 4) leave out batch normalisation, because the penalty is on the slope
at each sample alone. The Purdue lecture's CG2 has these layers at 64×64 pixels, but it cuts each image's features into
four rows of 4096; here a sample is one row of 16,384.
"""

from collections.abc import Callable

from torch import Tensor, nn

from kantor.errors import require_positive
from kantor.nets.activations import ReLU


class ConvCritic(nn.Module):
    """Convolutions of stride 2 with ReLU, then a linear layer.

    Args:
        channels: of the images.
        width: channels after the first convolution; the others have 2·width and 4·width.
        image_size: height and width of the images.
        initialise: called on the finished module; None keeps torch's own.
        constrain: called last, such as `kantor.nets.spectral.spectral_normalise`; None for none.

    Shape:
        (B, channels, image_size, image_size) → (B,).

    Raises:
        UserError: a size is out of range.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        image_size: int,
        initialise: Callable[[nn.Module], None] | None,
        constrain: Callable[[nn.Module], None] | None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, width=width, image_size=image_size)
        side = -(-image_size // 8)  # three times halved and rounded up
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=2, padding=2),
            ReLU(),
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
            ReLU(),
            nn.Conv2d(2 * width, 4 * width, 5, stride=2, padding=2),
            ReLU(),
            nn.Flatten(),  # (B, 4·width·side²)
            nn.Linear(4 * width * side**2, 1),
        )
        if initialise is not None:
            initialise(self)
        if constrain is not None:
            constrain(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B,)."""
        return self.body(x).squeeze(1)

"""The critic for a gradient penalty on images: three 5×5 convolutions, and nothing in which samples meet.

Gulrajani et al. 2017 (arXiv:1704.00028, section 4) leave out batch normalisation, because the penalty is on the slope
at each sample alone. The Purdue lecture's CG2 has these layers at 64×64 pixels, but it cuts each image's features into
four rows of 4096; here a sample is one row of 16,384.
"""

from torch import nn

from kantor.errors import require_positive
from kantor.nets.activations import ReLU
from kantor.nets.convolutions import Change, ImageCritic


class ConvCritic(ImageCritic):
    """Convolutions of stride 2 with ReLU, then a linear layer.

    Args:
        channels: of the images.
        width: channels after the first convolution; the others have 2·width and 4·width.
        image_size: height and width of the images.
        initialise, constrain: as in `ImageCritic`.

    Shape:
        (B, channels, image_size, image_size) → (B,).

    Raises:
        UserError: a size is not positive.
    """

    def __init__(
        self, *, channels: int, width: int, image_size: int, initialise: Change | None, constrain: Change | None
    ) -> None:
        require_positive(channels=channels, width=width, image_size=image_size)
        side = -(-image_size // 8)  # three times halved and rounded up
        layers = [
            nn.Conv2d(channels, width, 5, stride=2, padding=2),
            ReLU(),
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
            ReLU(),
            nn.Conv2d(2 * width, 4 * width, 5, stride=2, padding=2),
            ReLU(),
            nn.Flatten(),  # (B, 4·width·side²)
            nn.Linear(4 * width * side**2, 1),
        ]
        super().__init__(layers, initialise=initialise, constrain=constrain)

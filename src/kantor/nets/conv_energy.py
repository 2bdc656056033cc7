"""The energy of pictures of the deep energy model tutorial that the Oslo lecture refers to: four convolutions that
halve, SiLU, which is smooth, and nothing in which samples meet."""

from torch import nn

from kantor.errors import require_at_least, require_positive
from kantor.nets.convolutions import Change, ImageCritic


class ConvEnergy(ImageCritic):
    """Convolutions of stride 2, the first of 5×5 with so much padding that its maps are halved three times more without
    a rest; then two linear layers.

    Args:
        channels: of the pictures.
        width: channels after the first convolution; the others have 2, 4 and 4 times as many.
        image_size: height and width of the pictures.
        initialise, constrain: as in `ImageCritic`.

    Shape:
        (B, channels, image_size, image_size) → (B,).

    Raises:
        UserError: a size is out of its range.
    """

    def __init__(
        self, *, channels: int, width: int, image_size: int, initialise: Change | None, constrain: Change | None
    ) -> None:
        require_positive(channels=channels, width=width)
        require_at_least(4, image_size=image_size)
        half = -(-image_size // 2)
        side = -(-half // 8)  # of the last maps
        padding = 2 + (8 * side - half)  # 4 for 28 pixels, 2 for 32
        layers = [
            nn.Conv2d(channels, width, 5, stride=2, padding=padding),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(4 * width, 4 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),  # (B, 4·width·side²)
            nn.Linear(4 * width * side**2, 4 * width),
            nn.SiLU(),
            nn.Linear(4 * width, 1),
        ]
        super().__init__(layers, initialise=initialise, constrain=constrain)

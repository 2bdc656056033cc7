"""Convolutional generator and critic of 32×32 digits, after de Silva's project (github.com/Laknath1996/gen-models).

Like DCGAN's, but every convolution of the critic except the last is normalised, a convolution before a normalisation
has no bias, and the generator's last kernel is 3×3.
"""

import itertools
from collections.abc import Callable

from torch import Tensor, nn

from kantor.errors import require_positive


class DigitGenerator(nn.Module):
    """Transposed convolutions with batch normalisation and ReLU between them, tanh at the end.

    Args:
        latent_dim: numbers in a noise vector.
        channels: of the images.
        width: channels of the 16×16 maps; twice as many at 8×8, four times at 4×4.
        initialise: called on the finished module; None keeps torch's own.

    Shape:
        (B, latent_dim) → (B, channels, 32, 32), in [-1, 1].

    Raises:
        UserError: a size is not positive.
    """

    def __init__(
        self, *, latent_dim: int, channels: int, width: int, initialise: Callable[[nn.Module], None] | None
    ) -> None:
        super().__init__()
        require_positive(latent_dim=latent_dim, channels=channels, width=width)
        body: list[nn.Module] = [nn.ConvTranspose2d(latent_dim, 4 * width, 4, bias=False)]
        for size_in, size_out in itertools.pairwise([4 * width, 2 * width, width]):
            up = nn.ConvTranspose2d(size_in, size_out, 4, stride=2, padding=1, bias=False)
            body += [nn.BatchNorm2d(size_in), nn.ReLU(), up]
        last = nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1)
        self.body = nn.Sequential(*body, nn.BatchNorm2d(width), nn.ReLU(), last, nn.Tanh())
        if initialise is not None:
            initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent_dim) → (B, C, 32, 32)."""
        return self.body(z[:, :, None, None])


class DigitCritic(nn.Module):
    """Strided convolutions with LeakyReLU 0.2.

    Args:
        channels: of the images.
        width: channels after the first convolution; the others have 2·width and 4·width.
        normalise: makes the normalisation of so many channels, such as `torch.nn.BatchNorm2d`; None for none, as a
            gradient penalty needs it. Convolutions that no normalisation follows have a bias.
        initialise: called on the finished module; None keeps torch's own.
        constrain: called last, such as `kantor.nets.spectral.spectral_normalise`; None for none.

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
        normalise: Callable[[int], nn.Module] | None,
        initialise: Callable[[nn.Module], None] | None,
        constrain: Callable[[nn.Module], None] | None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, width=width)
        body: list[nn.Module] = []
        for size_in, size_out in itertools.pairwise([channels, width, 2 * width, 4 * width]):
            body.append(nn.Conv2d(size_in, size_out, 4, stride=2, padding=1, bias=normalise is None))
            if normalise is not None:
                body.append(normalise(size_out))
            body.append(nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*body, nn.Conv2d(4 * width, 1, 4))
        if initialise is not None:
            initialise(self)
        if constrain is not None:
            constrain(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) → (B,)."""
        return self.body(x).view(len(x))  # (B, 1, 1, 1) → (B,); images of another size do not fit

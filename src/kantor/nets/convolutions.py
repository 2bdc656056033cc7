"""What convolutional networks of images have in common: a body of layers, finished in the same way, and two ways to
build one, down from an image to 4×4 maps and up from there.
"""

import itertools
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from kantor.errors import UserError

MakeLayer = Callable[[int], nn.Module]
"""Makes a layer of so many channels, such as `torch.nn.BatchNorm2d`."""

Change = Callable[[nn.Module], None]
"""Changes a finished network in place, such as `kantor.nets.initialise.dcgan`."""


class ImageGenerator(nn.Module):
    """Layers from vectors to images, tanh at the end.

    Args:
        layers: (B, latent_dim, 1, 1) → (B, C, H, W).
        initialise: called on the finished module; None keeps torch's own.

    Shape:
        (B, latent_dim) → (B, C, H, W), in [-1, 1].
    """

    def __init__(self, layers: Sequence[nn.Module], *, initialise: Change | None) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers, nn.Tanh())
        if initialise is not None:
            initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent_dim) → (B, C, H, W)."""
        return self.body(z[:, :, None, None])


class ImageCritic(nn.Module):
    """Layers from images to one number each.

    Args:
        layers: (B, C, H, W) → (B, 1) or (B, 1, 1, 1); the last is linear, and sees all of the last maps.
        initialise: called on the finished module; None keeps torch's own.
        constrain: called last, such as `kantor.nets.spectral.spectral_normalise`; None for none.

    Shape:
        (B, C, H, W) → (B,).

    Raises:
        UserError: `constrain` cannot change such a network.
    """

    def __init__(self, layers: Sequence[nn.Module], *, initialise: Change | None, constrain: Change | None) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        if initialise is not None:
            initialise(self)
        if constrain is not None:
            try:
                constrain(self)
            except (TypeError, ValueError, AttributeError, LookupError) as error:
                raise UserError(
                    f"constrain: it cannot change this network ({error}); expected a callable that takes the whole "
                    "network, such as kantor.nets.spectral.spectral_normalise with power_iterations"
                ) from error

    @property
    def feature_count(self) -> int:
        """How many numbers the last layer is given of each image."""
        weight = self.body[-1].weight
        assert isinstance(weight, Tensor)
        return weight.numel()  # the layer has one output and sees all of the last maps

    def features(self, x: Tensor) -> Tensor:
        """What the last layer is given, (B, C, H, W) → (B, …)."""
        for layer in itertools.islice(self.body, len(self.body) - 1):
            x = layer(x)
        return x

    def head(self, features: Tensor) -> Tensor:
        """The last layer, (B, …) → (B,)."""
        return self.body[-1](features).view(len(features))  # not squeezed: images of another size do not fit

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B,)."""
        return self.head(self.features(x))


def up(latent_dim: int, sizes: Sequence[int]) -> list[nn.Module]:
    """From vectors to 4×4 maps of sizes[0] channels, then doubled in height and width to sizes[1], sizes[2], …
    channels: transposed convolutions without bias, batch normalisation and ReLU between them.
    """
    layers: list[nn.Module] = [nn.ConvTranspose2d(latent_dim, sizes[0], 4, bias=False)]
    for size_in, size_out in itertools.pairwise(sizes):
        doubled = nn.ConvTranspose2d(size_in, size_out, 4, stride=2, padding=1, bias=False)
        layers += [nn.BatchNorm2d(size_in), nn.ReLU(), doubled]
    return layers


def down(size_in: int, size_out: int, *, normalise: MakeLayer | None, bias: bool) -> list[nn.Module]:
    """To maps of half the height and width: a convolution, its normalisation if there is one, LeakyReLU 0.2."""
    halved = nn.Conv2d(size_in, size_out, 4, stride=2, padding=1, bias=bias)
    return [halved, *([] if normalise is None else [normalise(size_out)]), nn.LeakyReLU(0.2)]

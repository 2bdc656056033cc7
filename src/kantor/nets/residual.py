"""Blocks of two convolutions around which the maps go unchanged, told the level of noise between the two.

As in improved DDPM (Nichol & Dhariwal 2021, arXiv:2102.09672): normalisation and SiLU before each convolution, dropout
before the second, which is 0 at first, so that a new block changes nothing.
"""

from collections.abc import Callable

from torch import Tensor, nn

from kantor.errors import UserError
from kantor.nets.convolutions import MakeLayer
from kantor.nets.initialise import zeros


class Added(nn.Module):
    """normalise(h + W·SiLU(e)): the embedding e shifts the maps h before they are normalised (Ho et al. 2020).

    Args:
        channels: of the maps.
        embedding_dim: numbers in the embedding.
        normalise: makes the normalisation of so many channels.

    Shape:
        (B, channels, H, W) and (B, embedding_dim) → (B, channels, H, W).
    """

    def __init__(self, channels: int, embedding_dim: int, normalise: MakeLayer) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.SiLU(), nn.Linear(embedding_dim, channels))
        self.normalise = normalise(channels)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return self.normalise(h + self.project(embedding)[:, :, None, None])


class ScaledAndShifted(nn.Module):
    """normalise(h)·(1 + s) + b, with s and b linear in SiLU(e) (Nichol & Dhariwal 2021).

    Args, Shape:
        as of `Added`.
    """

    def __init__(self, channels: int, embedding_dim: int, normalise: MakeLayer) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.SiLU(), nn.Linear(embedding_dim, 2 * channels))
        self.normalise = normalise(channels)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        scale, shift = self.project(embedding)[:, :, None, None].chunk(2, dim=1)  # each (B, C, 1, 1)
        return self.normalise(h) * (1 + scale) + shift


Modulate = Callable[[int, int, MakeLayer], nn.Module]
"""Makes what tells maps of so many channels an embedding of so many numbers, and normalises them: such as `Added`."""


class ResidualBlock(nn.Module):
    """around(x) + two convolutions of x.

    Args:
        channels_in, channels_out: of the maps; where they differ, a 1×1 convolution goes around.
        embedding_dim: numbers in the embedding.
        modulate: `Added`, `ScaledAndShifted` or another.
        normalise: makes the normalisation of so many channels.
        dropout: the probability with which a number before the second convolution is put to 0.

    Shape:
        (B, channels_in, H, W) and (B, embedding_dim) → (B, channels_out, H, W).

    Raises:
        UserError: `dropout` is no such probability.
    """

    def __init__(
        self,
        *,
        channels_in: int,
        channels_out: int,
        embedding_dim: int,
        modulate: Modulate,
        normalise: MakeLayer,
        dropout: float,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise UserError(f"dropout={dropout}: expected a probability in [0, 1)")
        first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        zeros(second)
        self.first = nn.Sequential(normalise(channels_in), nn.SiLU(), first)
        self.modulation = modulate(channels_out, embedding_dim, normalise)
        self.second = nn.Sequential(nn.SiLU(), nn.Dropout(dropout), second)
        same = channels_in == channels_out
        self.around = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H, W)."""
        return self.around(x) + self.second(self.modulation(self.first(x), embedding))

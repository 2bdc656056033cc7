"""Attention of every pixel of a map to every other (Vaswani et al. 2017, arXiv:1706.03762, equation 1)."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from kantor.errors import UserError, require_positive
from kantor.nets.convolutions import MakeLayer
from kantor.nets.initialise import zeros


class SelfAttention(nn.Module):
    """x + W·attention(Q, K, V), with Q, K, V linear in the normalised x; W is 0 at first.

    Args:
        channels: of the maps.
        heads: how many attentions share the channels.
        normalise: makes the normalisation of so many channels.

    Shape:
        (B, channels, H, W) → the same.

    Raises:
        UserError: the channels cannot be shared out so.
    """

    def __init__(self, *, channels: int, heads: int, normalise: MakeLayer) -> None:
        super().__init__()
        require_positive(channels=channels, heads=heads)
        if channels % heads:
            raise UserError(f"heads={heads}: expected a divisor of {channels}, the channels that they share")
        self.heads = heads
        self.normalise = normalise(channels)
        self.project = nn.Linear(channels, 3 * channels)
        self.mix = nn.Linear(channels, channels)
        zeros(self.mix)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        pixels = self.normalise(x).flatten(2).transpose(1, 2)  # (B, H·W, C)
        projected = self.project(pixels).unflatten(2, (3, self.heads, -1))  # (B, H·W, 3, heads, C/heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, heads, H·W, C/heads)
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (B, H·W, C)
        return x + self.mix(mixed).transpose(1, 2).unflatten(2, x.shape[2:])

"""The UNet of noised pictures of improved DDPM (Nichol & Dhariwal 2021, arXiv:2102.09672): maps are halved level by
level and doubled again, and each block of the way up is shown what one of the way down made at the same size.

The Purdue lecture takes it over: width 128, multipliers 1, 2, 3, 4, two blocks a level, attention where pictures of 64
pixels are 16 and 8 wide; 88,217,219 weights. With patches, whose pixels are channels of one place, small pictures take
a fraction of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from kantor.errors import UserError, require_positive
from kantor.nets.attention import SelfAttention
from kantor.nets.convolutions import MakeLayer
from kantor.nets.initialise import zeros
from kantor.nets.residual import Modulate, ResidualBlock
from kantor.nets.time_embedding import NoiseEmbedding


class Stage(nn.ModuleList):
    """Layers one after the other, of which residual blocks are told the embedding.

    Shape:
        (B, C, H, W) and (B, embedding_dim) → (B, C', H', W').
    """

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        for layer in self:
            h = layer(h, embedding) if isinstance(layer, ResidualBlock) else layer(h)
        return h


@dataclass(frozen=True)
class Stages:
    """Makes stages of one network.

    Args:
        embedding_dim, modulate, normalise, dropout: of their residual blocks.
        heads: of their attention.
        attending: for each level, whether its pixels attend to each other.
    """

    embedding_dim: int
    modulate: Modulate
    normalise: MakeLayer
    dropout: float
    heads: int
    attending: Sequence[bool]

    def block(self, size_in: int, size_out: int) -> ResidualBlock:
        """A residual block."""
        return ResidualBlock(
            channels_in=size_in,
            channels_out=size_out,
            embedding_dim=self.embedding_dim,
            modulate=self.modulate,
            normalise=self.normalise,
            dropout=self.dropout,
        )

    def attention(self, size: int) -> SelfAttention:
        """Of every pixel to every other."""
        return SelfAttention(channels=size, heads=self.heads, normalise=self.normalise)

    def stage(self, size_in: int, size_out: int, level: int) -> Stage:
        """A residual block, and attention where the level has it."""
        return Stage([self.block(size_in, size_out), *([self.attention(size_out)] if self.attending[level] else [])])

    def down(self, sizes: Sequence[int], blocks: int) -> list[Stage]:
        """From maps of sizes[0] channels down; each stage makes what is kept for the way up."""
        stages, size_in = [], sizes[0]
        for level, size in enumerate(sizes):
            for _ in range(blocks):
                stages.append(self.stage(size_in, size, level))
                size_in = size
            if level < len(sizes) - 1:
                stages.append(Stage([nn.Conv2d(size, size, 3, stride=2, padding=1)]))
        return stages

    def middle(self, size: int) -> Stage:
        """At the smallest size."""
        return Stage([self.block(size, size), self.attention(size), self.block(size, size)])

    def up(self, sizes: Sequence[int], blocks: int, kept: Sequence[int]) -> list[Stage]:
        """Up again to sizes[0] channels; each stage is given kept maps, of so many channels, the last first."""
        stages, size_in, kept_sizes = [], sizes[-1], list(kept)
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(blocks + 1):
                stages.append(self.stage(size_in + kept_sizes.pop(), size, level))
                size_in = size
            if level > 0:
                stages[-1].extend([nn.Upsample(scale_factor=2), nn.Conv2d(size, size, 3, padding=1)])
        return stages


class UNet(nn.Module):
    """Of pictures of any size that can be halved often enough.

    Args:
        channels: of the pictures.
        outputs: channels that come out; as many, or twice as many where the variance is learned too.
        width: channels of the first level.
        multipliers: of the width, for each level; from one level to the next maps are halved.
        blocks: residual blocks of a level on the way down; one more on the way up.
        attention: at which levels pixels attend to each other, as width of pictures over width of maps, such as 4 and
            8; in the middle they always do.
        heads: of each attention.
        modulate: how blocks are told the level of noise: `kantor.nets.residual.Added` or `ScaledAndShifted`.
        normalise: makes the normalisation of so many channels, such as `kantor.nets.normalisation.grouped`.
        dropout: of each residual block.
        patch: pixels to a side of the patches; 1 for none.
        scale: of the levels of noise, as in `kantor.nets.time_embedding.sinusoids`.
        classes: as in `kantor.nets.time_embedding.NoiseEmbedding`.
        recompute: whether stages are computed a second time for the gradient instead of kept: the same gradient in more
            time and less memory.

    Shape:
        (B, channels, H, W), noise (B,) and, with classes, labels (B,) → (B, outputs, H, W).

    Raises:
        UserError: a number is out of range; pictures, when they come, cannot be halved so often.
    """

    def __init__(
        self,
        *,
        channels: int,
        outputs: int,
        width: int,
        multipliers: Sequence[int],
        blocks: int,
        attention: Sequence[int],
        heads: int,
        modulate: Modulate,
        normalise: MakeLayer,
        dropout: float,
        patch: int,
        scale: float,
        classes: int | None,
        recompute: bool,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, outputs=outputs, width=width, blocks=blocks, patch=patch)
        factors = [patch * 2**level for level in range(len(multipliers))]
        check_levels(multipliers, attention, factors)
        self.factor, self.recompute = factors[-1], recompute
        self.embedding = NoiseEmbedding(waves=width, dim=4 * width, scale=scale, classes=classes)
        stages = Stages(4 * width, modulate, normalise, dropout, heads, [factor in attention for factor in factors])
        sizes = [width * multiplier for multiplier in multipliers]
        self.first = nn.Sequential(
            nn.PixelUnshuffle(patch), nn.Conv2d(channels * patch**2, sizes[0], 3, padding=1)
        )  # (B, sizes[0], H/patch, W/patch)
        self.down = nn.ModuleList(stages.down(sizes, blocks))
        self.middle = stages.middle(sizes[-1])
        self.up = nn.ModuleList(stages.up(sizes, blocks, kept=kept_sizes(sizes, blocks)))
        last = nn.Conv2d(sizes[0], outputs * patch**2, 3, padding=1)
        zeros(last)
        self.last = nn.Sequential(normalise(sizes[0]), nn.SiLU(), last, nn.PixelShuffle(patch))

    def forward(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, C, H, W), (B,) and (B,) → (B, outputs, H, W)."""
        self.check_size(x)
        embedding = self.embedding(noise, labels)
        h = self.first(x)
        kept = [h]
        for stage in self.down:
            h = self.run(stage, h, embedding)
            kept.append(h)
        h = self.run(self.middle, h, embedding)
        for stage in self.up:
            h = self.run(stage, torch.cat([h, kept.pop()], dim=1), embedding)
        return self.last(h)

    def run(self, stage: nn.Module, h: Tensor, embedding: Tensor) -> Tensor:
        """The stage's maps, kept or to be computed again."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(stage, h, embedding, use_reentrant=False)
        return stage(h, embedding)

    def check_size(self, x: Tensor) -> None:
        """Check that pictures can be halved as often as there are levels.

        Raises:
            UserError: they cannot; it says which can.
        """
        height, width = x.shape[2:]
        if height % self.factor or width % self.factor:
            below = max(min(height, width) // self.factor, 1) * self.factor
            raise UserError(
                f"pictures of {height}×{width} pixels: this UNet takes multiples of {self.factor}, such as {below} and "
                f"{below + self.factor}; take another data.image_size, or fewer multipliers in the model's UNet"
            )


def kept_sizes(sizes: Sequence[int], blocks: int) -> list[int]:
    """Channels of the maps that the way down makes: before it, after each block, and after each halving."""
    halved = [sizes[0], *sizes[:-1]]
    return [size for before, here in zip(halved, sizes, strict=True) for size in [before, *[here] * blocks]]


def check_levels(multipliers: Sequence[int], attention: Sequence[int], factors: Sequence[int]) -> None:
    """Check the levels and at which of them pixels attend to each other.

    Raises:
        UserError: there is no level, a multiplier is not positive, or attention is asked for where no level is.
    """
    if not multipliers or min(multipliers) < 1:
        raise UserError(f"multipliers={list(multipliers)}: expected a number above 0 for each level")
    for factor in attention:
        if factor not in factors:
            raise UserError(
                f"attention={list(attention)}: no level has maps smaller by {factor}; expected some of "
                f"{', '.join(map(str, factors))}"
            )

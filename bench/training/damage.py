"""What can be wrong with a picture of shapes, and how much of it: a strength in [0, 1] for each kind of damage.

`shapes_cnn` learns from such pictures, so that its features also say what is no clean picture of shapes. Damage is what
generators make: blur, noise, backgrounds that are not black, faint shapes, two pictures in one, pieces in wrong places;
and *foreign* pictures, which have nothing of shapes, such as the output of an untrained DCGAN.

An amount a that has a unit u (pixels, levels) has the strength log(1 + a/u) / log 17: a little counts, and 16 u is all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

BLUR = 0.5
"""Unit of a Gaussian blur's width, in pixels."""

NOISE = 4.0
"""Unit of the standard deviation of noise, in levels."""

TINT = 8.0
"""Unit of a background's brightest channel, in levels."""


@dataclass(frozen=True)
class Damage:
    """A kind of damage.

    Attributes:
        name: what it is called.
        change: of pictures (n, 3, H, W), in levels, and strengths (n,), with random numbers from a generator.
        share: of the pictures that `damaged` gives this damage to.
    """

    name: str
    change: Callable[[Tensor, Tensor, Generator], Tensor]
    share: float


def strength(amount: Tensor, unit: float) -> Tensor:
    """Of amounts in [0, 16·unit]."""
    return (1 + amount / unit).log() / math.log(17)


def _amount(strength: Tensor, unit: float) -> Tensor:
    """The inverse, (n, 1, 1, 1)."""
    return (unit * (17**strength - 1))[:, None, None, None]


def _blend(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """The next picture seen through each; at strength 1 both are equal."""
    share = strength[:, None, None, None] / 2
    return images + share * (images.roll(1, 0) - images)


def _scramble(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Squares of 32, 16 or 8 pixels in another order; the smaller, the stronger."""
    side = images.shape[-1]
    parts = 2 ** (3 * strength).ceil().long()
    found = images.clone()
    for across in (2, 4, 8):
        rows = (parts == across).nonzero()[:, 0]
        patch = side // across
        patches = F.unfold(images[rows], patch, stride=patch)  # (r, 3·patch², across²)
        order = torch.rand(len(rows), across**2, generator=generator).argsort(1)
        moved = patches.gather(2, order[:, None].expand_as(patches))
        found[rows] = F.fold(moved, (side, side), patch, stride=patch)
    return found


def _fade(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Darker, down to an eighth of the light."""
    return images * (1 - 0.875 * strength[:, None, None, None])


def _blur(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A Gaussian blur, black beyond the border."""
    place = torch.arange(images.shape[-1])
    width = _amount(strength, BLUR).clamp(min=1e-3)[:, 0]
    weights = (-((place - place[:, None]) ** 2) / (2 * width**2)).exp()  # (n, H, H)
    inside = weights / weights[:, :, len(place) // 2].sum(1)[:, None, None]
    return inside[:, None] @ images @ inside[:, None]


def _tint(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A colour instead of black, the brightest channel as bright as the strength says; shapes keep their contrast."""
    colour = torch.rand(len(images), 3, 1, 1, generator=generator)
    colour = colour / colour.amax(1, keepdim=True) * _amount(strength, TINT)
    return colour + images * (1 - colour / 255)


def _mix(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A foreign picture seen through each; at strength 1 nothing else."""
    share = strength[:, None, None, None]
    found = images.clone()
    rows = (strength > 0).nonzero()[:, 0]
    found[rows] = torch.lerp(images[rows], foreign(len(rows), generator), share[rows])
    return found


def _noise(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Normal noise, independent from pixel to pixel and channel to channel."""
    return images + _amount(strength, NOISE) * torch.randn(images.shape, generator=generator)


DAMAGES = (
    Damage("blended", _blend, 0.12),
    Damage("scrambled", _scramble, 0.1),
    Damage("faint", _fade, 0.15),
    Damage("blurred", _blur, 0.35),
    Damage("tinted", _tint, 0.25),
    Damage("foreign", _mix, 0.4),
    Damage("noisy", _noise, 0.3),
)
"""In the order in which they happen to a picture."""

BLENDED, SCRAMBLED, FOREIGN, NOISY = (
    [kind.name for kind in DAMAGES].index(name) for name in ("blended", "scrambled", "foreign", "noisy")
)
"""Places among them."""


def damaged(images: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pictures of shapes, each with some damage or none; half of the foreign ones have nothing but what is foreign.

    Args:
        images: in levels, float (n, 3, 64, 64).
        generator: of the random numbers.

    Returns:
        Levels (n, 3, 64, 64), in [0, 255], and the strengths (n, 7) of `DAMAGES`.
    """
    n = len(images)
    hit = torch.rand(n, len(DAMAGES), generator=generator) < torch.tensor([kind.share for kind in DAMAGES])
    strengths = torch.rand(n, len(DAMAGES), generator=generator) * hit
    wholly = hit[:, FOREIGN] & (torch.rand(n, generator=generator) < 0.5)
    strengths[wholly] = F.one_hot(torch.tensor(FOREIGN), len(DAMAGES)).float()
    for kind, strength in zip(DAMAGES, strengths.T, strict=True):
        images = kind.change(images, strength, generator).clamp(0, 255)
    return images, strengths


def foreign(n: int, generator: Generator) -> Tensor:
    """Pictures (n, 3, 64, 64) of no shapes, in levels: in turn the output of one untrained generator for all of them, a
    few random numbers enlarged, and a random tile repeated; of any brightness and contrast.
    """
    makers = (_untrained, _enlarged, _tiled)
    found = torch.empty(n, 3, 64, 64)
    for place, make in enumerate(makers):
        rows = found[place :: len(makers)]
        if len(rows) > 0:
            rows[:] = make(len(rows), generator)
    grey, colour = torch.rand(n, 1, 1, 1, generator=generator), torch.rand(n, 3, 1, 1, generator=generator)
    middle = 16 + 224 * torch.lerp(grey, colour, torch.rand(n, 1, 1, 1, generator=generator))
    contrast = 127 * torch.rand(n, 1, 1, 1, generator=generator)
    return (middle + contrast * found).clamp(0, 255)


def _untrained(n: int, generator: Generator) -> Tensor:
    """What n latents become, in [-1, 1], in one DCGAN generator of random weights and random gain before the tanh; the
    latents are alike, as pictures of a collapsed generator are, by a random factor.
    """
    h = torch.randn(n, 64, 1, 1, generator=generator)
    alike = torch.rand(1, generator=generator)
    h = alike * h + (1 - alike) * torch.randn(1, 64, 1, 1, generator=generator)
    for size_in, size_out, stride in ((64, 64, 1), (64, 32, 2), (32, 16, 2), (16, 8, 2), (8, 3, 2)):
        weight = torch.randn(size_in, size_out, 4, 4, generator=generator)
        h = F.conv_transpose2d(h, weight, stride=stride, padding=stride - 1)
        h = F.batch_norm(h, None, None, training=True)
        if size_out != 3:
            h = h.relu()
    gain = 0.1 * 100 ** torch.rand(1, generator=generator)
    return (gain * h).tanh()


def _enlarged(n: int, generator: Generator) -> Tensor:
    """1×1 to 64×64 numbers, each as a square of one colour or, for half of them, as a point among zeros."""
    side = 2 ** torch.randint(0, 7, (n,), generator=generator)
    found = torch.empty(n, 3, 64, 64)
    for row, size in enumerate(side.tolist()):
        step = 64 // size
        small = 2 * torch.rand(3, size, size, generator=generator) - 1
        found[row] = small.repeat_interleave(step, 1).repeat_interleave(step, 2)
        if size > 1 and row % 2:
            found[row] *= F.pad(torch.ones(1, 1), (0, step - 1, 0, step - 1)).repeat(size, size)
    return found


def _tiled(n: int, generator: Generator) -> Tensor:
    """A tile of 2×2, 4×4 or 8×8 numbers again and again, as transposed convolutions leave it."""
    found = torch.empty(n, 3, 64, 64)
    for row, size in enumerate((2 ** torch.randint(1, 4, (n,), generator=generator)).tolist()):
        found[row] = (2 * torch.rand(3, size, size, generator=generator) - 1).repeat(1, 64 // size, 64 // size)
    return found

"""Spectral normalisation: every layer's weight divided by its largest singular value (Miyato et al. 2018,
arXiv:1802.05957, equation 8).

A convolution's weight counts as a matrix of output channels by everything else. Between layers of slope 1, linear
layers then have slope 1 at most; a convolution whose patches overlap r-fold has at most √r.
"""

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

from kantor.errors import require_positive

LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class Times(nn.Module):
    """A weight times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Of the same shape."""
        return self.factor * weight


def spectral_normalise(module: nn.Module, *, power_iterations: int, norm: float = 1.0) -> None:
    """Normalise all linear and convolutional layers of a network in place.

    The singular values are followed by power iteration (the paper, algorithm 1), in training mode only; its vectors are
    buffers and stand in checkpoints. Initialise before: afterwards a layer's `weight` is computed.

    Args:
        module: a finished network.
        power_iterations: at each forward pass in training mode.
        norm: the largest singular value that each layer gets; the paper's is 1. The largest slope of L layers is by
            normᴸ larger, and a bounded discriminator is as weak as its bound is low.

    Raises:
        UserError: the norm is not positive.
    """
    require_positive(norm=norm)
    for layer in [layer for layer in module.modules() if isinstance(layer, LAYERS)]:
        parametrizations.spectral_norm(layer, n_power_iterations=power_iterations)
        if norm != 1:
            parametrize.register_parametrization(layer, "weight", Times(norm))


def iterates(layer: nn.Module) -> bool:
    """Whether a layer normalises spectrally, as a parametrization or by the older hook: each pass in training mode
    iterates. Other parametrizations of torch's are functions of the weight alone."""
    hooks = layer._forward_pre_hooks.values()
    return isinstance(layer, _SpectralNorm) or any(isinstance(hook, SpectralNorm) for hook in hooks)

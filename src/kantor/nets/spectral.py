"""Spectral normalisation: every layer's weight divided by its largest singular value (Miyato et al. 2018,
arXiv:1802.05957, equation 8).

A convolution's weight counts as a matrix of output channels by everything else. Between layers of slope 1, linear
layers then have slope 1 at most; a convolution whose patches overlap r-fold has at most √r.
"""

from torch import nn
from torch.nn.utils import parametrizations

LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def spectral_normalise(module: nn.Module, *, power_iterations: int) -> None:
    """Normalise all linear and convolutional layers of a network in place.

    The singular values are followed by power iteration (the paper, algorithm 1), in training mode only; its vectors are
    buffers and stand in checkpoints. Initialise before: afterwards a layer's `weight` is computed.

    Args:
        module: a finished network.
        power_iterations: at each forward pass in training mode.
    """
    for layer in [layer for layer in module.modules() if isinstance(layer, LAYERS)]:
        parametrizations.spectral_norm(layer, n_power_iterations=power_iterations)

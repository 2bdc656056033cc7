"""How the weights of networks of pictures lie in memory: with channels last, where convolutions are faster, in float32
too, as long as torch gets through with it."""

import torch
from torch import nn


def is_safe(layer: nn.Module) -> bool:
    """Whether torch trains a layer with channels last on every CPU.

    The backward pass of oneDNN writes beyond its memory for a strided convolution of 1×1, in float32 and of few
    channels: a process ends with a segmentation fault, or has other numbers.
    """
    return not (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and max(layer.stride) > 1)


def lay_out(model: nn.Module) -> None:
    """Put the channels of all weights last, in place; they stay as they are where one layer is not safe."""
    if all(is_safe(layer) for layer in model.modules()):
        model.to(memory_format=torch.channels_last)

"""Initialisations, injected into networks as callables on the finished module."""

from torch import nn


def normal(module: nn.Module, *, std: float) -> None:
    """Weights of linear layers from N(0, std²), biases 0 (the lecture: std 0.02, after DCGAN, arXiv:1511.06434)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0.0, std)
            nn.init.zeros_(layer.bias)

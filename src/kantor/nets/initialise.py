"""Initialisations, injected into networks as callables on the finished module."""

from torch import nn


def normal(module: nn.Module, *, std: float) -> None:
    """Weights of linear layers from N(0, std²), biases 0 (the lecture: std 0.02, after DCGAN, arXiv:1511.06434)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0.0, std)
            nn.init.zeros_(layer.bias)


def dcgan(module: nn.Module, *, std: float) -> None:
    """Convolutions from N(0, std²), batch normalisations from N(1, std²), their biases 0.

    The paper's std is 0.02 (Radford et al. 2016, arXiv:1511.06434, section 4). Linear layers keep what they have, as in
    the lecture.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, std)
            nn.init.zeros_(layer.bias)


def zeros(module: nn.Module) -> None:
    """All 0: as the last layer of a branch, it makes a new branch change nothing (Nichol & Dhariwal 2021)."""
    for weight in module.parameters():
        nn.init.zeros_(weight)

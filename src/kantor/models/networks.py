"""Some networks by name, whatever they are: where they are, their mode, and how much they learn."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from pytorch_lightning.strategies import Strategy
from torch import nn


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights are; the CPU where it has none."""
    return next((tensor.device for tensor in network.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Networks in eval mode; the mode that each had comes back."""
    before = {name: network.training for name, network in networks.items()}
    for network in networks.values():
        network.eval()
    try:
        yield
    finally:
        for name, network in networks.items():
            network.train(before[name])


def parameter_counts(networks: Mapping[str, nn.Module]) -> dict[str, int]:
    """How many numbers each network learns."""
    return {name: sum(weight.numel() for weight in network.parameters()) for name, network in networks.items()}


def average_buffers(networks: Iterable[nn.Module], strategy: Strategy) -> None:
    """Give all processes the mean of their floating-point buffers (batch-norm statistics of their own slices)."""
    buffers = [b for network in networks for b in network.buffers() if b.is_floating_point()]
    if buffers:
        flat = strategy.reduce(torch.cat([b.flatten() for b in buffers]), reduce_op="mean")
        for buffer, mean in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
            buffer.copy_(mean.view_as(buffer))

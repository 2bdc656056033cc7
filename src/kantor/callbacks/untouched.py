"""Looking at networks without leaving a trace in them."""

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn


@contextlib.contextmanager
def untouched(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Put buffers (batch-norm statistics, power iterations) and torch's random state back to what they were.

    So networks can be asked in training mode, as their loss sees them, and go on as if nobody had.
    """
    networks = list(networks)
    buffers = [buffer for network in networks for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    tensors = [*buffers, *(weight for network in networks for weight in network.parameters())]
    devices = {tensor.device for tensor in tensors if tensor.device.type == "cuda"}
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in zip(buffers, before, strict=True):
                    buffer.copy_(value)

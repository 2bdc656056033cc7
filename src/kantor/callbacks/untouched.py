"""Looking at networks without leaving a trace in them."""

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from kantor import global_generators


@contextlib.contextmanager
def untouched(networks: Iterable[nn.Module], key: int) -> Iterator[None]:
    """Put buffers (batch-norm statistics, power iterations) and the global generators back to what they were.

    So networks can be asked in training mode, as their loss sees them, and go on as if nobody had.

    Args:
        networks: whose buffers.
        key: of what they draw by themselves meanwhile.
    """
    networks = list(networks)
    buffers = [buffer for network in networks for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    tensors = [*buffers, *(weight for network in networks for weight in network.parameters())]
    device = tensors[0].device if tensors else torch.device("cpu")
    with global_generators.keyed(key, device):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in zip(buffers, before, strict=True):
                    buffer.copy_(value)

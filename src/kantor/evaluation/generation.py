"""Drawing exactly n samples, in chunks of fixed size, by any number of processes.

Chunk c has its own key and belongs to rank c mod world; it is computed as one batch with a fixed number of threads in
full float32, always whole, and then cut. Chunks are put together in their order, whoever drew them.
"""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.processes import Processes

SampleChunk = Callable[[int, keyed.Rng], Tensor]
"""(chunk size, its random numbers) → samples (chunk size, …)."""


@contextlib.contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Fixed threads and full float32 products, whatever the training around it uses."""
    before_threads, before_precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_num_threads(before_threads)
        torch.set_float32_matmul_precision(before_precision)


def generate(
    sample: SampleChunk, n: int, *, chunk: int, key: Callable[[int], int], processes: Processes, device: torch.device
) -> np.ndarray:
    """`n` samples on every process, (n, …), in the order of chunks.

    Args:
        sample: draws one chunk.
        n: how many samples in all.
        chunk: samples in a chunk.
        key: the 64-bit key of chunk c.
        processes: who shares the work.
        device: where the noise goes.
    """
    chunks = -(-n // chunk)
    own = {c: sample(chunk, keyed.Rng(key(c), device=device)).cpu().numpy() for c in processes.mine(chunks)}
    everyone = {c: points for part in processes.gather(own) for c, points in part.items()}
    return np.concatenate([everyone[c] for c in range(chunks)])[:n]

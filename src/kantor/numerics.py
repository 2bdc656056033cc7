"""How this process computes: threads, how exactly float32 is multiplied, and on a GPU with convolutions that give the
same bits each time; what was set before comes back."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def numerics(*, threads: int, matmul_precision: str = "highest") -> Iterator[None]:
    """So many threads, and float32 products as `torch.set_float32_matmul_precision` has them; by default in full."""
    cudnn = torch.backends.cudnn
    before_threads, before_precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    before_algorithms = cudnn.deterministic, cudnn.benchmark
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(matmul_precision)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.set_num_threads(before_threads)
        torch.set_float32_matmul_precision(before_precision)
        cudnn.deterministic, cudnn.benchmark = before_algorithms


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Products and convolutions of float32 in float32, whatever the training around them may do."""
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with numerics(threads=torch.get_num_threads()), flags:
        yield

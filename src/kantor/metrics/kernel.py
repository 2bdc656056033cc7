"""Kernel distances between sets of features: maximum mean discrepancy, and KID, which is one with a cubic kernel.

MMD² is the squared distance between the mean embeddings of two distributions; the U-statistic below estimates it
without bias, and is therefore negative about as often as positive when the distributions are equal (Gretton et al.
2012, equation 3; Bińkowski et al. 2018, equation 4).
"""

import torch
from torch import Tensor


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = (x·y/d + 1)³ of all pairs (Bińkowski et al. 2018, arXiv:1801.01401).

    Args:
        x: (N, d).
        y: (M, d).

    Returns:
        (N, M).
    """
    base = (x @ y.T).div_(x.shape[1]).add_(1)
    return base * base * base


def unbiased_mmd2(real: Tensor, between: Tensor, generated: Tensor) -> float:
    """The U-statistic of MMD² from kernel values of all pairs, a scalar.

    Args:
        real: (N, N), N ≥ 2; a feature's kernel with itself (the diagonal) is left out.
        between: (N, M).
        generated: (M, M), M ≥ 2.
    """
    return _mean_of_others(real) + _mean_of_others(generated) - 2 * float(between.mean())


def kid(real: Tensor, generated: Tensor) -> float:
    """Kernel Inception distance: MMD² of the cubic kernel, over all pairs rather than the mean of small subsets
    (whose spread is no standard error).

    Args:
        real: features, (N, d), N ≥ 2.
        generated: features, (M, d), M ≥ 2; float64, since close sets leave a small difference of large sums.

    Returns:
        A scalar, 0 on average for equal distributions and then of either sign.
    """
    assert real.dtype == generated.dtype == torch.float64, (real.dtype, generated.dtype)
    between = cubic_kernel(real, generated)
    return unbiased_mmd2(cubic_kernel(real, real), between, cubic_kernel(generated, generated))


def _mean_of_others(kernel: Tensor) -> float:
    n = len(kernel)
    return float(kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))

"""The Fréchet distance between two sets of features, each taken for a Gaussian with its mean and covariance:

    d² = ‖μ_1 - μ_2‖² + tr Σ_1 + tr Σ_2 - 2 tr (Σ_1 Σ_2)^½

(Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500, equation 6). In the features of Inception-v3
it is called FID. The name is customary, the number is the squared distance.

No matrix root is taken: with Σ_1 = L Lᵀ the eigenvalues of Σ_1 Σ_2 are those of the symmetric Lᵀ Σ_2 L, and the trace
is the sum of their roots. Of the rank that the numbers of features allow, all other eigenvalues are 0; what rounding
makes of them is left out, since roots magnify it.

The estimate is biased upwards, by about c/n with a c that differs from model to model: only scores of equal n compare.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kantor.metrics.statistics import Statistics, require_finite


def frechet_distance(real: Statistics, generated: Statistics) -> float:
    """Of two sets' statistics, each of n ≥ 2 features; with n ≤ d the covariance is singular and the bias large.

    Returns:
        A scalar in squared units of the features; where rounding would leave it below 0, by about 1e-15 of the traces,
        it is 0.
    """
    assert real.mean.shape == generated.mean.shape, (real.mean.shape, generated.mean.shape)
    few, many = sorted((real, generated), key=lambda statistics: statistics.n)
    few_covariance, many_covariance = few.covariance, many.covariance
    factor = _factor(few_covariance, many_covariance, many.n > len(many.mean))
    traces = float(few_covariance.trace() + many_covariance.trace())
    return _distance(real.mean - generated.mean, traces, _sum_of_roots(factor, few.n - 1))


def frechet_distance_of_features(real: Tensor, generated: Tensor) -> float:
    """The same number from the features themselves, float64 (N, d) and (M, d), each at least 2.

    Where a set has fewer features than dimensions, the eigenvalues come from a matrix of its size instead of d × d:
    with centred features X and Y those of Σ_1 Σ_2 are those of X Yᵀ Y Xᵀ / (N - 1)(M - 1).
    """
    few, many = sorted((real, generated), key=len)
    n, d = few.shape
    assert n >= 2, n
    if n > d:
        return frechet_distance(Statistics.of(real), Statistics.of(generated))
    require_finite(real)
    require_finite(generated)
    x, y = _scaled(few), _scaled(many)
    if len(many) > d:
        products = x @ (y.T @ y) @ x.T
    else:
        cross = x @ y.T
        products = cross @ cross.T
    traces = float((x * x).sum() + (y * y).sum())
    return _distance(real.mean(0) - generated.mean(0), traces, _sum_of_roots(products, n - 1))


def frechet_infinity(sizes: Sequence[int], scores: Sequence[float]) -> float:
    """The score that infinitely many generated features would have: where the straight line through the scores over
    1/n meets 0 (Chong and Forsyth 2020, arXiv:1911.07023; they take 15 sizes from 5,000 to 50,000).

    It removes the bias of the generated side only. That of the reference stays, and scores against different references
    do not compare.

    Args:
        sizes: how many generated features each score was computed from, at least two different numbers.
        scores: against one reference, in the same order.

    Returns:
        A scalar, no longer bounded by 0.
    """
    assert len(set(sizes)) >= 2, sizes
    x, y = 1 / np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return float(y.mean() - slope * x.mean())


def _factor(few: Tensor, many: Tensor, regular: bool) -> Tensor:
    """A symmetric matrix with the eigenvalues of the product of two covariances, zeros aside."""
    if regular:
        lower, failed = torch.linalg.cholesky_ex(many)
        if not failed:
            return lower.T @ few @ lower
    values, vectors = torch.linalg.eigh(few)
    root = vectors * values.clamp(min=0).sqrt()
    return root.T @ many @ root


def _sum_of_roots(products: Tensor, rank: int) -> float:
    """Σ √λ over the `rank` largest eigenvalues of a symmetric matrix."""
    return float(torch.linalg.eigvalsh(products)[-rank:].clamp(min=0).sqrt().sum())


def _scaled(features: Tensor) -> Tensor:
    """X with XᵀX the covariance."""
    return (features - features.mean(0)) / (len(features) - 1) ** 0.5


def _distance(difference: Tensor, traces: float, sum_of_roots: float) -> float:
    return max(float(difference @ difference) + traces - 2 * sum_of_roots, 0.0)

"""Divergences between histograms: total variation, Kullback-Leibler, Jensen-Shannon.

p belongs to the first (real) and q to the second (generated) distribution; both are non-negative and add up to 1.
"""

import numpy as np


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """½ Σ|p - q|, in [0, 1]."""
    return float(0.5 * np.abs(p - q).sum())


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """Σ p log(p/q), nats, in [0, ∞]: infinite where q is 0 and p is not."""
    support = p > 0
    if (q[support] == 0).any():
        return float("inf")
    return float((p[support] * np.log(p[support] / q[support])).sum())


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q)/2, nats, in [0, log 2] (Lin 1991; the Purdue notes leave out the ½)."""
    m = (p + q) / 2
    return 0.5 * kl(p, m) + 0.5 * kl(q, m)


def common_histograms(real: np.ndarray, generated: np.ndarray, *, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Two point sets as histograms over one grid of `bins` × `bins` cells that spans both.

    Args:
        real: (N, 2).
        generated: (M, 2).
        bins: cells along each axis.

    Returns:
        Shares of each, both (bins * bins,). A coordinate in which all points agree has one cell.
    """
    both = np.concatenate([real, generated])
    low, high = both.min(0), both.max(0)
    width = np.where(high > low, (high - low) / bins, 1.0)

    def histogram(points: np.ndarray) -> np.ndarray:
        cell = np.clip(((points - low) / width).astype(np.int64), 0, bins - 1)
        return np.bincount(cell[:, 0] * bins + cell[:, 1], minlength=bins * bins) / len(points)

    return histogram(real), histogram(generated)

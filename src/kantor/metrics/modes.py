"""How samples are spread over the known modes of a mixture of round Gaussians of one size."""

import numpy as np

from kantor.metrics.divergences import kl


def distances(points: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, K) of points (N, 2) from modes (K, 2)."""
    return np.linalg.norm(points[:, None, :] - modes[None], axis=-1)


def modes_covered(
    points: np.ndarray, modes: np.ndarray, sigma: float, *, share: float | np.ndarray, radius: float
) -> int:
    """How many modes have at least `share` of all samples within `radius` standard deviations of them.

    Args:
        points: samples, (N, 2).
        modes: the means, (K, 2).
        sigma: the standard deviation of each mode.
        share: of the N samples, for all modes or for each, (K,); 0.01 in the presets, less for rare modes.
        radius: in units of sigma, 3 in the presets.

    Returns:
        A count in 0 … K.
    """
    near = distances(points, modes) <= radius * sigma  # (N, K)
    return int((near.mean(0) >= share).sum())


def within_radius(points: np.ndarray, modes: np.ndarray, sigma: float, *, radius: float) -> float:
    """The share of samples within `radius` standard deviations of some mode, in [0, 1].

    Of the mixture itself (modes far apart) 1 - exp(-radius²/2): 0.98889 at 3 (the radius of a plane Gaussian is
    Rayleigh distributed).
    """
    return float((distances(points, modes).min(1) <= radius * sigma).mean())


def mode_histogram(points: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """The shares (K,) of samples nearest to each mode; they add up to 1."""
    return np.bincount(distances(points, modes).argmin(1), minlength=len(modes)) / len(points)


def mode_kl(points: np.ndarray, modes: np.ndarray, shares: np.ndarray | None = None) -> float:
    """KL(histogram of nearest modes ‖ shares), nats: 0 for the right shares, log K when all samples are at one of K
    equal modes.

    Args:
        points: samples, (N, 2).
        modes: the means, (K, 2).
        shares: how often each mode should be met, (K,); None for equally.
    """
    expected = np.full(len(modes), 1 / len(modes)) if shares is None else shares
    return kl(mode_histogram(points, modes), expected)

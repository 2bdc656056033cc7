"""What a critic says of the Wasserstein distance, made a bound by Kantorovich's duality."""

import numpy as np


def critic_w1(real: np.ndarray, generated: np.ndarray, f_real: np.ndarray, f_generated: np.ndarray) -> float:
    """(mean f(real) - mean f(generated)) / max |f(x) - f(y)| / ‖x - y‖ over all pairs of the points.

    Divided by its largest slope between the points, f is 1-Lipschitz on them, so this is at most the exact W1 of the
    same points (Villani 2009, remark 6.5). Dividing by the mean gradient norm would bound nothing.

    Args:
        real: (N, D).
        generated: (M, D).
        f_real: the critic at `real`, (N,); float64, since close points magnify rounding.
        f_generated: the critic at `generated`, (M,).

    Returns:
        The bound, in the data's units; 0 for a constant critic.
    """
    difference = float(f_real.mean() - f_generated.mean())
    slope = largest_slope(np.concatenate([real, generated]), np.concatenate([f_real, f_generated]))
    return difference / slope if slope > 0 else 0.0


def largest_slope(points: np.ndarray, values: np.ndarray) -> float:
    """max |f(x) - f(y)| / ‖x - y‖ over all pairs of points (N, D) with values (N,); coinciding points are left out."""
    points, values = points.astype(np.float64), values.astype(np.float64)
    steepest = 0.0
    for start in range(0, len(points), 256):  # 256 rows at a time: N² distances need not fit in memory
        rise = np.abs(values[start : start + 256, None] - values[None])
        run = np.linalg.norm(points[start : start + 256, None] - points[None], axis=-1)
        steepest = max(steepest, float(np.divide(rise, run, out=np.zeros_like(rise), where=run > 0).max()))
    return steepest

"""Exact Wasserstein distances between point sets, solved by POT's network simplex in float64."""

import numpy as np


def wasserstein(real: np.ndarray, generated: np.ndarray, *, order: int) -> float:
    """(min over couplings of E‖x - y‖^order)^(1/order), all points of a set equally heavy.

    Args:
        real: (N, D).
        generated: (M, D).
        order: 1 for W1, 2 for W2.

    Returns:
        The distance, in the data's units (Villani 2009, definition 6.1).
    """
    import ot  # imports torch as one of its back ends: only where it is needed
    from scipy.spatial.distance import cdist

    # not ot.dist: it expands the square, and loses half of the digits of small distances
    cost = cdist(np.asarray(real, dtype=np.float64), np.asarray(generated, dtype=np.float64))
    uniform_real, uniform_generated = np.full(len(real), 1 / len(real)), np.full(len(generated), 1 / len(generated))
    solved, log = ot.emd2(uniform_real, uniform_generated, cost**order, numItermax=10_000_000, log=True)
    assert log["warning"] is None, log["warning"]  # a failed solution would have a cost of 0
    return float(max(float(solved), 0.0) ** (1 / order))

"""The earth mover's distance between histograms: the least work that turns one into the other, with any ground cost.

Where one histogram is heavier only the lighter one's mass is moved, and the work is divided by what was moved (Rubner,
Tomasi and Guibas 2000): the cheapest partial match. `divergences` has what compares cell by cell.
"""

import numpy as np

from kantor.errors import UserError


def emd(real: np.ndarray, generated: np.ndarray, cost: np.ndarray) -> float:
    """Σ f_ij c_ij / Σ f_ij over the cheapest flow f with Σ_j f_ij ≤ real_i, Σ_i f_ij ≤ generated_j and
    Σ f_ij = min(Σ real, Σ generated), solved exactly by POT's network simplex.

    Args:
        real: masses, (N,), at least 0 and not all 0; they need not add up to 1.
        generated: masses, (M,), likewise.
        cost: of moving one unit from i to j, at least 0, (N, M).

    Returns:
        A scalar in units of the cost. A metric where the cost is one and the masses are equal; where they are not, 0
        for a histogram and any part of it.

    Raises:
        UserError: masses or costs are no such numbers.
    """
    import ot  # imports torch as one of its back ends: only where it is needed

    real, generated, cost = (np.asarray(given, dtype=np.float64) for given in (real, generated, cost))
    _check(real, generated, cost)
    lighter = min(real.sum(), generated.sum())
    # no cell can give or take more than is moved in all; masses of very different size would overtax the solver
    real, generated = np.minimum(real / lighter, 1), np.minimum(generated / lighter, 1)
    # what is too heavy goes to a cell of its own, for nothing
    if real.sum() > generated.sum():
        generated, cost = np.append(generated, real.sum() - generated.sum()), np.pad(cost, ((0, 0), (0, 1)))
    elif real.sum() < generated.sum():
        real, cost = np.append(real, generated.sum() - real.sum()), np.pad(cost, ((0, 1), (0, 0)))
    work, log = ot.emd2(real, generated, cost, numItermax=10_000_000, log=True)
    assert log["warning"] is None, log["warning"]  # a failed solution would have a cost of 0
    return max(float(work), 0.0)


def ordered_cost(bins: int) -> np.ndarray:
    """|i - j| between cells in a row, (bins, bins)."""
    cells = np.arange(bins, dtype=np.float64)
    return np.abs(cells[:, None] - cells)


def saturating_cost(bins: int, *, alpha: float) -> np.ndarray:
    """1 - exp(-α|i - j|) between cells in a row, in [0, 1), (bins, bins): α|i - j| for near cells, and hardly more for
    far ones than for further ones (Rubner et al. 2000; the Purdue notes). A metric, as a concave function of one.

    Args:
        alpha: above 0; cells 1/α apart cost 0.63.
    """
    if not alpha > 0:
        raise UserError(f"alpha={alpha}: expected a number above 0")
    return -np.expm1(-alpha * ordered_cost(bins))


def _check(real: np.ndarray, generated: np.ndarray, cost: np.ndarray) -> None:
    if cost.shape != (len(real), len(generated)):
        raise UserError(
            f"emd: the costs have shape {cost.shape}, expected {(len(real), len(generated))}: one for each cell of the "
            "first histogram and each of the second"
        )
    for name, values in (("first histogram", real), ("second histogram", generated), ("costs", cost)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise UserError(f"emd: the {name} hold negative or infinite numbers or NaN, expected numbers of at least 0")
    if not (real.sum() > 0 and generated.sum() > 0):
        raise UserError("emd: a histogram is empty, expected some mass in each: count samples before comparing")

"""What points are made of before they are points: which class each is of, and uniform numbers.

Independent, or stratified: classes have their exact shares, to one point, and of the points of a class one lies in each
equal slice of each number (a Latin hypercube), in random order.
"""

import numpy as np

Labels = np.ndarray
"""The class of each point, int64 (N,)."""


def drawn(
    shares: np.ndarray, n: int, rng: np.random.Generator, *, numbers: int, stratified: bool
) -> tuple[Labels, np.ndarray]:
    """Classes (n,), and uniform numbers in [0, 1), (n, numbers).

    Args:
        shares: of the classes, (K,); they add up to 1.
        n: points.
        rng: where all is drawn from.
        numbers: of each point.
        stratified: instead of independent.
    """
    if stratified:
        return _stratified(shares, n, rng, numbers)
    equal = np.ptp(shares) == 0
    labels = rng.integers(len(shares), size=n) if equal else rng.choice(len(shares), size=n, p=shares)
    return labels, rng.random((n, numbers))


def counts(shares: np.ndarray, n: int) -> np.ndarray:
    """How many of n points are of each class: n·share, rounded down, and up where most was cut off, int64 (K,)."""
    exact = shares * n
    found = np.floor(exact).astype(np.int64)
    short = n - found.sum()
    found[np.argsort(found - exact, kind="stable")[:short]] += 1
    return found


def _stratified(shares: np.ndarray, n: int, rng: np.random.Generator, numbers: int) -> tuple[Labels, np.ndarray]:
    sizes = counts(shares, n)
    labels = np.repeat(np.arange(len(shares)), sizes)
    u = np.empty((n, numbers))
    for ends, size in zip(np.cumsum(sizes), sizes, strict=True):
        for number in range(numbers):
            u[ends - size : ends, number] = (rng.permutation(size) + rng.random(size)) / max(size, 1)
    turns = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = np.argsort(turns, kind="stable")[rng.permutation(n)]  # the classes in turns, then shuffled
    return labels[order], u[order]

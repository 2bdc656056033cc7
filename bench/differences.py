"""How often intervals of differences to the best method hold the truth: the table of docs/statistics.md on seeds.

    python bench/differences.py [--trials 3000] [--seeds 5]

Scores over seeds are normal with equal scatter, true means lie as named, and the same data choose the best, as in
`kantor compare`. Counted are single intervals, comparisons all of whose intervals hold the true differences, and those
in which some method is called worse than the best that is not.
"""

import argparse

import numpy as np

from kantor.report.pairs import LEVEL, adjusted
from kantor.report.statistics import mean_of, welch

CASES = (
    *((methods, 0.0, "equal") for methods in (2, 3, 6, 20)),
    *((6, apart, f"{apart:g} apart each") for apart in (0.5, 1.0, 5.0)),
    (20, 1.0, "1 apart each"),
)


def truths() -> list[tuple[str, np.ndarray]]:
    """What the true means are, each with its name."""
    found = [(f"{methods} methods, {name}", apart * np.arange(methods)) for methods, apart, name in CASES]
    return [*found, ("20 methods, one 2 below all others", np.array([0.0, *[2.0] * 19]))]


def counted(truth: np.ndarray, *, seeds: int, trials: int) -> tuple[float, float, float]:
    """Shares: of intervals that hold, of comparisons in which all do, of those with a method called worse that is not.

    Args:
        truth: (methods,) true means, in standard deviations over seeds.
        seeds: of each method.
        trials: comparisons.
    """
    draw, single, together, wrong = np.random.default_rng(0), [], [], []
    for _ in range(trials):
        scores = truth[:, None] + draw.standard_normal((len(truth), seeds))
        order = np.argsort(scores.mean(axis=1))
        best, *others = (mean_of(scores[place].tolist()) for place in order)
        found = adjusted({(0, place): welch(one, best) for place, one in enumerate(others, 1)})
        gaps = [float(truth[order[place]] - truth[order[0]]) for _, place in found]
        held = [one.low <= gap <= one.high for (one, _), gap in zip(found.values(), gaps, strict=True)]
        single += held
        together.append(all(held))
        wrong.append(any(p < LEVEL and gap <= 0 for (_, p), gap in zip(found.values(), gaps, strict=True)))
    return float(np.mean(single)), float(np.mean(together)), float(np.mean(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for name, truth in truths():
        each, all_at_once, wrong = counted(truth, seeds=given.seeds, trials=given.trials)
        print(f"{name:36s} each {each:.1%}  all at once {all_at_once:.1%}  called worse that is not {wrong:.1%}")


if __name__ == "__main__":
    main()

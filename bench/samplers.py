"""Order and moments of every sampler with exact denoisers: a table.

    python bench/samplers.py [--steps 50]

Orders: log₂ of how much smaller the error is with 128 steps than with 64, on the linear path in equal steps of u: of
the standard deviation of N(0, ¼) between u = 0.9 and 0.1, and of quantiles of a mixture of two Gaussians there, for
samplers that draw nothing. Moments: the standard deviation of samples of N(0, ¼) over the true one, from noise to data;
and mean and deviation of 20,000 samples of the mixture, whose true ones stand below. Nothing is trained, and all but
the last two columns are exact.
"""

import argparse
import sys
from pathlib import Path

from kantor import keyed

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from walks import KINDS, LINEAR, PAIR, Kind, deviation, error_along_quantiles, error_between, order

COLUMNS = ("sampler", "order", "measured", "of quantiles", "evaluations", "deviation, of 1", "mean", "deviation")
DRAWN = 20_000


def row(name: str, kind: Kind, steps: int) -> list[str]:
    """A sampler's line."""
    sampler = kind.of(steps)
    measured = "" if kind.order is None else f"{order(lambda one: error_between(one, 0.25), kind.of):.2f}"
    quantiles = "" if kind.draws else f"{order(error_along_quantiles, kind.of):.2f}"
    share = deviation(sampler, 0.25, sampler.levels(LINEAR), 1.0) / 0.5
    drawn = sampler.draw(PAIR, LINEAR, (DRAWN, 1), keyed.Rng(0)).double()
    moments = [f"{drawn.mean().item():.3f}", f"{drawn.std().item():.3f}"]
    return [name, str(kind.order or ""), measured, quantiles, str(sampler.nfe), f"{share:.4f}", *moments]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="of the moments")
    steps = parser.parse_args().steps
    for line in (COLUMNS, ["---", *["---:"] * 7], *(row(name, kind, steps) for name, kind in KINDS.items())):
        print("| " + " | ".join(line) + " |")
    print(f"\ntrue moments of the mixture: {PAIR.mean:.3f}, {PAIR.variance**0.5:.3f}")


if __name__ == "__main__":
    main()

"""How often DG2 collapses where DG1 does not, from runs of several seeds.

    kantor train -m experiment=shapes_dcgan_dg1_quick,shapes_dcgan_dg2_quick seed=0,1,2,3,4,5,6,7,8,9 \\
        budget.generator_steps=300 evaluation=none pictures=none
    python bench/collapse.py outputs [--step 300]

A run has collapsed when its generated pictures lie less than 0.3 times as far apart as real ones (`train/spread`, as
kantor's own health check has it) at the given generator step.
"""

import argparse
from pathlib import Path

import kantor
from kantor.callbacks.spread import SPREAD

COLLAPSED = 0.3


def spread_at(run, step: int) -> float | None:
    """The spread that a run logged at a step; None when it logged none."""
    table = run.metrics()
    rows = dict(zip(table["generator_steps"], table.get(SPREAD, []), strict=False))
    return rows.get(step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--step", type=int, default=300)
    given = parser.parse_args()
    for experiment in ("shapes_dcgan_dg1_quick", "shapes_dcgan_dg2_quick"):
        found = {}
        for path in sorted((given.outputs / experiment).iterdir()):
            run = kantor.load(path)
            spread = spread_at(run, given.step)
            if spread is not None:
                found.setdefault(run.config["seed"], spread)
        collapsed = sum(spread < COLLAPSED for spread in found.values())
        print(f"{experiment}: {collapsed} of {len(found)} seeds collapsed at generator step {given.step}")
        print("  spread by seed: " + ", ".join(f"{seed}: {spread:.3f}" for seed, spread in sorted(found.items())))


if __name__ == "__main__":
    main()

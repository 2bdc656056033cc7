"""How often DG2 collapses where DG1 does not, from runs of several seeds.

    kantor train -m experiment=shapes_dcgan_dg1_quick,shapes_dcgan_dg2_quick seed=0,1,2,3,4,5,6,7,8,9 \\
        budget.steps=300 evaluation=none pictures=none
    python bench/collapse.py outputs [--step 300] [--picture PATH.png]

A run has collapsed when its generated pictures lie less than 0.3 times as far apart as real ones (`train/spread`) at
the given generator step. The picture has samples of both at the end of seed 0, from the same noise.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

import kantor
from kantor.models.spread import SPREAD
from kantor.samples.sheets import tile

EXPERIMENTS = ("shapes_dcgan_dg1_quick", "shapes_dcgan_dg2_quick")
COLLAPSED = 0.3
SAMPLES, GAP = 24, 20


def spread_at(run, step: int) -> float | None:
    """The spread that a run logged at a step; None when it logged none."""
    table = run.metrics()
    rows = dict(zip(table["steps"], table.get(SPREAD, []), strict=False))
    return rows.get(step)


def runs_of(outputs: Path, experiment: str) -> dict:
    """The runs of an experiment by seed.

    Raises:
        SystemExit: they are of several configurations.
    """
    paths = sorted((outputs / experiment).iterdir())
    hashes = {path.name.rpartition("-s")[0] for path in paths}
    if len(hashes) > 1:
        raise SystemExit(f"{outputs / experiment} has runs of {len(hashes)} configurations; expected those of one")
    runs = [kantor.load(path) for path in paths]
    return {run.config["seed"]: run for run in runs}


def side_by_side(runs) -> Image.Image:
    """A sheet of samples of each run, from the same noise."""
    sheets = [tile(torch.from_numpy(run.sample(SAMPLES, seed=0)).permute(0, 3, 1, 2), columns=6) for run in runs]
    width, height = sum(sheet.width for sheet in sheets) + GAP * (len(sheets) - 1), max(s.height for s in sheets)
    whole = Image.new("RGB", (width, height), "white")
    for place, sheet in enumerate(sheets):
        whole.paste(sheet, (place * (sheet.width + GAP), 0))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--step", type=int, default=300)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    found = {experiment: runs_of(given.outputs, experiment) for experiment in EXPERIMENTS}
    for experiment, runs in found.items():
        spreads = {seed: spread for seed, run in runs.items() if (spread := spread_at(run, given.step)) is not None}
        collapsed = sum(spread < COLLAPSED for spread in spreads.values())
        print(f"{experiment}: {collapsed} of {len(spreads)} seeds collapsed at generator step {given.step}")
        print("  spread by seed: " + ", ".join(f"{seed}: {spread:.3f}" for seed, spread in sorted(spreads.items())))
    if given.picture is not None:
        side_by_side([runs[0] for runs in found.values()]).save(given.picture)


if __name__ == "__main__":
    main()

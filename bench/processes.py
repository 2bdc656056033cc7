"""Images a second of one process with two threads and of two gloo processes with one each, on two cores.

    python bench/processes.py [--repeats 3] [--steps 60]

Goal: the ratio at 0.9 or above, for DG1 on PurdueShapes5, whose batch of 32 two processes share. Turn by turn, each a
command of its own; timed from its own metrics.csv, from the first logged row to the last, so that neither start nor end
counts. Two commands that train on batches of 16 side by side and share nothing say how much of the ratio is lost by the
smaller batches: no exchange of gradients can be better.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WORDS = ("experiment=shapes_dcgan_dg1_quick", "evaluation=none", "pictures=none", "trainer.progress=false",
         "trainer.accelerator=cpu", "trainer.log_every=10", "trainer.checkpoint_every=1000000")  # fmt: skip
WAYS = {
    "one process, two threads": [("trainer.devices=1", "trainer.threads=2")],
    "two processes, one thread each": [("trainer.devices=2", "trainer.threads=1")],
    "two that share nothing": [
        ("trainer.devices=1", "trainer.threads=1", "data.batch_size=16", f"seed={seed}") for seed in (0, 1)
    ],
}


def images_per_second(steps: int, *commands: tuple[str, ...]) -> float:
    """Of commands that run at once, all together."""
    with tempfile.TemporaryDirectory() as place:
        head = [sys.executable, "-m", "kantor", "train", *WORDS, f"budget.steps={steps}", f"outputs={place}"]
        processes = [
            subprocess.Popen([*head, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for words in commands
        ]
        if any([process.wait() for process in processes]):
            raise SystemExit(f"{' '.join(head)} failed")
        return sum(rate(file) for file in Path(place).rglob("metrics.csv"))


def rate(file: Path) -> float:
    """Images a second between the first row of a metrics.csv and the last."""
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    images, seconds = (float(rows[-1][key]) - float(rows[0][key]) for key in ("images_seen", "seconds"))
    return images / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    found: dict[str, list[float]] = {title: [] for title in WAYS}
    for _ in range(given.repeats):
        for title, commands in WAYS.items():
            found[title].append(images_per_second(given.steps, *commands))
    for title, rates in found.items():
        print(f"{title:32s} {statistics.median(rates):7.1f} images/s ({min(rates):.1f} to {max(rates):.1f})")
    alone, shared, bound = (statistics.median(rates) for rates in found.values())
    print(f"ratio {shared / alone:.2f}, goal 0.90; at best {bound / alone:.2f}")


if __name__ == "__main__":
    main()

"""Images a second of one process with two threads and of two gloo processes with one each, on two cores.

    python bench/processes.py [--repeats 3] [--steps 60]

Goal: the ratio at 0.9 or above, for DG1 on PurdueShapes5. Turn by turn, each a command of its own; timed from its own
metrics.csv, from the first logged row to the last, so that neither start nor end counts.
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
    "one process, two threads": ("trainer.devices=1", "trainer.threads=2"),
    "two processes, one thread each": ("trainer.devices=2", "trainer.threads=1"),
}


def images_per_second(steps: int, *words: str) -> float:
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "kantor", "train", *WORDS, *words, f"budget.steps={steps}", f"outputs={place}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (file,) = Path(place).rglob("metrics.csv")
        rows = list(csv.DictReader(file.open()))
        first, last = rows[0], rows[-1]
        images = int(last["images_seen"]) - int(first["images_seen"])
        return images / (float(last["seconds"]) - float(first["seconds"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    found: dict[str, list[float]] = {title: [] for title in WAYS}
    for _ in range(given.repeats):
        for title, words in WAYS.items():
            found[title].append(images_per_second(given.steps, *words))
    for title, rates in found.items():
        print(f"{title:32s} {statistics.median(rates):7.1f} images/s ({min(rates):.1f} to {max(rates):.1f})")
    alone, shared = (statistics.median(rates) for rates in found.values())
    print(f"ratio {shared / alone:.2f}, goal 0.90")


if __name__ == "__main__":
    main()

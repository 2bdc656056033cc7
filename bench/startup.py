"""Seconds until kantor answers and until it trains: `--help`, and `kantor train` to its first finished step.

    python bench/startup.py [--repeats 5]

Goals: 0.7 s, 8 s on points, and 10 s on pictures that are in the cache; warm (files in the page cache).
"""

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "kantor", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_step_seconds(experiment: str) -> float:
    """From the command to the first row of metrics.csv."""
    with tempfile.TemporaryDirectory() as place:
        words = [f"experiment={experiment}", f"outputs={place}", "budget.steps=1", "evaluation=none"]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "kantor", "train", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not list(Path(place).rglob("metrics.csv")):
            time.sleep(0.01)
        elapsed = time.perf_counter() - began
        assert process.wait() == 0
        return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    measures = {"kantor --help": help_seconds} | {
        f"kantor train {name}": functools.partial(first_step_seconds, name)
        for name in ("point_demo_gp", "shapes_dcgan_dg1_quick")
    }
    for title, measure in measures.items():
        measure()
        seconds = [measure() for _ in range(repeats)]
        print(f"{title:36s} {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()

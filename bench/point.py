"""kantor's speed on the lecture's setting, paired in one run with two loops that know nothing of kantor.

    python bench/point.py [--steps 30] [--repeats 5] [--threads N]

(a) the lecture's loop, re-implemented plainly; (b) a bare PyTorch loop with kantor's arithmetic and settings. Each
round times all of them in turn on the same threads; the ratios are medians over rounds. Goals: 1.8 × (a), 0.93 × (b).
"""

import argparse
import os
import statistics
from collections.abc import Callable

import point_baselines as baselines
from stopwatch import seconds_of

from kantor.config import compose as config

WARM_UP = 5


def kantor_loop(steps: int, *, threads: int, precision: str = "32-true") -> float:
    """Generator steps per second of `experiment=point_wgan_gp`: the whole trainer, its callbacks and files included."""
    cfg = config.compose(
        [
            "experiment=point_wgan_gp",
            f"trainer.threads={threads}",
            f"trainer.precision={precision}",
            "trainer.accelerator=cpu",
            "trainer.progress=false",
            "evaluation=none",
            "pictures=none",
        ]
    )
    return steps / seconds_of(cfg, warmup=WARM_UP, steps=steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    cut = {"activation": baselines.CutReLU}
    loops: dict[str, Callable[..., float]] = {
        "(a) lecture": baselines.lecture_loop,
        "(b) bare": lambda steps, threads: baselines.bare_loop(steps, threads=threads, **cut),
        "kantor": kantor_loop,
        "(b) bare, bf16": lambda steps, threads: baselines.bare_loop(steps, threads=threads, bfloat16=True, **cut),
        "kantor, bf16-mixed": lambda steps, threads: kantor_loop(steps, threads=threads, precision="bf16-mixed"),
    }
    rounds = [
        {name: loop(given.steps, threads=given.threads) for name, loop in loops.items()} for _ in range(given.repeats)
    ]
    print(f"{given.threads} threads, {given.repeats} rounds of {given.steps} steps; generator steps per second")
    for name in loops:
        rates = [entry[name] for entry in rounds]
        to = {other: statistics.median(entry[name] / entry[other] for entry in rounds) for other in list(loops)}
        partner = "(b) bare, bf16" if "bf16" in name else "(b) bare"
        print(
            f"{name:20s} {statistics.median(rates):6.2f} ({min(rates):.2f} to {max(rates):.2f})   "
            f"{to['(a) lecture']:.2f} x (a)   {to[partner]:.2f} x {partner}"
        )


if __name__ == "__main__":
    main()

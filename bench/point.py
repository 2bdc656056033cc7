"""kantor's speed on points, paired in one run with loops that know nothing of kantor.

    python bench/point.py [--steps 30] [--repeats 5] [--threads N]
    python bench/point.py --whole [--repeats 3]

The first is on the lecture's setting: (a) the lecture's loop, re-implemented plainly; (b) a bare PyTorch loop with
kantor's arithmetic and settings. The second is the demo as a user starts it, 1,500 steps with its pictures, watching
and checkpoints, and once more with its scores while training, against a bare loop of the same arithmetic. Each round
times all in turn on the same threads; the ratios are medians over rounds. Goals: 1.8 × (a), 0.93 × (b) in both.
"""

import argparse
import functools
import os
import statistics
from collections.abc import Callable

import point_baselines as baselines
from stopwatch import seconds_of

from kantor.config.compose import compose

WARM_UP = 5


def kantor_loop(steps: int, *, threads: int, precision: str = "32-true") -> float:
    """Generator steps per second of `experiment=point_wgan_gp`: the whole trainer, its callbacks and files included."""
    configuration = compose(
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
    return steps / seconds_of(configuration, warmup=WARM_UP, steps=steps)


DEMO = {"width": 128, "learning_rate": 1e-3, "betas": (0.0, 0.9)}
DEMO_STEPS = 1500


def demo(steps: int, *, threads: int, scores: bool) -> float:
    """Steps per second of `experiment=point_demo_gp` as a user starts it, but for its bar."""
    words = ["experiment=point_demo_gp", f"trainer.threads={threads}", f"budget.steps={WARM_UP + steps}"]
    words += ["trainer.accelerator=cpu", "trainer.progress=false", *([] if scores else ["evaluation=none"])]
    return steps / seconds_of(compose(words), warmup=WARM_UP, steps=steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--whole", action="store_true", help="the demo as a user starts it")
    given = parser.parse_args()
    cut = {"activation": baselines.CutReLU}
    if given.whole:
        bare = functools.partial(baselines.bare_loop, **cut, **DEMO)
        loops: dict[str, Callable[..., float]] = {
            "(b) bare": bare,
            "kantor, whole run": functools.partial(demo, scores=False),
            "kantor, with scores": functools.partial(demo, scores=True),
        }
        report(loops, steps=DEMO_STEPS, repeats=given.repeats, threads=1)
        return
    loops = {
        "(a) lecture": baselines.lecture_loop,
        "(b) bare": functools.partial(baselines.bare_loop, **cut),
        "kantor": kantor_loop,
        "(b) bare, bf16": functools.partial(baselines.bare_loop, bfloat16=True, **cut),
        "kantor, bf16-mixed": functools.partial(kantor_loop, precision="bf16-mixed"),
    }
    report(loops, steps=given.steps, repeats=given.repeats, threads=given.threads)


def report(loops: dict[str, Callable[..., float]], *, steps: int, repeats: int, threads: int) -> None:
    """Time the loops in turn, and print their rates and ratios."""
    rounds = [{name: loop(steps, threads=threads) for name, loop in loops.items()} for _ in range(repeats)]
    print(f"{threads} threads, {repeats} rounds of {steps} steps; steps per second")
    partners = [name for name in loops if name.startswith("(")]
    for name in loops:
        rates = [entry[name] for entry in rounds]
        ratios = [
            f"{statistics.median(entry[name] / entry[partner] for entry in rounds):.2f} x {partner}"
            for partner in partners
        ]
        print(
            f"{name:20s} {statistics.median(rates):6.2f} ({min(rates):.2f} to {max(rates):.2f})   {'   '.join(ratios)}"
        )


if __name__ == "__main__":
    main()

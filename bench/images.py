"""kantor's speed on DG1 at 64×64, batch 32, paired in one run with two loops that know nothing of kantor.

    python bench/images.py [--steps 100] [--repeats 3] [--threads N] [--float32]

(a) a loop of the lecture's form, fed by torchvision's ImageFolder with two workers, in float32; (b) a bare PyTorch loop
with kantor's arithmetic and settings, fed from memory. Each round times all of them in turn on the same threads; the
ratios are medians over rounds. In 100 steps kantor logs ten rows and measures once, as in a long run. Goals:
2.2 × (a) where the CPU has bfloat16, 0.95 × (b).
"""

import argparse
import functools
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import image_baselines as baselines
import numpy as np
from PIL import Image
from stopwatch import seconds_of

from kantor.config.compose import compose
from kantor.config.schema import Configuration

WARM_UP = 3
IMAGES = 2_000


def composed(*words: str) -> Configuration:
    """`experiment=shapes_dcgan_dg1` as it is, but that nothing is scored or drawn."""
    fixed = ("experiment=shapes_dcgan_dg1", "trainer.accelerator=cpu", "trainer.progress=false")
    return compose([*fixed, f"data.size={IMAGES}", "evaluation=none", "pictures=none", *words])


def kantor_loop(steps: int, *, threads: int, warmup: int, precision: str) -> float:
    """Images per second of the whole trainer, its callbacks and files included."""
    words = (f"trainer.threads={threads}", f"trainer.precision={precision}")
    configuration = composed(*words)
    images = steps * configuration.plain["data"]["batch_size"]
    return images / seconds_of(configuration, warmup=warmup, steps=steps)


def write_folder(pixels: np.ndarray, folder: Path) -> None:
    """The pictures as the lecture's data set has them: JPEG files in a class folder."""
    (folder / "0").mkdir(parents=True)
    for index, image in enumerate(pixels):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / "0" / f"{index:05d}.jpg", quality=95)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--float32", action="store_true", help="time the last two in float32 too")
    given = parser.parse_args()
    configuration = composed("trainer.precision=auto")
    pixels = np.asarray(configuration.build("data", seed=0).train.pixels)[:IMAGES]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        write_folder(pixels, folder)
        settings = {"steps": given.steps, "threads": given.threads, "warmup": WARM_UP}
        auto = configuration.trainer.precision
        loops: dict[str, Callable[[], float]] = {
            "(a) lecture": functools.partial(baselines.lecture_loop, folder=folder, **settings),
            "(b) bare": functools.partial(baselines.bare_loop, pixels=pixels, bfloat16="bf16" in auto, **settings),
            "kantor": functools.partial(kantor_loop, precision=auto, **settings),
        }
        if given.float32:
            bare = functools.partial(baselines.bare_loop, pixels=pixels, bfloat16=False, **settings)
            own = functools.partial(kantor_loop, precision="32-true", **settings)
            loops |= {"(b) bare, float32": bare, "kantor, float32": own}
        rounds = [{name: loop() for name, loop in loops.items()} for _ in range(given.repeats)]
    print(
        f"{given.threads} threads, {given.repeats} rounds of {given.steps} steps, precision {auto}; images per second"
    )
    for name in loops:
        rates = [entry[name] for entry in rounds]
        partner = "(b) bare, float32" if "float32" in name else "(b) bare"
        to = {one: statistics.median(entry[name] / entry[one] for entry in rounds) for one in ("(a) lecture", partner)}
        print(
            f"{name:18s} {statistics.median(rates):6.1f} ({min(rates):.1f} to {max(rates):.1f})   "
            f"{to['(a) lecture']:.2f} x (a)   {to[partner]:.2f} x {partner}"
        )


if __name__ == "__main__":
    main()

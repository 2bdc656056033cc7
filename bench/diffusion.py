"""kantor's speed on denoisers, paired in one run with other libraries and with loops that know nothing of kantor.

    make bench                                                   # installs bench/peers.txt into .peers, once
    python bench/diffusion.py [training sampling points memory] [--repeats 3] [--threads N] [--peers .peers]
    python bench/diffusion.py training sampling --compile        # rows with torch.compile too
    python bench/diffusion.py training sampling --device cuda    # on a GPU

One network for all rows but one, improved DDPM's UNet at 64 channels, on 32×32×1 digits:

- training: images per second, batch 32; denoising-diffusion-pytorch, diffusers and azula with their own loops, a bare
  loop with kantor's settings, and the whole of `kantor train`, its callbacks and files included. The first library with
  its own UNet is a row of its own;
- sampling: images per second by DDIM with 50 evaluations, 16 at a time;
- points: steps per second of flow matching through a perceptron of 3×128, batch 256, fed from 2 million points where a
  loop does not draw its own; torchcfm, a bare loop, kantor;
- memory: what drawing 50,000 pictures takes beyond the pictures themselves.

Each round times all in turn on the same threads; ratios are medians over rounds. Where the CPU has bfloat16, kantor's
`precision=auto`, the bare loop and each library under autocast have rows in it; kantor samples in float32. Goals:
training 1.8 × the best library at its defaults where there is bfloat16, 0.95 × bare; sampling 2.0 ×; points 1.5 ×.
"""

import argparse
import contextlib
import functools
import importlib.util
import io
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import diffusion_baselines as baselines
import diffusion_peers as peers
import numpy as np
import torch
from memory import MIB, Watch, anonymous
from stopwatch import seconds_of

from kantor import keyed
from kantor.config.compose import compose
from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.engine.sample import as_files_hold, chunk_of
from kantor.evaluation.generation import generate
from kantor.numerics import numerics
from kantor.processes import Processes

CONF = str(Path(__file__).parent / "conf")
WARM_UP = {"training": 3, "sampling": 1, "points": 50}
POINTS = 2_000_000
LIBRARIES = ("denoising_diffusion_pytorch", "diffusers", "azula", "torchcfm")

Rows = dict[str, Callable[[], float]]


def composed(experiment: str, *words: str, device: str = "cpu") -> Configuration:
    """An experiment as it is, but that nothing is scored or drawn."""
    accelerator = {"cuda": "gpu"}.get(device, device)
    fixed = ("trainer.progress=false", "evaluation=none", "pictures=none", f"trainer.accelerator={accelerator}")
    return compose([f"experiment={experiment}", *fixed, *words], config_dirs=[CONF])


def network(configuration: Configuration) -> torch.nn.Module:
    """The denoiser of a configuration."""
    return configuration.build("model.denoiser")


def of_steps(make: baselines.Make, channels: int = 1) -> baselines.Make:
    """The same network, told the numbers of steps."""
    return lambda: peers.OfSteps(make(), channels)


def kantor_trains(
    steps: int, experiment: str, *, per_step: int, warmup: int, words: list[str], device: str = "cpu"
) -> float:
    """What is consumed per second by the whole trainer."""
    return steps * per_step / seconds_of(composed(experiment, *words, device=device), warmup=warmup, steps=steps)


def kantor_samples(repeats: int, *, evaluations: int, device: str, threads: int, warmup: int, compiled: bool) -> float:
    """Images per second of an untrained model's moving average."""
    run = assemble(composed("bench_ddpm", f"sampler.steps={evaluations}", device=device))
    run.model.to(run.device)
    if compiled:
        run.model.weights("ema")["denoiser"].compile()
    keys = iter(range(warmup + repeats))

    def draw() -> None:
        run.sampling(run.model, baselines.SAMPLES, rng=keyed.Rng(next(keys)))

    machine = run.configuration.trainer
    with numerics(threads=threads, matmul_precision=machine.matmul_precision):
        return baselines.SAMPLES * baselines.rate(draw, steps=repeats, warmup=warmup)


def training(given: argparse.Namespace) -> Rows:
    """Images per second."""
    configuration = composed("bench_ddpm", "trainer.precision=auto", device=given.device)
    pixels = np.asarray(configuration.build("data", seed=0).train.pixels)
    make, warmup = functools.partial(network, configuration), WARM_UP["training"]
    fixed = {"pixels": pixels, "device": given.device, "threads": given.threads, "warmup": warmup}
    libraries = {
        "denoising-diffusion-pytorch": functools.partial(peers.lucidrains_train, make=of_steps(make)),
        "diffusers": functools.partial(peers.diffusers_train, make=of_steps(make)),
        "azula": functools.partial(peers.azula_train, make=make),
    }
    kantor = functools.partial(
        kantor_trains, given.steps, "bench_ddpm", per_step=baselines.BATCH, warmup=warmup, device=given.device
    )
    threads = f"trainer.threads={given.threads}"
    rows: Rows = {}
    for bfloat16 in precisions(configuration):
        more, precision = (", bf16", "bf16-mixed") if bfloat16 else ("", "32-true")
        for name, train in libraries.items():
            rows[name + more] = functools.partial(train, given.steps, bfloat16=bfloat16, **fixed)
        for compiled in (False, True)[: 1 + given.compile]:
            last = ", compiled" if compiled else ""
            rows[f"bare{more}{last}"] = functools.partial(
                baselines.train, given.steps, make=make, bfloat16=bfloat16, compiled=compiled, **fixed
            )
            words = [threads, f"trainer.precision={precision}", f"trainer.compile={str(compiled).lower()}"]
            rows[f"kantor{more}{last}"] = functools.partial(kantor, words=words)
    own = functools.partial(peers.lucidrains_unet, 1)
    rows["(its own UNet) denoising-diffusion-pytorch"] = functools.partial(
        peers.lucidrains_train, given.steps, make=own, bfloat16=False, **fixed
    )
    return rows


def sampling(given: argparse.Namespace) -> Rows:
    """Images per second."""
    configuration = composed("bench_ddpm", "trainer.precision=auto", device=given.device)
    make = functools.partial(network, configuration)
    fixed = {
        "shape": (1, 32, 32),
        "evaluations": given.evaluations,
        "device": given.device,
        "threads": given.threads,
        "warmup": WARM_UP["sampling"],
    }
    libraries = {
        "denoising-diffusion-pytorch": functools.partial(peers.lucidrains_sample, make=of_steps(make)),
        "diffusers": functools.partial(peers.diffusers_sample, make=of_steps(make)),
        "azula": functools.partial(peers.azula_sample, make=make),
    }
    rows: Rows = {}
    for bfloat16 in precisions(configuration):
        more = ", bf16" if bfloat16 else ""
        for name, sample in libraries.items():
            rows[name + more] = functools.partial(sample, given.draws, bfloat16=bfloat16, **fixed)
        for compiled in (False, True)[: 1 + given.compile]:
            rows[f"bare{more}{', compiled' if compiled else ''}"] = functools.partial(
                baselines.sample, given.draws, make=make, bfloat16=bfloat16, compiled=compiled, **fixed
            )
    for compiled in (False, True)[: 1 + given.compile]:
        rows[f"kantor{', compiled' if compiled else ''}"] = functools.partial(
            kantor_samples,
            given.draws,
            evaluations=given.evaluations,
            device=given.device,
            threads=given.threads,
            warmup=WARM_UP["sampling"],
            compiled=compiled,
        )
    own = functools.partial(peers.lucidrains_unet, 1)
    rows["(its own UNet) denoising-diffusion-pytorch"] = functools.partial(
        peers.lucidrains_sample, given.draws, make=own, bfloat16=False, **fixed
    )
    return rows


def points(given: argparse.Namespace) -> Rows:
    """Steps per second, on one thread as the experiment has it."""
    configuration, warmup = composed("point_flow"), WARM_UP["points"]
    drawn = configuration.build("data", seed=0).distribution.sample(POINTS, np.random.default_rng(0))
    fixed = {"make": functools.partial(network, configuration), "threads": 1, "warmup": warmup}
    budget = f"budget.steps={warmup + given.point_steps}"
    words = [f"data.batch_size={baselines.POINTS_BATCH}", "trainer.threads=1", budget, "schedule=constant"]
    return {
        "torchcfm": functools.partial(
            peers.torchcfm_train, given.point_steps, points=torch.as_tensor(drawn).float(), **fixed
        ),
        "bare": functools.partial(baselines.train_points, given.point_steps, **fixed),
        "kantor": functools.partial(
            kantor_trains, given.point_steps, "point_flow", per_step=1, warmup=warmup, words=words
        ),
    }


def precisions(configuration: Configuration) -> list[bool]:
    """Whether in bfloat16: also, where this machine has it."""
    return [False, True] if "bf16" in configuration.trainer.precision else [False]


def memory(n: int = 50_000) -> None:
    """Print what drawing pictures takes, with a network so narrow that 50,000 take minutes."""
    narrow = ("model.denoiser.width=8", "model.denoiser.normalise.groups=8", "model.denoiser.multipliers=[1]")
    run = assemble(
        composed("bench_ddpm", *narrow, "model.denoiser.attention=[]", "model.denoiser.patch=4", "sampler.steps=2")
    )
    size = chunk_of(run)
    sizes = {"processes": Processes(), "device": torch.device("cpu"), "chunk": size, "key": lambda chunk: chunk}

    def peak(count: int) -> tuple[float, float]:
        before = anonymous(os.getpid())
        with Watch(os.getpid()) as watch:
            found = generate(lambda chunk, rng: as_files_hold(run.sampling(run.model, size, rng=rng)), count, **sizes)
        return watch.peak - before, found.nbytes / MIB

    peak(10 * size)  # what torch and the allocator keep of the first chunks
    print(f"\ndrawing pictures of 32×32 in chunks of {size}: MiB beyond what {10 * size} before them had taken")
    for count in (size, n // 10, n):
        above, result = peak(count)
        print(f"{count:9,} pictures   {above:7.1f}   the pictures {result:.1f}, twice while they are put together")


def report(title: str, rows: Rows, repeats: int) -> None:
    """Time the rows in turn, and print their rates and ratios to the best library, at its defaults, and to bare."""
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        rounds = [{name: row() for name, row in rows.items()} for _ in range(repeats)]
    medians = {name: statistics.median(entry[name] for entry in rounds) for name in rows}
    at_defaults = [name for name in rows if not name.startswith(("bare", "kantor", "(")) and "bf16" not in name]
    best = max(at_defaults, key=medians.__getitem__)
    print(f"\n{title}; the best library at its defaults is {best}")
    for name in rows:
        bare = "bare, bf16" if "bf16" in name else "bare"
        ratios = [statistics.median(entry[name] / entry[other] for entry in rounds) for other in (best, bare)]
        low, high = min(entry[name] for entry in rounds), max(entry[name] for entry in rounds)
        print(
            f"{name:45s} {medians[name]:8.2f} ({low:.2f} to {high:.2f})   {ratios[0]:5.2f} x best   "
            f"{ratios[1]:5.2f} x {bare}"
        )


PARTS = {
    "training": (training, "training, images per second"),
    "sampling": (sampling, "sampling by DDIM, images per second"),
    "points": (points, "flow matching on points, steps per second"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join([*PARTS, 'memory'])}; default all")
    parser.add_argument("--steps", type=int, default=15, help="of training on pictures")
    parser.add_argument("--draws", type=int, default=1, help="of 16 pictures")
    parser.add_argument("--evaluations", type=int, default=baselines.EVALUATIONS, help="of the network for a sample")
    parser.add_argument("--point-steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of training and sampling of pictures")
    parser.add_argument("--compile", action="store_true", help="with rows of compiled networks")
    parser.add_argument("--peers", default=".peers", help="where the libraries are installed")
    given = parser.parse_args()
    parts = given.parts or [*PARTS, "memory"]
    sys.path.append(given.peers)
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing and parts != ["memory"]:
        raise SystemExit(f"{', '.join(missing)}: not installed in {given.peers}; `make bench` installs bench/peers.txt")
    auto = composed("bench_ddpm", "trainer.precision=auto", device=given.device).trainer.precision
    print(f"{given.device}, {given.threads} threads, {given.repeats} rounds; precision auto is {auto}")
    for name in parts:
        if name == "memory":
            memory()
        else:
            make, title = PARTS[name]
            report(title, make(given), given.repeats)


if __name__ == "__main__":
    main()

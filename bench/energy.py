"""Speed of Boltzmann machines, paired: timed in turn in one run with other libraries and with a loop that knows nothing
of kantor.

    make bench                                              # installs bench/peers.txt into .peers, once
    python bench/energy.py [training annealing] [--repeats 3] [--threads N] [--peers .peers]

- training: images per second of a machine of 784 and 500 units, batch 100, on binary digits; scikit-learn's
  BernoulliRBM, whose chains persist as kantor's do, learnergy's RBM, whose chains begin at the data (as it is, and its
  steps alone, without the pseudo-likelihood that it computes of each batch), a bare loop of kantor's arithmetic, and
  the whole of `kantor train`, its callbacks and files included;
- annealing: seconds of annealed importance sampling of such a machine, 100 chains and 10,000 temperatures.

Each round times all in turn on the same threads; ratios are medians over rounds. Goals: training 1.5 × the faster
library; annealing within a minute on two cores.
"""

import argparse
import functools
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusion_baselines import rate, settle
from stopwatch import seconds_of
from torch import Tensor

from kantor import keyed
from kantor.config.compose import compose
from kantor.config.schema import Configuration
from kantor.nets.rbm import RBM
from kantor.numerics import numerics
from kantor.samplers.annealing import log_weights_up

CONF = str(Path(__file__).parent / "conf")
VISIBLE, HIDDEN, BATCH, LEARNING_RATE = 784, 500, 100, 0.05
WARM_UP = 10
LIBRARIES = ("sklearn", "learnergy")

Rows = dict[str, Callable[[], float]]


def composed(*words: str) -> Configuration:
    """The experiment as it is, but that nothing is scored or drawn."""
    fixed = ("trainer.accelerator=cpu", "trainer.progress=false", "evaluation=none", "pictures=none")
    return compose(["experiment=bench_rbm", *fixed, *words], config_dirs=[CONF])


def kantor_trains(steps: int, *, threads: int) -> float:
    """Images per second of the whole trainer."""
    configuration = composed(f"trainer.threads={threads}", f"budget.steps={WARM_UP + steps}")
    return steps * BATCH / seconds_of(configuration, warmup=WARM_UP, steps=steps)


def bare_trains(steps: int, *, x: Tensor, threads: int) -> float:
    """kantor's arithmetic: gradients by hand, float32, torch's own random numbers."""
    settle(threads)
    weight, a, b = 0.01 * torch.randn(HIDDEN, VISIBLE), torch.zeros(VISIBLE), torch.zeros(HIDDEN)
    v = (torch.rand(BATCH, VISIBLE) < 0.5).float()
    batches = iter(_batches(x))

    def step() -> None:
        nonlocal v
        real = next(batches)
        h = (torch.rand(BATCH, HIDDEN) < torch.sigmoid(v @ weight.T + b)).float()
        v = (torch.rand(BATCH, VISIBLE) < torch.sigmoid(h @ weight + a)).float()
        p_real, p = torch.sigmoid(real @ weight.T + b), torch.sigmoid(v @ weight.T + b)
        weight.add_(p_real.T @ real - p.T @ v, alpha=LEARNING_RATE / BATCH)
        a.add_((real - v).mean(0), alpha=LEARNING_RATE)
        b.add_((p_real - p).mean(0), alpha=LEARNING_RATE)

    return BATCH * rate(step, steps=steps, warmup=WARM_UP)


def scikit_learn_trains(steps: int, *, x: np.ndarray, threads: int) -> float:
    """Its partial_fit, batch by batch; float64, which it turns everything into."""
    from sklearn.neural_network import BernoulliRBM
    from threadpoolctl import threadpool_limits

    machine = BernoulliRBM(n_components=HIDDEN, learning_rate=LEARNING_RATE, batch_size=BATCH, random_state=0)
    batches = iter(_batches(x.astype(np.float64)))
    with threadpool_limits(threads):
        return BATCH * rate(lambda: machine.partial_fit(next(batches)), steps=steps, warmup=WARM_UP)


def learnergy_trains(steps: int, *, x: Tensor, threads: int, alone: bool) -> float:
    """Its fit, an epoch of as many batches; or the lines of it that train."""
    from learnergy.models.bernoulli.rbm import RBM as Machine

    settle(threads)
    machine = Machine(n_visible=VISIBLE, n_hidden=HIDDEN, steps=1, learning_rate=LEARNING_RATE)
    batches = iter(_batches(x))

    def step() -> None:
        real = next(batches)
        v = machine.gibbs_sampling(real)[-1].detach()
        cost = machine.energy(real).mean() - machine.energy(v).mean()
        machine.optimizer.zero_grad()
        cost.backward()
        machine.optimizer.step()

    if alone:
        return BATCH * rate(step, steps=steps, warmup=WARM_UP)
    rows = torch.arange(steps * BATCH) % len(x)
    data = torch.utils.data.TensorDataset(x[rows], torch.zeros(len(rows)))
    machine.fit(torch.utils.data.Subset(data, range(BATCH)), batch_size=BATCH, epochs=WARM_UP)
    began = time.perf_counter()
    machine.fit(data, batch_size=BATCH, epochs=1)
    return steps * BATCH / (time.perf_counter() - began)


def _batches(x):
    """Again and again."""
    while True:
        for start in range(0, len(x) - BATCH + 1, BATCH):
            yield x[start : start + BATCH]


def training(given: argparse.Namespace) -> Rows:
    """Images per second."""
    pixels = np.asarray(composed().build("data", seed=0).train.pixels).reshape(-1, VISIBLE)
    x = (pixels >= 128).astype(np.float32)
    fixed = {"threads": given.threads}
    learnergy = functools.partial(learnergy_trains, given.steps, x=torch.from_numpy(x), **fixed)
    return {
        "scikit-learn": functools.partial(scikit_learn_trains, given.steps, x=x, **fixed),
        "learnergy": functools.partial(learnergy, alone=False),
        "learnergy, its steps alone": functools.partial(learnergy, alone=True),
        "bare": functools.partial(bare_trains, given.steps, x=torch.from_numpy(x), **fixed),
        "kantor": functools.partial(kantor_trains, given.steps, **fixed),
    }


def report(title: str, rows: Rows, repeats: int) -> None:
    """Time the rows in turn, and print their rates and ratios to the fastest library and to bare."""
    rounds = [{name: row() for name, row in rows.items()} for _ in range(repeats)]
    medians = {name: statistics.median(entry[name] for entry in rounds) for name in rows}
    best = max((name for name in rows if name not in ("bare", "kantor")), key=medians.__getitem__)
    print(f"\n{title}; the fastest library is {best}")
    for name in rows:
        ratios = [statistics.median(entry[name] / entry[other] for entry in rounds) for other in (best, "bare")]
        low, high = min(entry[name] for entry in rounds), max(entry[name] for entry in rounds)
        spread = f"({low:.0f} to {high:.0f})"
        print(f"{name:30s} {medians[name]:9.0f} {spread:18s} {ratios[0]:5.2f} x best   {ratios[1]:5.2f} x bare")


def annealing(given: argparse.Namespace) -> None:
    """Print how long annealing takes."""
    torch.manual_seed(0)
    machine = RBM(visible=VISIBLE, hidden=HIDDEN, deviation=0.1)
    with numerics(threads=given.threads, matmul_precision="highest"):
        seconds = []
        for key in range(given.repeats):
            began = time.perf_counter()
            log_weights_up(
                machine, torch.zeros(VISIBLE), chains=100, temperatures=given.temperatures, rng=keyed.Rng(key)
            )
            seconds.append(time.perf_counter() - began)
    spread = f"({min(seconds):.1f} to {max(seconds):.1f})"
    median = statistics.median(seconds)
    print(f"\nannealing, 100 chains and {given.temperatures:,} temperatures: {median:.1f} s {spread}; goal 60")


PARTS = ("training", "annealing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; default all")
    parser.add_argument("--steps", type=int, default=400, help="of training")
    parser.add_argument("--temperatures", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peers", default=".peers", help="where the libraries are installed")
    given = parser.parse_args()
    parts = given.parts or PARTS
    sys.path.append(given.peers)
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing and "training" in parts:
        raise SystemExit(f"{', '.join(missing)}: not installed in {given.peers}; `make bench` installs bench/peers.txt")
    print(f"{given.threads} threads, {given.repeats} rounds")
    if "training" in parts:
        report("training, images per second", training(given), given.repeats)
    if "annealing" in parts:
        annealing(given)


if __name__ == "__main__":
    main()

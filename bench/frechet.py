"""The Fréchet distance at Inception's 2048 dimensions, paired in one run with the two usual ways to take the root.

    python bench/frechet.py [--dimensions 2048] [--repeats 3] [--threads N]

(a) scipy.linalg.sqrtm of Σ1Σ2 (pytorch-fid); (b) the eigenvalues of Σ1Σ2 (torchmetrics, torch-fidelity). Each round
times all of them in turn on the same threads; the ratios are medians over rounds. Goals: 12 × (a), 3 × (b).
"""

import argparse
import os
import statistics
import time

import scipy.linalg
import torch
from torch import Tensor

from kantor.metrics.frechet import frechet_distance, frechet_distance_of_features
from kantor.metrics.statistics import Statistics


def features(n: int, d: int, seed: int) -> Tensor:
    """Correlated; the scales fall by 1,000, as those of an extractor do."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64) / d**0.5
    scales = torch.logspace(0, -3, d, dtype=torch.float64)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ (scales[:, None] * mixing)


def by_sqrtm(real: Statistics, generated: Statistics) -> float:
    s, t = real.covariance.numpy(), generated.covariance.numpy()
    difference = (real.mean - generated.mean).numpy()
    return float(difference @ difference + s.trace() + t.trace() - 2 * scipy.linalg.sqrtm(s @ t).real.trace())


def by_eigvals(real: Statistics, generated: Statistics) -> float:
    s, t = real.covariance, generated.covariance
    difference = real.mean - generated.mean
    return float(
        difference @ difference + s.trace() + t.trace() - 2 * torch.linalg.eigvals(s @ t).sqrt().real.sum(dim=-1)
    )


def report(*, dimensions: int, repeats: int, threads: int) -> None:
    torch.set_num_threads(threads)
    d = dimensions
    real, generated = features(2 * d, d, 1), features(2 * d, d, 2) + 0.01
    few = features(d // 4, d, 3) + 0.01
    whole, other, short = Statistics.of(real), Statistics.of(generated), Statistics.of(few)
    ways = {
        "(a) sqrtm": lambda: by_sqrtm(whole, other),
        "(b) eigvals": lambda: by_eigvals(whole, other),
        "kantor": lambda: frechet_distance(whole, other),
        f"kantor, {d // 4} generated": lambda: frechet_distance(whole, short),
        f"kantor, {d // 4} real, {d // 4} generated": lambda: frechet_distance_of_features(real[: d // 4], few),
    }
    rounds, values = [], {}
    for _ in range(repeats):
        seconds = {}
        for name, way in ways.items():
            began = time.perf_counter()
            values[name] = way()
            seconds[name] = time.perf_counter() - began
        rounds.append(seconds)
    print(f"{d} dimensions, {threads} threads, {repeats} rounds; seconds")
    for name in ways:
        taken = [entry[name] for entry in rounds]
        to = {other: statistics.median(entry[other] / entry[name] for entry in rounds) for other in list(ways)[:2]}
        print(
            f"{name:36s} {statistics.median(taken):7.2f} ({min(taken):.2f} to {max(taken):.2f})   "
            f"{to['(a) sqrtm']:5.2f} x (a)   {to['(b) eigvals']:5.2f} x (b)   distance {values[name]:.10f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    report(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()

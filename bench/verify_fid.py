"""The published weights give the FID and Inception score that torch-fidelity's own tests expect of CIFAR-10.

    python bench/verify_fid.py [--root data] [--weights PATH] [--threads N]

Its tests/torch_versions_ge_1_13_0/test_versions.py (version 0.4) compares the first 5,000 training pictures with the
first 5,000 test pictures: FID 10.32333, and Inception score 10.75051 of the former, the mean of 10 splits in the order
of `RandomState(2020)`; 0.01 apart at most, because kernels of other graphics cards round otherwise. Here they are
kantor's, from kantor's features. 96 MB of weights and 170 MB of pictures are downloaded once. Takes a quarter of an
hour on two cores; the exit code is 0 only when both numbers were made and are right.
"""

import argparse
import os
import sys

import numpy as np
import torch
from torch import Tensor

from kantor.data.cifar10 import CIFAR10
from kantor.data.images import ImageSet
from kantor.errors import UserError
from kantor.evaluation.extractors.inception import Inception
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.logits import inception_score
from kantor.progress_bar import ProgressBar

N = 5000
SPLITS = 10
EXPECTED = {"FID": 10.32333, "Inception score": 10.75051}
TOLERANCE = 0.01
CHUNK = 250


def seen(extractor: Inception, images: ImageSet) -> tuple[Tensor, Tensor]:
    """Features (N, 2048) and logits (N, 1008) of the first N pictures."""
    features, logits = [], []
    with ProgressBar("features", N, unit="pictures") as bar:
        for rows in np.array_split(np.arange(N), -(-N // CHUNK)):
            found = extractor(images.take(rows))
            features.append(found.features)
            logits.append(found.logits)
            bar.add(len(rows))
    return torch.cat(features), torch.cat(logits)


def inception_score_of_splits(logits: Tensor) -> float:
    """The mean over consecutive parts of the samples, whose sizes differ by at most 1, as published figures are made; a
    smaller set scores lower, so it lies below that of the whole. Of logits (N, K)."""
    n = len(logits)
    parts = [logits[i * n // SPLITS : (i + 1) * n // SPLITS] for i in range(SPLITS)]
    return float(np.mean([inception_score(part) for part in parts]))


def scores(root: str, weights: str | None) -> dict[str, float]:
    """FID and Inception score.

    Raises:
        UserError: weights or pictures are missing and cannot be downloaded; the message says where to put them.
    """
    extractor = Inception(weights=weights, arithmetic="float32")
    extractor.prepare()
    data = CIFAR10(
        name="cifar10", batch_size=1, size=None, flip=False, resident=False, identity="auto", seed=0, root=root
    )
    train, test = data.load("train"), data.load("test")
    features, logits = seen(extractor, train)
    order = np.random.RandomState(2020).permutation(N)
    return {
        "FID": frechet_distance_of_features(seen(extractor, test)[0], features),
        "Inception score": inception_score_of_splits(logits[order]),
    }


def main(words: list[str] | None = None) -> int:
    """The exit code: 0 when the numbers are right, 1 when they are not or cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data", help="the directory with CIFAR-10, or to download it to")
    parser.add_argument("--weights", help="their path; else they are looked for in the caches, and downloaded")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args(words)
    torch.set_num_threads(given.threads)
    try:
        found = scores(given.root, given.weights)
    except UserError as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 1
    wrong = [name for name, value in found.items() if not abs(value - EXPECTED[name]) <= TOLERANCE]
    for name, value in found.items():
        print(f"{name}: {value:.5f}, torch-fidelity's tests expect {EXPECTED[name]} ± {TOLERANCE}")
    print(f"not verified: {' and '.join(wrong)} differ" if wrong else "verified")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

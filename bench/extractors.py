"""Pictures per second of kantor's Inception against torch-fidelity's, on the same pictures and random weights.

    python bench/extractors.py [--pictures 32] [--rounds 5] [--threads N]

The three (torch-fidelity's float32, kantor's float32, kantor's bfloat16) take turns, so that other work on the machine
slows all alike; a round's speed-up is between neighbours in time. Goals: 1.6 in float32 with features equal to 1e-4,
3 in bfloat16 where the CPU has instructions for it.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from kantor.evaluation.extractors.inception import Inception

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from inception_file import random_pictures, write


def report(*, pictures: int, rounds: int, threads: int, size: int) -> None:
    torch.set_num_threads(threads)
    images = random_pictures(pictures, (3, size, size))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "weights.pth"
        write(path)
        theirs = FeatureExtractorInceptionV3(
            "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=path
        )
        fp32, bf16 = (Inception(weights=str(path), arithmetic=a) for a in ("float32", "bfloat16"))
        for extractor in (fp32, bf16):
            extractor.prepare()

    def torch_fidelitys() -> torch.Tensor:
        with torch.no_grad():  # as its own loop does, in its default batches of 64
            return torch.cat([theirs(part)[0] for part in images.split(64)]).double()

    runs = {
        "torch-fidelity, float32": torch_fidelitys,
        "kantor, float32": lambda: fp32(images).features,
        "kantor, bfloat16": lambda: bf16(images).features,
    }
    features = {name: run() for name, run in runs.items()}  # also warms up
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    base = next(iter(runs))
    print(f"{pictures} pictures of {size}×{size}, {threads} threads, {rounds} rounds")
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(seconds[base], values, strict=True)]
        difference = (features[name] - features[base]).abs().max() / features[base].abs().max()
        print(
            f"{name:24s} {pictures / statistics.median(values):6.1f} pictures/s, speed-up "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), largest difference "
            f"{difference:.1e} of the largest feature"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--size", type=int, default=64)
    report(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()

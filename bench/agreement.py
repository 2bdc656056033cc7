"""How far kantor's Inception scores are from those of torch-fidelity, torchmetrics and pytorch-fid: a table.

    python bench/agreement.py [--pictures 32] [--whole] [--threads N]

All see the same pictures and load the same file of random weights into their own network code. Features and statistics:
the largest difference, relative to the largest number. FID and Inception score: relative differences; KID: absolute.
FID is that of all 2048 features; peers compute it in the coordinates that the features span, which changes nothing but
the time, or, `--whole`, in all 2048, which takes minutes more. pytorch-fid departs in how levels are scaled and in how
pictures are resized; without the former, only the latter is left.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from kantor.evaluation.extractors.base import Features
from kantor.evaluation.extractors.inception import Inception
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.kernel import kid
from kantor.metrics.logits import inception_score
from kantor.metrics.statistics import Statistics

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import peers
from inception_file import random_pictures, write

SHAPES = ((1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 299, 299))
COLUMNS = ("pictures", "library", "features", "means", "covariances", "FID", "KID", "Inception score")


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


def row(ours: Features, peer: peers.Peer, images: Tensor, *, has_kid: bool, whole: bool) -> list[str]:
    """The differences from one library, of pictures of which the first half are the real ones."""
    n = len(images) // 2
    features, logits = peer.extract(images.expand(-1, 3, -1, -1))
    moments = [
        (Statistics.of(ours.features[part]), peer.statistics(features[part])) for part in (slice(n), slice(n, None))
    ]
    real, generated = ours.features[:n], ours.features[n:]
    sets = features[:n], features[n:]
    expected = peer.frechet_distance(*(sets if whole else peers.turned(*sets)))
    cells = [
        relative(ours.features, features),
        max(relative(found.mean, mean) for found, (mean, _) in moments),
        max(relative(found.covariance, covariance) for found, (_, covariance) in moments),
        abs(frechet_distance_of_features(real, generated) / expected - 1),
        abs(kid(real, generated) - peers.torch_fidelitys_kid(*sets)) if has_kid else None,
        None if peer.inception_score is None else abs(inception_score(ours.logits) / peer.inception_score(logits) - 1),
    ]
    return ["" if cell is None else f"{cell:.1e}" for cell in cells]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=32, help="half of them real, half of them generated")
    parser.add_argument("--whole", action="store_true", help="FID of peers in all 2048 coordinates")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "weights.pth"
        write(path)
        ours = Inception(weights=str(path), arithmetic="float32")
        ours.prepare()
        libraries = {
            "torch-fidelity": peers.torch_fidelity(path),
            "torchmetrics, antialias off": peers.torchmetrics(path),
            "pytorch-fid, given (levels - 128) / 128": peers.pytorch_fid(path, tensorflows_range=True),
            "pytorch-fid as it is": peers.pytorch_fid(path),
        }
    print(f"{given.pictures} pictures of each size, half of them real, half generated\n")
    for line in (COLUMNS, ["---"] * 2 + ["---:"] * 6):
        print("| " + " | ".join(line) + " |")
    found = {shape: [random_pictures(given.pictures // 2, shape, seed) for seed in (1, 2)] for shape in SHAPES}
    seen = {shape: ours(torch.cat(both)) for shape, both in found.items()}
    for shape in SHAPES:
        for name, peer in libraries.items():
            if not (shape[0] == 1 and "pytorch-fid" in name):
                size = f"{shape[1]}×{shape[2]}" + (", grey" if shape[0] == 1 else "")
                cells = row(
                    seen[shape], peer, torch.cat(found[shape]), has_kid=name == "torch-fidelity", whole=given.whole
                )
                print("| " + " | ".join([size, name, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()

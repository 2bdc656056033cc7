"""Do scores keep the order that is known? Real digits, blurred and noisy ones, and what runs draw, in one table.

    python bench/ladder.py --root DIR OUT [RUN …]

Everything is 10,000 grey pictures of 28×28 pixels against MNIST's training digits (`evaluation=quick`: 10 draws of
1,000). The real ones are the 10,000 test digits; blurred ones are these under Gaussians of 0.5, 1 and 2 pixels; noisy
ones have normal noise of 16 and 64 levels added; noise is uniform. Samples of runs at 32×32 are made small as
`mnist_cnn` does it. `OUT` gets the files, a card for each and the comparison.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

import kantor
from kantor.evaluation.extractors.classifiers import Stretched

N = 10_000


def digits(root: str) -> np.ndarray:
    """The test digits, uint8 (10000, 28, 28)."""
    from torchvision.datasets import MNIST

    return MNIST(root, train=False).data.numpy()


def damaged(real: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {"real": real}
    for width in (0.5, 1, 2):
        found[f"blur_{width}"] = gaussian_filter(real.astype(np.float32), (0, width, width))
    for level in (16, 64):
        found[f"noisy_{level}"] = real + rng.normal(0, level, real.shape)
    found["noise"] = rng.integers(0, 256, real.shape)
    return {name: np.clip(np.round(images), 0, 255).astype(np.uint8) for name, images in found.items()}


def drawn(run: str) -> np.ndarray:
    """Samples of a run, uint8 (10000, 28, 28)."""
    samples = torch.from_numpy(kantor.load(run).sample(N, seed=0)).permute(0, 3, 1, 2)
    if samples.shape[-1] != 28:
        samples = Stretched(28, samples.shape[-1])(samples)
    return samples[:, 0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--root", required=True)
    given = parser.parse_args()
    torch.set_num_threads(2)
    given.out.mkdir(parents=True, exist_ok=True)
    sets = damaged(digits(given.root)) | {Path(run).parent.name: drawn(run) for run in given.runs}
    for name, images in sets.items():
        file = given.out / f"{name}.npz"
        np.savez(file, samples=images[..., None])
        words = [f"images={file}", "data=mnist", "data.image_size=28", f"data.root={given.root}"]
        command = [sys.executable, "-m", "kantor", "evaluate", *words, f"out={given.out / name}", "evaluation=quick"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cards = [str(given.out / name) for name in sets]
    subprocess.run([sys.executable, "-m", "kantor", "compare", *cards, f"out={given.out / 'compare'}"], check=True)


if __name__ == "__main__":
    main()

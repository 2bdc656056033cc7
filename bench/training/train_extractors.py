"""How the classifiers whose weights ship with kantor were trained; `make extractors` does it again.

    python bench/training/train_extractors.py [mnist_cnn] [shapes_cnn] [--root data] [--out DIRECTORY]

On one thread, from keyed random numbers. With the instruction sets that the Makefile fixes (AVX2), the same versions of
torch and oneDNN write the same bytes; that other machines round alike is likely, not promised: what laboratories share
are the files, not the recipe.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import damage
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kantor import keyed
from kantor.atomic import replacing
from kantor.data import pixels, shapes
from kantor.data.cache import file_digest
from kantor.data.mnist import MNIST
from kantor.data.shapes5 import PurdueShapes5
from kantor.evaluation.extractors import classifiers as shipped
from kantor.evaluation.extractors.classifiers import ANSWERS, WEIGHTS, numbers_of_shapes
from kantor.nets import classifiers

SEED = 0
BATCH = 128
EMA_DECAY = 0.998
BRIGHTNESS = 25  # levels
SCALE = 10  # of the logits that say how strong a damage is: features differ by it as much as by shapes
WARM_UP = 0.1  # of the steps, until the learning rate is at its largest; a half cosine takes it to 0


@dataclass(frozen=True)
class Recipe:
    """How one classifier is trained and tested.

    Attributes:
        net: makes it, given its normalisation.
        steps: of the optimizer (AdamW).
        lr: the largest learning rate.
        batch: images in [-1, 1] (B, C, H, W) and their targets for a step, from a torch generator of its own.
        loss: a scalar, of logits and targets.
        test: shares of right answers on held-out data by name, of a function from uint8 images to logits.
    """

    net: Callable[..., classifiers.Classifier]
    steps: int
    lr: float
    batch: Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    test: Callable[[Callable[[Tensor], Tensor]], dict[str, float]]


def train(name: str, recipe: Recipe) -> classifiers.Classifier:
    """The averaged classifier, its normalisations folded into the convolutions."""
    torch.set_num_threads(1)
    torch.manual_seed(keyed.seed(SEED, f"{name} init"))
    net = recipe.net(normalise=nn.BatchNorm2d)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / recipe.steps))
    for step in range(recipe.steps):
        generator = torch.Generator().manual_seed(keyed.seed(SEED, name, step))
        images, targets = recipe.batch(step, generator)
        loss = recipe.loss(net(images)[1], targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(net)
        if (step + 1) % (recipe.steps // 10) == 0:
            print(f"{name}: step {step + 1:,} of {recipe.steps:,}, loss {loss.item():.4f}", flush=True)
    averaged = average.module.eval()
    assert isinstance(averaged, classifiers.Classifier)
    plain = recipe.net()
    plain.load_state_dict(classifiers.folded(averaged))
    return plain.eval()


def _rate(share: float) -> float:
    return share / WARM_UP if share < WARM_UP else 0.5 + 0.5 * math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))


def mnist_cnn(root: str) -> Recipe:
    """All 60,000 training digits eight times, each time turned, stretched and moved a little."""
    data = MNIST(
        name="mnist", batch_size=BATCH, size=None, flip=False, resident=False, identity="auto", seed=SEED,
        root=root, source="torchvision", image_size=28, enlarge="pad", verify=True,
    )  # fmt: skip
    images, labels = (torch.from_numpy(np.array(part)) for part in (data.train.pixels, data.train.labels))
    per_epoch = len(images) // BATCH

    def batch(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        epoch, place = divmod(step, per_epoch)
        order = torch.Generator().manual_seed(keyed.seed(SEED, "mnist_cnn order", epoch))
        rows = torch.randperm(len(images), generator=order)[place * BATCH :][:BATCH]
        return moved(pixels.to_model(images[rows]), generator), labels[rows]

    def test(logits: Callable[[Tensor], Tensor]) -> dict[str, float]:
        held_out = torch.from_numpy(np.array(data.test.pixels))
        right = logits(held_out).argmax(1).numpy() == data.test.labels
        return {"digits": float(right.mean())}

    return Recipe(classifiers.digits, 8 * per_epoch, 4e-3, batch, F.cross_entropy, test)


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, C, H, W) turned by up to 12°, stretched along each axis by up to 12% and moved by up to 2 pixels."""
    n, side = len(images), images.shape[-1]
    turn, across, down, right, under = 2 * torch.rand(5, n, generator=generator) - 1
    angle = math.radians(12) * turn
    width, height = 1 + 0.12 * across, 1 + 0.12 * down
    x, y = 2 * right * (2 / side), 2 * under * (2 / side)  # in half widths of the image
    rows = [width * angle.cos(), -height * angle.sin(), x, width * angle.sin(), height * angle.cos(), y]
    grid = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def shapes_cnn(root: str) -> Recipe:
    """Fresh scenes in every batch, none of them a data set's; one in 50 is empty, half are noisy. To 128 such pictures
    come 64 damaged ones (see `damage`); all are asked what `lesson` says."""

    def batch(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        scenes = fresh("shapes_cnn scene", step, BATCH)
        scenes["count"][torch.rand(BATCH, generator=generator).numpy() < 0.02] = 0
        sigma = (24 * torch.rand(BATCH, generator=generator) - 12).clamp_(min=0)  # levels
        images = torch.from_numpy(shapes.paint(scenes)).float()
        images = images + sigma[:, None, None, None] * torch.randn(images.shape, generator=generator)
        strengths = torch.zeros(BATCH, len(damage.DAMAGES))
        strengths[:, damage.NOISY] = damage.strength(sigma, damage.NOISE)
        others = fresh("shapes_cnn damaged scene", step, BATCH // 2)
        damaged, theirs = damage.damaged(torch.from_numpy(shapes.paint(others)).float(), generator)
        levels = torch.cat([images, damaged]).round_().clamp_(0, 255)
        truth = torch.cat([counts(scenes), counts(others)])
        return pixels.to_model(levels.to(torch.uint8)), lesson(levels, truth, torch.cat([strengths, theirs]))

    def test(logits: Callable[[Tensor], Tensor]) -> dict[str, float]:
        data = PurdueShapes5(
            name="purdue_shapes5", batch_size=BATCH, size=1, flip=False, resident=False, identity="auto", seed=SEED,
            render_seed=0, archive=None,
        )  # fmt: skip
        truth = counts(data.truth("test"))
        right = numbers_of_shapes(logits(torch.from_numpy(np.array(data.test.pixels)))) == truth
        names = ["number of shapes", *(f"number of {kind.name}s" for kind in shapes.KINDS)]
        return dict(zip(names, right.double().mean(0).tolist(), strict=True)) | {
            "all six": right.all(1).double().mean().item()
        }

    return Recipe(classifiers.shapes, 2600, 3e-3, batch, shapes_loss, test)


def fresh(name: str, step: int, n: int) -> np.ndarray:
    """The scenes (n,) of a step."""
    return shapes.scenes([keyed.seed(SEED, name, step * n + row) for row in range(n)])


def lesson(levels: Tensor, truth: Tensor, strengths: Tensor) -> Tensor:
    """What `shapes_cnn` is to say of pictures, float (B, 16); nan where it is not asked.

    The six numbers of shapes: none in foreign pictures, and no question where the picture is blended, scrambled or more
    foreign than not. The seven strengths of damage, times `SCALE`; of wholly foreign pictures only how foreign they
    are. The mean of each channel, in units of `BRIGHTNESS` levels.
    """
    wholly = strengths[:, damage.FOREIGN] == 1
    unclear = (strengths[:, [damage.BLENDED, damage.SCRAMBLED]] > 0).any(1) | (strengths[:, damage.FOREIGN] > 0.5)
    numbers = truth.float().masked_fill(unclear[:, None], math.nan).masked_fill(wholly[:, None], 0)
    asked = F.one_hot(torch.tensor(damage.FOREIGN), len(damage.DAMAGES)).bool() | ~wholly[:, None]
    amounts = (SCALE * strengths).masked_fill(~asked, math.nan)
    return torch.cat([numbers, amounts, levels.mean((2, 3)) / BRIGHTNESS], 1)


def shapes_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of the numbers of shapes, in nats, and 0.15 times the mean square of the other errors."""
    asked, answers = targets.split([1 + len(shapes.KINDS), logits.shape[1] - ANSWERS], 1)
    numbers = asked.nan_to_num(-100).long().flatten()  # cross_entropy's own sign for no question
    error = (logits[:, ANSWERS:] - answers)[~answers.isnan()]
    return F.cross_entropy(logits[:, :ANSWERS].reshape(-1, shapes.MOST + 1), numbers) + 0.15 * error.square().mean()


def strengths_of_damage(logits: Tensor) -> Tensor:
    """What `shapes_cnn` finds wrong with pictures, each about in [0, 1].

    Args:
        logits: (n, 46).

    Returns:
        (n, 7), in the order of `damage.DAMAGES`.
    """
    return logits[:, ANSWERS : ANSWERS + len(damage.DAMAGES)] / SCALE


def counts(scenes: np.ndarray) -> Tensor:
    """How many shapes scenes (N,) have, in all and of each kind: int64 (N, 6)."""
    painted = np.arange(shapes.MOST) < scenes["count"][:, None]  # (N, 5)
    kinds = scenes["shapes"]["kind"][..., None] == np.arange(len(shapes.KINDS))  # (N, 5 places, 5 kinds)
    per_kind = (kinds & painted[..., None]).sum(1)
    return torch.from_numpy(np.concatenate([painted.sum(1)[:, None], per_kind], 1))


RECIPES = {"mnist_cnn": mnist_cnn, "shapes_cnn": shapes_cnn}


def main() -> None:
    """Train, test and write what is named; say the accuracy and the SHA-256."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--root", default="data", help="the directory with MNIST/raw/")
    parser.add_argument("--out", type=Path, default=Path(str(shipped.__file__)).parent / "weights")
    given = parser.parse_args()
    for name in given.names:
        recipe = RECIPES[name](given.root)
        net = train(name, recipe)
        path = given.out / f"{name}.safetensors"
        with replacing(path) as temporary:
            temporary.write_bytes(save(net.state_dict()))
        for what, share in recipe.test(partial(_logits, net)).items():
            print(f"{name}: {what} right in {share:.2%} of the test pictures")
        digest, pinned = file_digest(path), WEIGHTS[name]
        print(f"{name}: {path} has SHA-256 {digest}, " + ("as pinned" if digest == pinned else f"pinned is {pinned}"))


@torch.no_grad()
def _logits(net: classifiers.Classifier, images: Tensor) -> Tensor:
    return torch.cat([net(pixels.to_model(part))[1] for part in images.split(BATCH)])


if __name__ == "__main__":
    main()

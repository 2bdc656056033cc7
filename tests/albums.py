"""Small pictures of one law, generators of them, and what they score: what tests of evaluations share."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn

from kantor.data import pixels
from kantor.data.images import ImageData, ImageSet
from kantor.evaluation.extractors import Features, Pixels
from kantor.evaluation.images import ImageEvaluation
from kantor.evaluation.real_pictures import REFERENCE_SEED, order
from kantor.models.base import GenerativeModel
from kantor.models.ema import Exponential
from kantor.models.optimisation import Optimisation
from kantor.processes import Processes
from kantor.samplers.direct import Direct

SHAPE = (1, 4, 6)
EVALUATION = ImageEvaluation(
    n_real=None,
    name="quick", n=100, draws=10, chunk=48, seed=0, weights="ema", checkpoint="last", every=5, threads=1,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=Pixels(None), neighbours=5,
    memory=None, transport=False, infinity=None,
)  # fmt: skip
SMALL = replace(EVALUATION, n=30, draws=5, chunk=16)


@cache
def basis():
    return np.random.default_rng(12345).normal(0, 1, (3, *SHAPE))


def pictures(n, seed):
    """uint8 (n, *SHAPE): a smooth function of three hidden numbers, all of one law."""
    hidden = np.random.default_rng(seed).normal(0, 0.5, (n, 3))
    return np.round(127.5 * (1 + np.tanh(np.tensordot(hidden, basis(), 1)))).astype(np.uint8)


class Album(ImageData):
    """Pictures in memory."""

    licence = "none"
    sample_shape = SHAPE

    def __init__(self, *, train=1000, test=1000, name="album"):
        super().__init__(
            name=name, batch_size=8, size=None, flip=False, resident=False, identity="auto", seed=0
        )  # fmt: skip
        self.sizes = {"train": train, "test": test}

    def describe(self):
        return self.sizes

    def load(self, split):
        return ImageSet(pictures(self.sizes[split], {"train": 1, "test": 2}[split]))


class Painter(GenerativeModel):
    """A small generator that depends on its batch as a whole, as batch statistics would."""

    step_is = "nothing"

    def __init__(self):
        super().__init__(
            optimisation=Optimisation(gradient_clip_norm=None, accumulate=1),
            averaging=Exponential(0.9, warm_up=False), schedule=None, classes=None, seed=0,
        )  # fmt: skip
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(3, math.prod(SHAPE)), nn.Tanh(), nn.Unflatten(1, SHAPE))
        self.make_averages()
        self.generator[0].weight.data.mul_(1.5)  # so that ema and raw differ

    def networks(self):
        return {"generator": self.generator}

    sampling_networks = networks

    def draw(self, networks, n, *, rng, sampler, labels):
        z = rng.normal(n, 3)
        return networks["generator"](z - z.mean(0))

    def batches_per_step(self, step):
        return 1

    def batches_before(self, step):
        return step

    def check_shapes(self, sample_shape):
        pass


class Canned(Painter):
    """Gives the same pictures again and again, as floats."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def draw(self, networks, n, *, rng, sampler, labels):
        return pixels.to_model(torch.from_numpy(self.images[:n]))


def reference(data, n=100):
    """The card's reference pictures."""
    return data.train.take(order(len(data.train), REFERENCE_SEED, "reference")[:n]).numpy()


def fresh_draws(count=10, n=100, seed=50):
    return [pictures(n, seed + r) for r in range(count)]


def score(draws, evaluation=EVALUATION, data=None):
    return evaluation.score_draws(draws, data or Album(), Processes())


def values(found):
    return {name: entry.estimate.value for name, entry in found.items()}


class Halves:
    """Two features, the brightness of each half, and three classes of brightness."""

    classes = 3

    def __call__(self, images):
        x = images.double().flatten(1) / 255
        left, right = x[:, ::2].mean(1), x[:, 1::2].mean(1)
        mean = x.mean(1, keepdim=True)
        return Features(torch.stack([left, right], 1), -40 * (mean - torch.tensor([[0.25, 0.5, 0.75]])).square())

    def identity(self):
        return {"name": "halves"}

    def prepare(self):
        pass

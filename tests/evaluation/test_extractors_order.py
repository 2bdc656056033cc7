"""Worse pictures score worse in the features of `shapes_cnn`, with the weights that ship with kantor."""

from functools import cache, partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from kantor import keyed
from kantor.data import pixels, shapes
from kantor.evaluation.extractors.classifiers import numbers_of_shapes, shapes_cnn
from kantor.metrics.frechet import frechet_distance_of_features
from kantor.metrics.kernel import kid
from kantor.nets import initialise
from kantor.nets.dcgan import DCGANGenerator

N = 300
SEEDS = (0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2)))
SCORES = {"kid": kid, "frechet_distance": frechet_distance_of_features}


@cache
def rendered(seed, name):
    return shapes.paint(shapes.scenes([keyed.seed(seed, f"test of damage {name}", index) for index in range(N)]))


def levels(images):
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def blurred(seed, width):
    return levels(gaussian_filter(rendered(seed, "shown").astype(np.float32), (0, 0, width, width)))


def of_one_colour(seed, width):
    """As a DCGAN paints that has learned little: blurred, all of one colour, on a background that is not black."""
    brightness = blurred(seed, width).max(1, keepdims=True) / 255
    background, colour = (np.array(rgb)[:, None, None] for rgb in ((45, 45, 33), (250, 220, 170)))
    return levels(background + brightness * (colour - background))


def noisy(seed, sigma):
    images = rendered(seed, "shown")
    return levels(images + sigma * np.random.default_rng(seed).standard_normal(images.shape))


def collapsed(seed, gain):
    """One picture with little variation, from an untrained DCGAN generator whose last layer is made `gain` as large."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        initialised = partial(initialise.dcgan, std=0.02)
        net = DCGANGenerator(latent_dim=100, channels=3, width=32, image_size=64, initialise=initialised)
        [*_, last] = (layer for layer in net.modules() if isinstance(layer, nn.ConvTranspose2d))
        last.weight.mul_(gain)
        found = pixels.to_uint8(net(torch.randn(1, 100) + 0.05 * torch.randn(N, 100))).numpy()
    assert found.std(0).mean() < 0.3 * found.std((1, 2, 3)).mean()
    return found


def features(images):
    return shapes_cnn()(torch.from_numpy(images)).features


@cache
def reference(seed):
    return features(rendered(seed, "reference"))


@cache
def scored(seed, make, *amount):
    found = features(make(seed, *amount))
    return {name: score(reference(seed), found) for name, score in SCORES.items()}


WORSE = {
    "blur": [(rendered, "shown"), *((blurred, width) for width in (1, 2, 4))],
    "noise": [(rendered, "shown"), *((noisy, sigma) for sigma in (8, 16, 32, 64))],
    "collapse": [(rendered, "shown"), (blurred, 1), (blurred, 4), (collapsed, 1)],
    "collapse of what has learned little": [(rendered, "shown"), (of_one_colour, 2), (collapsed, 1)],
    "collapse, of higher contrast": [(rendered, "shown"), (blurred, 1), (blurred, 4), (collapsed, 10)],
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("steps", WORSE.values(), ids=WORSE.keys())
def test_worse_pictures_score_worse(steps, name, seed):
    found = [scored(seed, *step)[name] for step in steps]
    assert (np.diff(found) > 0).all(), found
    assert found[-1] > 10 * abs(found[0]), found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCORES)
def test_fresh_pictures_score_as_halves_of_one_set(name, seed):
    """Within 4 standard deviations of what random halves of both sets score."""
    both = torch.cat([reference(seed), features(rendered(seed, "shown"))])
    splits = [both[np.random.default_rng(number).permutation(2 * N)] for number in range(40)]
    floors = [SCORES[name](split[:N], split[N:]) for split in splits]
    assert abs(scored(seed, rendered, "shown")[name] - np.mean(floors)) < 4 * np.std(floors)


@pytest.mark.parametrize("gain", [1, 10])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_collapsed_generator_shows_no_shapes(seed, gain):
    found = numbers_of_shapes(shapes_cnn()(torch.from_numpy(collapsed(seed, gain)[:20])).logits)
    assert (found == 0).all()

"""What must and what must not change a score, for every score of pictures."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from albums import SMALL, Album, Canned, Halves, Painter, pictures
from scipy.ndimage import gaussian_filter

from kantor.evaluation import picture_tests
from kantor.evaluation.extractors import Features, Pixels
from kantor.processes import Processes


class Shades(Halves):
    """Brightness of the halves and of single pixels, and three classes of brightness."""

    def __call__(self, images):
        found = super().__call__(images)
        return Features(torch.cat([found.features, images.double().flatten(1)[:, ::4] / 255], 1), found.logits)

    def identity(self):
        return {"name": "shades"}


EVERYTHING = replace(SMALL, n=60, draws=1, extractor=Shades(), memory=200, transport=True, infinity=4)
PERMUTED = [test.name for test in (*picture_tests.TWO_SAMPLE, *picture_tests.VARIETY)]
ALL = tuple(EVERYTHING.kinds(Album()))


def compared(real, generated, extractor=EVERYTHING.extractor):
    """The scores of two sets, one the reference and one the draw."""
    evaluation = replace(EVERYTHING, n=len(generated), n_real="all", extractor=extractor)

    class Given(Album):
        def load(self, split):
            return super().load(split) if split == "test" else type(super().load(split))(real)

    found = evaluation.score_draws([generated], Given(train=len(real)), Processes())
    return {name: entry.estimate.value for name, entry in found.items()}


@cache
def sets():
    return pictures(60, 21), pictures(60, 22)


@cache
def forth():
    return compared(*sets())


@cache
def back():
    return compared(*sets()[::-1])


@cache
def permuted():
    real, generated = sets()
    return compared(real, generated[np.random.default_rng(3).permutation(len(generated))])


@cache
def itself():
    real, _ = sets()
    return compared(real, real.copy())


def test_nothing_is_left_out():
    assert tuple(forth()) == ALL


ORDER_MATTERS = {
    "frechet_infinity": "its parts are the first pictures",
    **dict.fromkeys(PERMUTED, "other labels are permuted"),
}


@pytest.mark.parametrize("name", [name for name in ALL if name not in ORDER_MATTERS])
def test_the_order_of_samples_does_not_matter(name):
    assert permuted()[name] == pytest.approx(forth()[name], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", PERMUTED)
def test_the_order_of_samples_changes_p_values_by_the_chance_of_permutations_alone(name):
    assert permuted()[name] == pytest.approx(forth()[name], abs=0.08)  # 5 standard errors of 999 permutations


EQUAL = {"kid", "frechet_distance", "one_nn_accuracy", "w1", "w2", "tv", "js"}
SWAPPED = {"one_nn_real": "one_nn_generated", "one_nn_generated": "one_nn_real", "precision": "recall"}


@pytest.mark.parametrize("name", sorted(EQUAL | SWAPPED.keys()))
def test_real_and_generated_change_places(name):
    assert back()[SWAPPED.get(name, name)] == pytest.approx(forth()[name], rel=1e-9, abs=1e-12)


ITSELF = {
    "frechet_distance": 0, "precision": 1, "recall": 1, "density": 1, "coverage": 1, "one_nn_accuracy": 0,
    "one_nn_real": 0, "one_nn_generated": 0, "w1": 0, "w2": 0, "tv": 0, "js": 0, "memorisation": 1,
    "one_nn_p_apart": 1, "one_nn_p_copied": 0.001,
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ITSELF.items())
def test_a_set_against_itself(name, value):
    assert itself()[name] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", ["kid", "mmd"])
def test_an_unbiased_discrepancy_of_a_set_from_itself_is_below_0(name):
    """The pairs of a picture with itself are between the sets, and not within."""
    assert itself()[name] < 0


def blur(images, amount):
    smooth = gaussian_filter(images.astype(float), (0, 0, 0.35 * amount, 0.35 * amount)) if amount else images
    return np.round(smooth).astype(np.uint8)


def noise(images, amount):
    disturbed = images + np.random.default_rng(7).normal(0, 40 * amount, images.shape)
    return np.clip(np.round(disturbed), 0, 255).astype(np.uint8)


WORSE = {
    "kid": 1, "frechet_distance": 1, "mmd": 1, "coverage": -1, "one_nn_accuracy": 1, "one_nn_real": 1,
    "w1": 1, "w2": 1,
}  # fmt: skip


STEPS = {blur: (0, 2, 3, 6), noise: (0, 0.5, 1, 3)}
"""A slight blur brings pictures nearer to the middle of all, and to most of the others."""


@cache
def damaged(damage):
    return [compared(pictures(150, 21), damage(pictures(150, 23), amount), Pixels(None)) for amount in STEPS[damage]]


@pytest.mark.parametrize("damage", [blur, noise])
@pytest.mark.parametrize("name", WORSE)
def test_damage_scores_worse_the_larger_it_is(damage, name):
    """Precision, recall, density, memorisation and what classes say are left out: blurred pictures lie in the middle of
    real ones, inside their balls, and may be as clear and as evenly spread."""
    distances = [WORSE[name] * found[name] for found in damaged(damage)]
    assert [a <= b for a, b in itertools.pairwise(distances)] == [True] * 3, distances
    assert distances[0] < distances[-1]


@cache
def in_chunks(chunk):
    draws = [pictures(60, 31), pictures(60, 32)]
    return replace(EVERYTHING, chunk=chunk, draws=2).score_draws(draws, Album(), Processes())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("chunk", [7, 60])
def test_how_many_pictures_the_extractor_gets_at_once_does_not_change_a_bit(chunk, name):
    assert in_chunks(chunk)[name] == in_chunks(16)[name]


@pytest.fixture(scope="module")
def of_processes():
    """All scores by 1, 2 and 3 processes; 25 pictures in a chunk, so that neither 60 nor the chunks divide evenly."""
    found = {}

    def by(together, world):
        if world not in found:
            models, data = [Painter() for _ in range(world)], [Album() for _ in range(world)]
            evaluation = replace(EVERYTHING, draws=2, chunk=25)

            def score(processes):
                return evaluation.score(models[processes.rank], data[processes.rank], processes)

            found[world] = together(score, world) if world > 1 else [score(Processes())]
        return found[world]

    return by


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("world", [2, 3])
def test_the_number_of_processes_does_not_change_a_bit(together, of_processes, world, name):
    (alone,) = of_processes(together, 1)
    everyone = of_processes(together, world)
    assert [found[name] for found in everyone] == [alone[name]] * world


def test_copies_in_memory_are_no_fresh_pictures():
    """The generator that repeats its training data is seen by its run's own evaluation too."""
    data = Album()
    copies = data.train.take(np.arange(200)).numpy()
    found = replace(EVERYTHING, chunk=60, memory=1000).score(Canned(copies), data, Processes())
    assert found["memorisation"].estimate.value == pytest.approx(1)

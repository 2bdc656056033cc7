"""Tests of one draw: they see copies and strangers, and nothing where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from albums import EVALUATION, Album, Halves, pictures, reference, score, values

from kantor.data.images import ImageSet
from kantor.errors import UserError
from kantor.evaluation import picture_tests
from kantor.evaluation.extractors import Pixels
from kantor.metrics.frechet import frechet_distance_of_features, frechet_infinity
from kantor.metrics.memorisation import memorisation
from kantor.metrics.transport import wasserstein

TWO_SAMPLE, VARIETY, MEMORY = (
    [test.name for test in tests] for tests in (picture_tests.TWO_SAMPLE, picture_tests.VARIETY, picture_tests.MEMORY)
)
WITH_MEMORY = replace(EVALUATION, memory=600, draws=1)


def pixels_of(images):
    return Pixels(None)(torch.from_numpy(images)).features


def test_fresh_pictures_are_neither_apart_nor_copies():
    found = values(score([pictures(100, 77)], WITH_MEMORY))
    for name in (*TWO_SAMPLE, *VARIETY, "memorisation_p"):
        assert 0.01 < found[name] <= 1, name
    assert found["memorisation"] == pytest.approx(0.5, abs=0.1)


def test_copies_of_the_reference_are_seen():
    data = Album()
    found = values(score([reference(data)], WITH_MEMORY, data))
    assert found["one_nn_p_copied"] == pytest.approx(1 / 1000)
    assert found["one_nn_p_apart"] == 1
    assert found["memorisation"] == pytest.approx(1)
    assert found["memorisation_p"] < 1e-20
    assert found["coverage_p"] > 0.1


def test_copies_of_training_pictures_beyond_the_reference_are_seen_by_the_memorisation_test_alone():
    data = Album()
    copies = data.train.take(EVALUATION.real(data).memory(600)[500:]).numpy()
    found = values(score([copies], WITH_MEMORY, data))
    assert found["memorisation"] == pytest.approx(1) and found["memorisation_p"] < 1e-20
    assert found["one_nn_p_copied"] > 0.01 < found["one_nn_p_apart"]
    fewer = values(score([copies], replace(WITH_MEMORY, memory=500), data))
    assert fewer["memorisation"] < 0.9


def test_a_test_does_not_depend_on_which_others_are_asked_for():
    drawn = [pictures(100, 77)]
    all_of_them = values(score(drawn, WITH_MEMORY))
    for test in (*TWO_SAMPLE, *VARIETY, *MEMORY):
        assert values(score(drawn, replace(WITH_MEMORY, scores=[test]))) == {test: all_of_them[test]}


def test_few_pictures_and_a_part_of_them_reach_less_than_held_out_ones():
    data, bright = Album(), pictures(1000, 78)
    bright = bright[bright.mean((1, 2, 3)).argsort()[-100:]]
    for drawn in (pictures(5, 77).repeat(20, 0), bright):
        assert values(score([drawn], WITH_MEMORY, data))["coverage_p"] == pytest.approx(1 / 1000)


def test_pictures_of_something_else_are_told_apart():
    found = values(score([255 - pictures(100, 5) // 4], WITH_MEMORY))
    assert found["one_nn_p_apart"] == pytest.approx(1 / 1000)
    assert found["one_nn_p_copied"] == 1
    assert found["memorisation"] < 0.05 and found["memorisation_p"] > 0.99


def test_the_memorisation_test_is_that_of_the_pictures_it_names():
    data, drawn = Album(), pictures(100, 8)
    real = EVALUATION.real(data)
    expected = memorisation(
        pixels_of(data.train.take(real.memory(600)).numpy()),
        pixels_of(data.test.take(real.floor(0)).numpy()),
        pixels_of(drawn),
    )
    found = values(score([drawn], WITH_MEMORY, data))
    assert (found["memorisation"], found["memorisation_p"]) == (expected.share_nearer, expected.p_value)


@pytest.mark.parametrize("n_real", [600, 700, "all"])
def test_a_large_reference_holds_the_pictures_that_may_be_remembered(n_real):
    """The same pictures are looked through, whichever reference they are part of."""
    data, drawn = Album(), pictures(100, 8)
    small, large = (values(score([drawn], replace(WITH_MEMORY, n_real=size), data)) for size in (None, n_real))
    assert [large[name] for name in MEMORY] == [small[name] for name in MEMORY]


def test_p_values_of_real_pictures_are_not_always_small():
    """Uniform: of 40 fresh draws about four are below 0.1."""
    draws = [pictures(100, 300 + number) for number in range(40)]
    found = [values(score([draw], WITH_MEMORY))["one_nn_p_apart"] for draw in draws]
    assert 0.2 < float(np.mean(found)) < 0.8
    assert sum(p < 0.1 for p in found) <= 11


def test_tests_have_no_interval_no_floor_and_rank_nothing():
    found = score([pictures(100, r) for r in range(10)], replace(WITH_MEMORY, draws=10))
    for name in (*TWO_SAMPLE, *VARIETY, *MEMORY):
        plain = found[name].plain()
        assert plain["better"] == "none" and "floor" not in plain
        assert (
            plain["low"] is None
            and plain["reason"] == "a test of one draw: no interval, and nothing to hold it against"
        )


@pytest.mark.parametrize("size", [0, -1])
def test_a_memory_of_no_pictures_is_refused(size):
    with pytest.raises(UserError, match=f"memory={size}: expected"):
        replace(EVALUATION, memory=size)


def test_transport_and_the_extrapolation_are_scores_where_they_are_asked_for():
    data, drawn = Album(), pictures(100, 9)
    evaluation = replace(EVALUATION, draws=1, transport=True, infinity=4)
    found = values(score([drawn], evaluation, data))
    x, y = pixels_of(reference(data)), pixels_of(drawn)
    assert found["w1"] == wasserstein(x.numpy(), y.numpy(), order=1)
    assert found["w2"] == wasserstein(x.numpy(), y.numpy(), order=2)
    sizes = [10, 40, 70, 100]
    assert found["frechet_infinity"] == pytest.approx(
        frechet_infinity(sizes, [frechet_distance_of_features(x, y[:n]) for n in sizes]), rel=1e-12
    )
    plain = replace(EVALUATION, draws=1).protocol(data)
    assert set(evaluation.protocol(data).estimators) - set(plain.estimators) == {"w1", "w2", "frechet_infinity"}
    assert evaluation.protocol(data).hash == plain.hash
    assert evaluation.protocol(data).hash_of("w1") != replace(evaluation, n=90).protocol(data).hash_of("w1")


def test_a_line_through_one_size_is_refused():
    with pytest.raises(UserError, match="infinity=1: expected at least 2"):
        replace(EVALUATION, infinity=1)


def test_an_extrapolation_from_fewer_pictures_than_dimensions_has_no_interval():
    """100 pictures in 24 dimensions are enough for one Fréchet distance, 10 of them are not."""
    found = score([pictures(100, r) for r in range(10)], replace(EVALUATION, infinity=4))
    assert found["frechet_distance"].estimate.low is not None
    assert found["frechet_infinity"].plain()["reason"] == "no interval where n = 10 is not above the 24 dimensions"
    with pytest.raises(UserError, match="n=15: expected at least 20"):
        replace(EVALUATION, infinity=4, n=15)


def test_class_shares_are_compared_by_hand():
    """30 dark, 70 bright against 55 dark, 45 bright: total variation ¼."""

    class Shades(Album):
        def load(self, split):
            return ImageSet(shades(500, 500))

    def shades(dark, bright):
        levels = np.repeat(np.uint8([60, 190]), [dark, bright])
        return np.broadcast_to(levels[:, None, None, None], (dark + bright, 1, 4, 6)).copy()

    data = Shades()
    evaluation = replace(EVALUATION, extractor=Halves(), draws=1)
    real = reference(data)
    dark = int((real[:, 0, 0, 0] == 60).sum())
    found = values(score([shades(dark - 25, 125 - dark)], evaluation, data))
    p, q = np.array([dark, 100 - dark]) / 100, np.array([dark - 25, 125 - dark]) / 100
    m = (p + q) / 2
    assert found["tv"] == pytest.approx(0.25)
    assert found["js"] == pytest.approx(0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum())

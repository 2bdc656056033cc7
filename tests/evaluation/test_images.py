"""Scores of pictures: what real, damaged and memorised ones score, and that processes change nothing."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from albums import (
    EVALUATION,
    SHAPE,
    SMALL,
    Album,
    Canned,
    Halves,
    Painter,
    fresh_draws,
    pictures,
    reference,
    score,
    values,
)

from kantor.data.images import ImageSet
from kantor.data.module import PointData
from kantor.data.points import gaussians8
from kantor.errors import NonFiniteError, UserError
from kantor.evaluation import logit_scores, picture_scores, picture_tests
from kantor.evaluation.extractors import Features, Pixels
from kantor.evaluation.extractors.own import Own
from kantor.evaluation.picture_comparison import BANDWIDTHS
from kantor.evaluation.score_definition import kinds
from kantor.metrics.frechet import frechet_distance
from kantor.metrics.kernel import Discrepancy, GaussianKernel, kid
from kantor.metrics.neighbours import Distances, coverage, density, one_nn_accuracy, precision, recall
from kantor.metrics.statistics import Statistics
from kantor.processes import Processes

KINDS, CLASS_KINDS = kinds(picture_scores.FEATURE_SCORES), kinds(logit_scores.LOGIT_SCORES)
TESTS = tuple(kinds([*picture_tests.TWO_SAMPLE, *picture_tests.VARIETY]))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))


def test_real_pictures_score_at_their_floor():
    found = score(fresh_draws())
    assert list(found) == [*KINDS, *TESTS]
    for name in KINDS:
        entry = found[name]
        estimate, floor = entry.estimate, entry.floor.estimate
        width = floor.high - floor.low
        assert estimate.value == pytest.approx(floor.value, abs=1.5 * width), name
        assert (entry.floor.n, len(entry.floor.draws), entry.floor.kind) == (100, 10, "held-out pictures")
    assert found["coverage"].floor.estimate.value == pytest.approx(1 - 2**-5, abs=0.03)
    assert found["one_nn_accuracy"].floor.estimate.value == pytest.approx(0.5, abs=0.06)


def noise(images, amount):
    disturbed = images + np.random.default_rng(7).normal(0, 40 * amount, images.shape)
    return np.clip(np.round(disturbed), 0, 255).astype(np.uint8)


def fade(images, amount):
    return np.round(127.5 + (1 - 0.2 * amount) * (images - 127.5)).astype(np.uint8)


def brighten(images, amount):
    return np.clip(images.astype(int) + int(25 * amount), 0, 255).astype(np.uint8)


def collapse(images, amount):
    """Fewer and fewer different pictures."""
    return images[np.arange(len(images)) % int(len(images) / 4**amount)]


@pytest.mark.parametrize("damage", [noise, fade, brighten, collapse])
def test_damage_scores_worse_the_larger_it_is(damage):
    evaluation = replace(EVALUATION, draws=3)
    found = [
        values(score([damage(draw, amount) for draw in fresh_draws(3)], evaluation)) for amount in (0, 1, 2, 3)
    ]  # fmt: skip
    for name, worse in {"kid": 1, "coverage": -1, "one_nn_accuracy": 1}.items():
        distances = [worse * entry[name] for entry in found]
        assert [a <= b for a, b in itertools.pairwise(distances)] == [True] * 3, name
        assert distances[0] < distances[-1], name


def test_a_memoriser_of_the_reference_goes_below_the_floor():
    data = Album()
    found = replace(EVALUATION, chunk=100).score(Canned(reference(data)), data, Processes())
    exact = values(found)
    assert exact["one_nn_accuracy"] == 0.0
    assert exact["precision"] == exact["recall"] == exact["coverage"] == 1.0
    assert exact["kid"] < found["kid"].floor.estimate.low


def test_scores_are_the_metrics_of_the_rounded_pictures():
    data, evaluation = Album(), replace(EVALUATION, draws=1, chunk=100)
    drawn = pictures(100, 9)
    real = torch.from_numpy(reference(data)).double().flatten(1) / 256
    expected = kid(real, torch.from_numpy(drawn).double().flatten(1) / 256)
    found = evaluation.score(Canned(drawn), data, Processes())["kid"]
    assert found.estimate.value == expected == score([drawn], evaluation)["kid"].estimate.value


def test_a_score_is_the_mean_over_draws_with_its_interval():
    draws, one = fresh_draws(), replace(EVALUATION, draws=1)
    single = [score([draw], one)["kid"].estimate.value for draw in draws]
    entry = score(draws)["kid"]
    assert entry.estimate.value == pytest.approx(np.mean(single), rel=1e-12)
    half = 2.2621571628 * np.std(single, ddof=1) / math.sqrt(10)
    assert (entry.estimate.high - entry.estimate.low) / 2 == pytest.approx(half, rel=1e-6)


@pytest.mark.parametrize("world", [2, 3])
def test_the_number_of_processes_does_not_change_a_bit(together, world):
    models, data = [Painter() for _ in range(world)], [Album() for _ in range(world)]
    alone = SMALL.score(models[0], data[0], Processes())
    for found in together(lambda p: SMALL.score(models[p.rank], data[p.rank], p), world):
        assert found == alone
    while_training = SMALL.score_while_training(models[0], data[0], Processes())
    for found in together(lambda p: SMALL.score_while_training(models[p.rank], data[p.rank], p), world):
        assert found == while_training


@pytest.mark.parametrize("chunk", [7, 30, 150])
def test_features_do_not_depend_on_the_chunk(chunk):
    draws = fresh_draws(2, 30)
    assert score(draws, replace(SMALL, chunk=chunk)) == score(draws, SMALL)


def test_scoring_twice_gives_the_same_and_another_seed_another_sample():
    data = Album()
    first, again = (SMALL.score(Painter(), data, Processes()) for _ in range(2))
    other = replace(SMALL, seed=1).score(Painter(), data, Processes())
    assert first == again
    assert first["kid"].estimate != other["kid"].estimate
    assert first["kid"].floor != other["kid"].floor


def test_the_reference_is_everybodys():
    draws = fresh_draws(3, 30)
    here, there = score(draws, SMALL), score(draws, replace(SMALL, seed=1))
    assert {name: values(here)[name] for name in KINDS} == {name: values(there)[name] for name in KINDS}


def test_scores_are_told_which_weights_they_use():
    ema, raw = (values(replace(SMALL, weights=w).score(Painter(), Album(), Processes())) for w in ("ema", "raw"))
    assert ema["kid"] != raw["kid"]


def test_scores_while_training_are_on_draws_and_pictures_of_their_own():
    trained, data = Painter(), Album()
    found = set()
    for step in (0, 5, 10):
        trained.steps = step
        found.add(SMALL.score_while_training(trained, data, Processes())["kid"])
    assert len(found) == 3
    # a memoriser of the card's reference is a stranger to the one that checkpoints are chosen by
    memoriser = Canned(reference(data, 30))
    evaluation = replace(SMALL, chunk=30)
    assert values(evaluation.score(memoriser, data, Processes()))["one_nn_accuracy"] == 0
    assert evaluation.score_while_training(memoriser, data, Processes())["one_nn_accuracy"] > 0.25


@pytest.mark.parametrize(
    ("train", "test", "n", "floors"), [(1000, 1000, 30, 5), (1000, 65, 30, 2), (1000, 20, 20, 1), (50, 1000, 25, 5)]
)
def test_small_data_sets_are_scored_at_a_smaller_n(train, test, n, floors):
    data = Album(train=train, test=test)
    found = SMALL.score(Painter(), data, Processes())
    protocol = SMALL.protocol(data)
    assert (protocol.n_real, protocol.n_generated) == (n, n)
    assert {(found[name].floor.n, len(found[name].floor.draws)) for name in KINDS} == {(n, floors)}
    assert values(found) == values(replace(SMALL, n=n).score(Painter(), data, Processes()))
    cut = fresh_draws(5, 30)
    assert score(cut, SMALL, data) == score([draw[:n] for draw in cut], SMALL, data)


def test_data_sets_that_are_too_small_are_refused():
    with pytest.raises(UserError, match="200 pictures to train on and 4 held out; neighbours=5 needs at least 12"):
        EVALUATION.protocol(Album(train=200, test=4))


def test_floors_are_disjoint_pictures_of_the_test_split(monkeypatch):
    taken = []

    class Watching(ImageSet):
        def take(self, indices):
            taken.append(indices)
            return super().take(indices)

    data = Album(test=160)
    data.__dict__["test"] = Watching(pictures(160, 2))
    score(fresh_draws(5, 30), SMALL, data)
    rows, times = np.unique(np.concatenate(taken), return_counts=True)
    assert len(rows) == 150  # five draws of 30
    assert set(times) == {2, 3}  # to know the pictures, and to see their features
    assert (times == 3).sum() == 30  # the first are what the test of coverage compares with


def test_samples_are_kept_as_uint8():
    found = SMALL.samples(Painter(), 40, "evaluate", processes=Processes())
    assert found.dtype == np.uint8 and found.shape == (40, *SHAPE)
    levels = torch.tensor([-1.5, -1.0, -0.999, -0.996, 0.0039, 0.0118, 0.999, 1.0, 7.0])
    assert EVALUATION.finish(levels).tolist() == [0, 0, 0, 1, 128, 129, 255, 255, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("world", [1, 2])
def test_a_diverged_generator_has_no_score_on_any_process(together, bad, world):
    """Rounding would hide it; and a process that has seen nothing bad must not wait for ever."""

    class Sick(Painter):
        sick = False

        def draw(self, networks, n, **given):
            found = super().draw(networks, n, **given)
            if self.sick:
                found[0, 0, 0, 0] = bad
            return found

    models, data = [Sick() for _ in range(world)], Album()
    models[-1].sick = True

    def refused(processes):
        with pytest.raises(NonFiniteError, match="diverged"):
            SMALL.score(models[processes.rank], data, processes)
        return True

    assert together(refused, world) == [True] * world


BAD_DRAWS = {
    "floats": (np.zeros((30, *SHAPE), np.float32), r"float32 of shape \(1, 4, 6\)"),
    "size": (np.zeros((30, 1, 6, 4), np.uint8), r"uint8 of shape \(1, 6, 4\)"),
    "channels": (np.zeros((30, 3, 4, 6), np.uint8), r"uint8 of shape \(3, 4, 6\)"),
    "flat": (np.zeros((30, 24), np.uint8), r"uint8 of shape \(24,\)"),
}


@pytest.mark.parametrize(("draw", "message"), BAD_DRAWS.values(), ids=BAD_DRAWS.keys())
def test_other_pictures_are_refused(draw, message):
    with pytest.raises(UserError, match=rf"images: the samples are {message}.*data=album has uint8"):
        score([draw], SMALL)


def test_points_are_refused():
    points = PointData(name="gaussians8", distribution=gaussians8(0.1, 1.414), batch_size=8, seed=0)
    for ask in (EVALUATION.kinds, EVALUATION.protocol):
        with pytest.raises(UserError, match="data=gaussians8 are points; take evaluation=toy"):
            ask(points)


def test_the_protocol_says_all_that_two_people_must_share():
    data = Album()
    protocol = EVALUATION.protocol(data)
    assert protocol.data == {"name": "album", "fingerprint": data.fingerprint}
    assert protocol.extractor == Pixels(None).identity()
    assert set(protocol.estimators) == {*KINDS, *TESTS}
    assert {protocol.estimators[name]["k"] for name in ("precision", "recall", "density", "coverage")} == {5}


SAME = {"draws": 3, "chunk": 10, "seed": 1, "weights": "raw", "checkpoint": "best", "every": 1, "name": "mine"}
OTHER = {"n": 90, "extractor": Pixels(2)}


@pytest.mark.parametrize(("name", "value"), {**SAME, **OTHER}.items())
def test_the_protocol_holds_the_measurement_and_nothing_else(name, value):
    changed = replace(EVALUATION, **{name: value}).protocol(Album())
    assert (changed.hash == EVALUATION.protocol(Album()).hash) == (name in SAME)


def test_neighbours_are_part_of_the_protocol_of_the_scores_that_take_them():
    one, other = (replace(EVALUATION, neighbours=k).protocol(Album()) for k in (3, 5))
    assert one.hash == other.hash
    differ = {name for name in one.estimators if one.hash_of(name) != other.hash_of(name)}
    assert differ == {"precision", "recall", "density", "coverage", "coverage_p"}


def test_other_data_are_another_protocol():
    hashes = {EVALUATION.protocol(Album(**given)).hash for given in ({}, {"train": 900}, {"name": "other"})}
    assert len(hashes) == 3


def test_scores_are_read_as_their_kind_says():
    found = score(fresh_draws(2, 30), SMALL)
    assert list(EVALUATION.kinds(Album())) == [*KINDS, *TESTS]
    assert {name: (entry.kind.better, entry.kind.target) for name, entry in found.items()} == {
        **dict.fromkeys(TESTS, ("none", None)),
        "kid": ("lower", None),
        "frechet_distance": ("lower", None),
        "mmd": ("lower", None),
        "precision": ("higher", None),
        "recall": ("higher", None),
        "density": ("target", 1.0),
        "coverage": ("higher", None),
        "one_nn_accuracy": ("target", 0.5),
        "one_nn_real": ("target", 0.5),
        "one_nn_generated": ("target", 0.5),
    }


@pytest.mark.parametrize(("name", "value"), [("neighbours", 0), ("n", 5), ("threads", 0)])
def test_sizes_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"{name}={value}: expected"):
        replace(EVALUATION, **{name: value})


def test_a_classifier_s_scores_come_with_its_features():
    evaluation = replace(SMALL, extractor=Halves())
    found = score(fresh_draws(5, 30), evaluation)
    assert list(found) == [*KINDS, *CLASS_KINDS, *TESTS]
    assert list(evaluation.protocol(Album()).estimators) == list(found)
    assert 1 <= found["mode_score"].estimate.value <= found["inception_score"].estimate.value <= 3
    alike = score([np.full((30, *SHAPE), 128, np.uint8)], evaluation)
    assert alike["inception_score"].estimate.value == pytest.approx(1)


def test_a_frechet_distance_in_more_dimensions_than_pictures_has_no_interval_and_says_why(capsys):
    draws = fresh_draws(10, 100)
    in_few, in_many = (score(draws, replace(EVALUATION, extractor=one)) for one in (Halves(), Wide()))
    assert in_few["frechet_distance"].estimate.low is not None
    assert "frechet_distance" in capsys.readouterr().err
    entry = in_many["frechet_distance"].plain()
    assert entry["low"] is None and entry["floor"]["low"] is None and entry["value"] > 0
    assert entry["reason"] == "no interval where n = 100 is not above the 120 dimensions"
    assert in_many["kid"].estimate.low is not None


class Wide(Halves):
    """120 features."""

    def __call__(self, images):
        x = images.double().flatten(1) / 255
        return Features(torch.cat([x**power for power in (1, 2, 3, 4, 5)], 1), x[:, :3])

    def identity(self):
        return {"name": "wide"}


def test_each_data_set_is_scored_by_its_own_extractor_where_it_has_one():
    evaluation = replace(SMALL, extractor=Own(otherwise=Pixels(None)))

    class WithOwn(Album):
        @property
        def own_extractor(self):
            return {"_target_": "kantor.evaluation.extractors.pixels.Pixels", "size": 2}

    assert evaluation.protocol(Album()).extractor == Pixels(None).identity()
    assert evaluation.protocol(WithOwn()).extractor == Pixels(2).identity()
    draws = fresh_draws(2, 30)
    assert values(score(draws, evaluation, WithOwn())) == values(score(draws, replace(SMALL, extractor=Pixels(2))))


def test_a_reference_gives_the_scores_of_plain_formulas():
    draw, data = fresh_draws(1)[0], Album()
    x, y = (Pixels(None)(torch.from_numpy(images)).features for images in (reference(data), draw))
    kernel = GaussianKernel.around_median(x, multiples=BANDWIDTHS)
    found = values(score([draw]))
    assert found["kid"] == kid(x, y)
    assert found["frechet_distance"] == pytest.approx(frechet_distance(Statistics.of(x), Statistics.of(y)), rel=1e-9)
    assert found["mmd"] == pytest.approx(Discrepancy.of(x, y, kernel).mmd2, rel=1e-12)
    dense = Distances.of(x, y)
    assert found["precision"] == precision(dense, k=5) and found["recall"] == recall(dense, k=5)
    assert found["density"] == density(dense, k=5) and found["coverage"] == coverage(dense, k=5)
    assert found["one_nn_accuracy"] == one_nn_accuracy(dense)


WITHOUT = {score.name for score in picture_scores.FEATURE_SCORES if isinstance(score.spread, str)}
ALIKE = {"tv", "js"}  # to `Halves` almost all pictures are of one class


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_than_ten_draws_have_intervals_where_one_draw_knows_its_spread(count):
    draws = [noise(draw, 1) for draw in fresh_draws(count)]
    found = score(draws, replace(EVALUATION, draws=count, extractor=Halves()))
    assert {name for name, entry in found.items() if entry.estimate.low is None} == {
        *WITHOUT, *ALIKE, *TESTS
    }  # fmt: skip
    for name in KINDS | CLASS_KINDS:
        entry = found[name]
        plain = entry.plain()
        assert (entry.floor.estimate.low is None) == (name in {*WITHOUT, *ALIKE, "precision"}), name
        assert ("reason" in plain["floor"]) == (entry.floor.estimate.low is None)
        if name in WITHOUT:
            assert plain["reason"].startswith("no interval from fewer than 10 draws: ")
        elif name in ALIKE:
            assert plain["reason"] == "no interval where leaving out most groups of samples changes nothing"
        else:
            assert entry.estimate.low < entry.estimate.value < entry.estimate.high and "reason" not in plain


def test_more_draws_make_the_interval_narrower():
    draws = [noise(draw, 1) for draw in fresh_draws(4)]
    widths = []
    for count in (1, 4):
        found = score(draws[:count], replace(EVALUATION, draws=count))["kid"].estimate
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.3)


def test_a_single_draw_in_many_dimensions_has_no_frechet_interval():
    found = score(fresh_draws(1), replace(EVALUATION, draws=1, extractor=Wide()))
    assert found["frechet_distance"].plain()["reason"] == "no interval where n = 100 is not above the 120 dimensions"
    assert found["kid"].estimate.low is not None


def test_draws_that_all_score_the_same_have_no_interval():
    """One of no width would say that the score is known for sure."""
    far = [np.zeros((100, *SHAPE), np.uint8)] * 10
    plain = score(far)["precision"].plain()
    assert (plain["value"], plain["low"]) == (0.0, None)
    assert plain["reason"] == "no interval where most of 10 draws score the same"


@pytest.mark.parametrize(
    ("n_real", "train", "test", "real", "generated", "floor_n", "floors"),
    [
        ("all", 300, 250, 300, 100, 100, 2),
        ("all", 150, 40, 150, 100, 40, 1),
        (60, 300, 250, 60, 100, 100, 2),
        (500, 300, 250, 300, 100, 100, 2),
    ],
)
def test_a_reference_of_another_size(n_real, train, test, real, generated, floor_n, floors):
    data, evaluation = Album(train=train, test=test), replace(EVALUATION, n_real=n_real, draws=2, chunk=48)
    protocol = evaluation.protocol(data)
    assert (protocol.n_real, protocol.n_generated) == (real, generated)
    draws = fresh_draws(2)
    found = score(draws, evaluation, data)
    assert {(found[name].floor.n, len(found[name].floor.draws)) for name in KINDS} == {(floor_n, floors)}
    x = torch.from_numpy(reference(data, real)).double().flatten(1) / 256
    expected = [kid(x, torch.from_numpy(draw).double().flatten(1) / 256) for draw in draws]
    assert found["kid"].estimate.value == pytest.approx(np.mean(expected), rel=1e-9)
    assert evaluation.score_while_training(Painter(), data, Processes())["kid"] > 0


def test_a_reference_of_n_is_that_of_no_size_of_its_own():
    data, draws = Album(), fresh_draws(2, 30)
    small = replace(SMALL, draws=2)
    assert values(score(draws, replace(small, n_real=30), data)) == values(score(draws, small, data))
    assert replace(small, n_real=30).protocol(data).hash == small.protocol(data).hash
    assert replace(small, n_real=31).protocol(data).hash != small.protocol(data).hash


@pytest.mark.parametrize("n_real", [100, 400, 800])
def test_equal_laws_score_one_half_against_a_reference_of_any_size(n_real):
    data = Album()
    evaluation = replace(EVALUATION, n_real=n_real)
    found = values(score(fresh_draws(), evaluation, data))
    for name in ("one_nn_accuracy", "one_nn_real", "one_nn_generated"):
        assert found[name] == pytest.approx(0.5, abs=0.07), name
    null = evaluation.protocol(data).estimators["coverage"]["of equal distributions"]
    assert found["coverage"] == pytest.approx(null, abs=0.04)


@pytest.mark.parametrize(("n_real", "message"), [("whole", "n_real=whole: expected a number"), (5, "n_real=5: .*6")])
def test_a_reference_of_no_size_is_refused(n_real, message):
    with pytest.raises(UserError, match=message):
        replace(EVALUATION, n_real=n_real)

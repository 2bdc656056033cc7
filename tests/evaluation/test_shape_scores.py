"""What the scores of shapes make of pictures, of their damage, and of an evaluation that has them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from mirrors import configured
from shape_pictures import detected, rendered, scenes, seen, visible
from train_extractors import counts

from kantor.data import shapes, shapes5
from kantor.evaluation import images, shape_detection
from kantor.evaluation.extractors import Features, Pixels
from kantor.evaluation.extractors.classifiers import shapes_cnn
from kantor.evaluation.extractors.own import Own
from kantor.evaluation.images import ImageEvaluation
from kantor.evaluation.picture_comparison import PictureSetting, Reference
from kantor.evaluation.real_pictures import REFERENCE_SEED, order
from kantor.evaluation.score_definition import DrawScores, estimators
from kantor.evaluation.shape_detection import LEAST, REGIONS, Detections, WithDetections
from kantor.evaluation.shape_scores import SHAPE_SCORES
from kantor.processes import Processes
from kantor.samplers.direct import Direct

SETTING = PictureSetting(
    n_real=250, n_generated=250, k=3, classes=None, conditional=None, has_detections=True, transport=False,
    infinity=None, memory=None,
)  # fmt: skip
NAMES = [score.name for score in SHAPE_SCORES]
SHIFTS = {"shape_colour_w1": 2.0, "shape_area_w1": 10.0, "shape_count_tv": 0.06, "shape_kind_tv": 0.04}
"""What is surely no accident at n = 250."""


def of(real, generated, *, with_spreads=False):
    """What packed detections score."""
    nothing = [Features(torch.empty(len(packed), 0), None, packed) for packed in (real, generated)]
    comparison = Reference(nothing[0], SETTING).compare(nothing[1])
    return DrawScores.of(SHAPE_SCORES, comparison, with_spreads=with_spreads)


def scores(real, generated):
    return of(real, generated).values


def spreads(real, generated):
    return of(real, generated, with_spreads=True).spreads


def true_detections(truth):
    """What a perfect detector would see: the colour and the visible area of each shape that can be seen."""
    areas, colours = visible(truth), truth["shapes"]["colour"].astype(float)
    areas[areas < LEAST] = 0
    order = np.argsort(-areas, 1)
    more = REGIONS - shapes.MOST
    areas = np.pad(np.take_along_axis(areas, order, 1), ((0, 0), (0, more)))
    colours = np.pad(np.take_along_axis(colours, order[..., None], 1), ((0, 0), (0, more), (0, 0)))
    return Detections(counts(truth).numpy(), areas, np.where(areas[..., None] > 0, colours, 0)).packed()


def test_the_detector_s_own_error_is_small():
    found = scores(true_detections(scenes("a")), seen("a"))
    assert 0 < found["shape_count_tv"] < 0.08
    assert 0 < found["shape_kind_tv"] < 0.03
    assert 0 < found["shape_colour_w1"] < 1.5
    assert 0 < found["shape_area_w1"] < 20


def test_noise_is_far_from_pictures_of_shapes():
    noise = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)
    assert scores(seen("a"), detected(noise))["shape_area_w1"] > 150


def test_equal_detections_score_0_in_any_order():
    found = scores(seen("a"), seen("a").flip(0))
    assert found == pytest.approx(dict.fromkeys(NAMES, 0), abs=1e-9)


def test_scores_are_symmetric():
    assert scores(seen("a"), seen("b")[:100]) == pytest.approx(scores(seen("b")[:100], seen("a")), rel=1e-9)


def test_real_pictures_score_near_0():
    found = scores(seen("a"), seen("b"))
    assert found["shape_count_tv"] < 0.12 and found["shape_kind_tv"] < 0.06
    assert found["shape_colour_w1"] < 12 and found["shape_area_w1"] < 25


def without(truth, removed):
    """The scenes without so many of their last shapes, down to none."""
    fewer = truth.copy()
    fewer["count"] = np.maximum(truth["count"].astype(int) - removed, 0)
    return fewer


def dimmed(truth, amount):
    darker = truth.copy()
    darker["shapes"]["colour"][..., 0] = (truth["shapes"]["colour"][..., 0] * (1 - 0.25 * amount)).astype(np.uint8)
    return darker


def shrunk(truth, amount):
    smaller = truth.copy()
    for extent in ("height", "width"):
        smaller["shapes"][extent] = (truth["shapes"][extent] * (1 - 0.15 * amount)).astype(np.uint8)
    return smaller


def starry(truth, amount):
    """A third more of the pictures with nothing but stars, each time."""
    one_kind = truth.copy()
    one_kind["shapes"]["kind"][: len(truth) * amount // 3] = 4
    return one_kind


DAMAGE = {"shape_count_tv": without, "shape_colour_w1": dimmed, "shape_area_w1": shrunk, "shape_kind_tv": starry}


@pytest.mark.parametrize("name", NAMES)
def test_each_score_grows_with_the_damage_it_is_made_for(name):
    real, truth = seen("a"), scenes("b")
    found = [scores(real, seen("b"))[name]]
    found += [scores(real, detected(shapes.paint(DAMAGE[name](truth, amount))))[name] for amount in (1, 2, 3)]
    assert (np.diff(found) > SHIFTS[name]).all(), found


def test_black_pictures_are_as_far_as_can_be():
    black = detected(np.zeros((7, 3, 64, 64), dtype=np.uint8))
    found = scores(seen("a"), black)
    assert found["shape_count_tv"] == pytest.approx(1, abs=0.01) and found["shape_kind_tv"] == 1
    areas = Detections.unpacked(seen("a")).areas
    assert found["shape_area_w1"] == pytest.approx(areas[areas > 0].mean(), rel=1e-9)
    assert 100 < found["shape_colour_w1"] < 442
    assert scores(black, black) == dict.fromkeys(NAMES, 0)


def hand(numbers, areas, colours):
    """Detections, one region or none for each picture."""
    found = np.zeros((len(numbers), REGIONS), dtype=np.int64), np.zeros((len(numbers), REGIONS, 3))
    found[0][:, 0], found[1][:, 0] = areas, colours
    return Detections(np.array(numbers), *found).packed()


def test_scores_by_hand():
    real = hand([[2, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]], [100, 200], [[100, 0, 0], [200, 0, 0]])
    generated = hand([[2, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]], [150, 0], [[103, 0, 4], [0, 0, 0]])
    found = scores(real, generated)
    assert found["shape_count_tv"] == 0.5
    assert found["shape_kind_tv"] == pytest.approx(2 / 3)  # (2, 1, 0, 0, 0; 0)/3 against (0, 1, 0, 0, 1; 1)/3
    assert found["shape_area_w1"] == (100 + 50) / 2
    moved = hand([[1] * 6] * 2, [100, 200], [[103, 0, 4], [203, 0, 4]])
    assert scores(real, moved)["shape_colour_w1"] == pytest.approx(5, rel=0.015)


@pytest.mark.parametrize("amount", [0, 1])
def test_one_draw_knows_how_far_draws_scatter(amount):
    """To a factor: a standard deviation of 25 draws is off by 14%, and near equal laws kinks widen."""
    draws = true_detections(shrunk(dimmed(without(scenes("many", 5000), amount), amount), amount)).split(200)
    real = true_detections(scenes("reference", 200))
    found = [scores(real, draw) for draw in draws]
    told = [spreads(real, draw) for draw in draws[:6]]
    for name in NAMES:
        scatter = np.std([each[name] for each in found], ddof=1)
        assert 0.7 < np.mean([math.sqrt(each[name].variance) for each in told]) / scatter < 2.2, name


def test_a_draw_of_few_pictures_says_nothing_of_its_scatter():
    assert set(spreads(seen("a"), seen("b")[:39])) == set(NAMES)
    assert {*spreads(seen("a"), seen("b")[:39]).values()} == {"no interval from fewer than 40 generated samples"}


QUICK = ImageEvaluation(
    n_real=None,
    name="quick", n=20, draws=10, chunk=64, seed=0, weights="ema", checkpoint="last", every=5, threads=1,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=Own(otherwise=Pixels(8)),
    neighbours=3, memory=None, transport=False, infinity=None,
)  # fmt: skip


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(shapes5, "TEST_SIZE", 200)
    return configured("purdue_shapes5", size=200)


@pytest.mark.parametrize("extractor", [QUICK.extractor, Pixels(8)], ids=["own", "pixels"])
def test_pictures_of_rendered_shapes_have_these_scores_with_interval_and_floor(data, extractor):
    evaluation = replace(QUICK, extractor=extractor)
    found = evaluation.score_draws(list(rendered("a")[:200].reshape(10, 20, 3, 64, 64)), data, Processes())
    assert list(evaluation.kinds(data)) == list(evaluation.protocol(data).estimators) == list(found)
    for name in NAMES:
        entry = found[name].plain()
        assert entry["better"] == "lower" and entry["low"] < entry["value"] < entry["high"]
        assert entry["floor"]["low"] < entry["floor"]["value"] < entry["floor"]["high"]
        assert entry["value"] == pytest.approx(entry["floor"]["value"], rel=0.5)
    few = evaluation.score_draws([rendered("a")[:20]] * 2, data, Processes())
    by_hand = scores(
        WithDetections(Pixels(8), shapes_cnn())(data.train.take(reference_rows(data))).detections, seen("a")[:20]
    )
    for name in NAMES:
        entry = few[name].plain()
        assert entry["value"] == pytest.approx(by_hand[name], rel=1e-9)
        assert entry["low"] is None and "no interval" in entry["reason"]


def reference_rows(data):
    return order(len(data.train), REFERENCE_SEED, "reference")[:20]


def test_pictures_of_an_archive_have_none_of_these_scores(data, monkeypatch):
    """Nobody knows what they show."""
    known = QUICK.protocol(data)
    for module in (images, shape_detection):
        monkeypatch.setattr(module, "are_rendered_shapes", lambda data: False)
    assert set(known.estimators) - set(QUICK.protocol(data).estimators) == set(NAMES)
    assert not set(QUICK.kinds(data)) & set(NAMES)
    extractor = QUICK.features(data).extractor
    found = extractor(torch.from_numpy(rendered("a")[:5]))
    assert found.detections is None and "detectors" not in extractor.identity()


def test_the_protocol_names_the_detectors():
    found = estimators(SHAPE_SCORES, SETTING)
    assert found["shape_kind_tv"]["weights"] == shapes_cnn().identity()["weights"]
    assert found["shape_area_w1"]["version"] == shape_detection.DETECTOR
